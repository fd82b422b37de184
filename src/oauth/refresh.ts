import { hash } from "node:crypto";
import * as oauth from "oauth4webapi";
import type { SessionStore } from "../session/index.ts";
import type { World } from "../types/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { TokenSet } from "./authorization-code.ts";
import { tokenSetOf } from "./authorization-code.ts";
import type { GrantOwner } from "./grant-owner.ts";
import { grantAddress } from "./grant-owner.ts";
import type { OAuthAudit } from "./oauth-audit.ts";
import type { Provider, Providers } from "./provider.ts";
import type { Fetch } from "./send-request.ts";
import { providerError, refusalOf, requestOptions } from "./send-request.ts";
import type { Grant, TokenVault } from "./token-vault.ts";

export interface RefresherOptions {
  readonly world: World;
  readonly vault: TokenVault;
  readonly providers: Providers;
  readonly fetch: Fetch;
  /** The pace that all processes share; one refresh of a generation takes its only token. */
  readonly store: Pick<SessionStore, "takeTokens">;
  readonly audit: OAuthAudit;
}

/** A token that lives no longer than this is renewed before it is used. */
const MARGIN_MS = 60_000;
/** Longer than the slowest answer, so that a process that died doesn't hold the others up for long. */
const LEASE_SECONDS = 15;
const LOOK_MS = 200;
const PAUSE_MS = 1_000;
const FAILED_MAX = 1_000;

/**
 * Renews tokens: however many ask in however many processes, one request goes out for each generation of a grant. What the provider
 * gives is kept before anybody uses it, so that a crash never leaves a token in use whose successor is lost. A refusal of a refresh
 * token that isn't the newest means that another process renewed it; of the newest, that only a person can help.
 */
export class Refresher {
  readonly #options: RefresherOptions;
  readonly #underWay = new Map<string, Promise<Grant>>();
  /** Renewals that failed of late: a provider that is down isn't asked by every call. */
  readonly #failed = new Map<string, { readonly atMs: number; readonly error: GreenticError }>();
  /** Renewed and not kept yet: where the secrets can't be written, the provider's last word isn't lost. */
  readonly #unsaved = new Map<string, Grant>();

  constructor(options: RefresherOptions) {
    this.#options = options;
  }

  /**
   * Gives a grant whose access token is good for a while.
   * @throws OAUTH_CONSENT_MISSING, OAUTH_GRANT_BROKEN, OAUTH_PROVIDER_UNAVAILABLE where the token can't be renewed and the old one is over
   */
  async fresh(owner: GrantOwner, { isForced = false }: { readonly isForced?: boolean } = {}): Promise<Grant> {
    const key = grantAddress(owner);
    // A forced renewal that finds one under way has what it wants: whatever comes of it is new.
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    const grant = await this.#usable(owner);
    if (!isForced && !this.#isOld(grant)) return grant;
    const started = this.#underWay.get(key);
    if (started !== undefined) return started;
    const renewal = this.#renew(grant, isForced).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, renewal);
    return renewal;
  }

  /** Reads a grant that may be used. @throws OAUTH_CONSENT_MISSING, OAUTH_GRANT_BROKEN */
  async #usable(owner: GrantOwner): Promise<Grant> {
    const key = grantAddress(owner);
    const unsaved = this.#unsaved.get(key);
    if (unsaved !== undefined) await this.#keep(unsaved);
    const grant = await this.#options.vault.read(owner);
    const what = `Use the tokens of ${quote(owner.provider)}`;
    if (grant === undefined) throw new GreenticError("OAUTH_CONSENT_MISSING", `${what}: nobody has consented`);
    if (grant.confirm !== undefined)
      throw new GreenticError("OAUTH_CONSENT_MISSING", `${what}: the consent isn't confirmed`);
    if (grant.broken !== undefined) throw new GreenticError("OAUTH_GRANT_BROKEN", `${what}: it was ${grant.broken}`);
    return grant;
  }

  #isOld({ expiresAtMs }: Grant): boolean {
    return expiresAtMs !== undefined && expiresAtMs - MARGIN_MS <= this.#options.world.nowMs();
  }

  #isOver({ expiresAtMs }: Grant): boolean {
    return expiresAtMs !== undefined && expiresAtMs <= this.#options.world.nowMs();
  }

  async #renew(grant: Grant, isForced: boolean): Promise<Grant> {
    const { owner } = grant;
    if (grant.refreshToken === undefined) {
      if (!isForced && !this.#isOver(grant)) return grant;
      throw new GreenticError(
        "OAUTH_CONSENT_MISSING",
        `Renew the tokens of ${quote(owner.provider)}: it gave nothing to renew them with`,
      );
    }
    try {
      if (!(await this.#lease(grant))) return await this.#await(grant, isForced);
      // Another process may have been done just before.
      const now = await this.#usable(owner);
      if (now.generation !== grant.generation || now.createdAtMs !== grant.createdAtMs) return now;
      return await this.#ask(now);
    } catch (error) {
      // The old token serves as long as it lives; it is tried again with the next use.
      const isPassing = error instanceof GreenticError && error.kind === "unavailable";
      if (isPassing && !isForced && !this.#isOver(grant)) return grant;
      throw error;
    }
  }

  /** Takes the right to renew this generation; one that failed keeps it for its time. */
  async #lease(grant: Grant): Promise<boolean> {
    const { world, store } = this.#options;
    const name = leaseOf(grant);
    const failed = this.#failed.get(name);
    if (failed !== undefined) {
      const agoMs = world.monotonicMs() - failed.atMs;
      if (agoMs < PAUSE_MS) throw failed.error;
      if (agoMs < LEASE_SECONDS * 1_000) return true;
      this.#failed.delete(name);
    }
    return (await store.takeTokens(name, { capacity: 1, perSecond: 1 / LEASE_SECONDS })) === 0;
  }

  /** Waits until another process has renewed the grant. */
  async #await(grant: Grant, isForced: boolean): Promise<Grant> {
    const { world } = this.#options;
    const untilMs = world.monotonicMs() + LEASE_SECONDS * 1_000;
    while (world.monotonicMs() < untilMs) {
      const now = await this.#usable(grant.owner);
      if (now.generation !== grant.generation || now.createdAtMs !== grant.createdAtMs) return now;
      // Good for a moment still: whoever renews it is given the time.
      if (!isForced && !this.#isOver(now)) return now;
      const { promise, resolve } = Promise.withResolvers<void>();
      world.schedule(LOOK_MS, resolve);
      await promise;
    }
    throw new GreenticError(
      "OAUTH_PROVIDER_UNAVAILABLE",
      `Renew the tokens of ${quote(grant.owner.provider)}: another process tries and isn't done`,
      { retryAfterMs: 2_000 },
    );
  }

  async #ask(grant: Grant): Promise<Grant> {
    const { owner } = grant;
    const { providers, audit } = this.#options;
    let provider: Provider;
    let tokens: TokenSet;
    try {
      provider = await providers.open(owner.provider, owner);
      // A refresh token is bound to its client and issuer: another one's hands would be the wrong ones.
      if (provider.server.issuer !== grant.issuer || provider.client.client_id !== grant.clientId)
        throw new GreenticError(
          "OAUTH_CONSENT_MISSING",
          `Renew the tokens of ${quote(owner.provider)}: they are of another registration`,
        );
      tokens = await this.#request(provider, grant);
    } catch (error) {
      const refusal = refusalOf(error);
      // Microsoft asks for the person by other words where a second factor or a new consent is due; only they can help there, too.
      if (refusal === "invalid_grant" || refusal === "denied") return this.#refused(grant, refusal);
      const failure = providerError("Renew tokens", owner.provider, error);
      audit("oauth.refresh", owner, { outcome: "failed", code: failure.code });
      this.#noteFailure(leaseOf(grant), failure);
      throw failure;
    }
    const { refreshToken = grant.refreshToken, ...rest } = tokens;
    const { expiresAtMs: _old, ...kept } = grant;
    const renewed: Grant = {
      ...kept,
      ...rest,
      ...(refreshToken !== undefined && { refreshToken }),
      isRotated: refreshToken !== grant.refreshToken,
      ...(rest.subject === undefined && grant.subject !== undefined && { subject: grant.subject }),
      generation: grant.generation + 1,
    };
    await this.#keep(renewed);
    audit("oauth.refresh", owner, { outcome: "allowed" });
    return renewed;
  }

  async #request({ server, client, auth }: Provider, grant: Grant): Promise<TokenSet> {
    const { fetch, world } = this.#options;
    const refresh = grant.refreshToken ?? "";
    const response = await oauth.refreshTokenGrantRequest(server, client, auth, refresh, requestOptions(fetch));
    const tokens = await oauth.processRefreshTokenResponse(server, client, response);
    return tokenSetOf(tokens, { scopes: grant.scopes, world });
  }

  #noteFailure(name: string, error: GreenticError): void {
    if (this.#failed.size >= FAILED_MAX) this.#failed.clear();
    this.#failed.set(name, { atMs: this.#options.world.monotonicMs(), error });
  }

  /** Keeps what a provider gave before it is used; where that fails, it stays in memory and is kept with the next use. */
  async #keep(grant: Grant): Promise<void> {
    const key = grantAddress(grant.owner);
    this.#unsaved.set(key, grant);
    await this.#options.vault.write(grant);
    this.#unsaved.delete(key);
  }

  /** The provider doesn't take the refresh token: somebody else has used it, or the grant was revoked. */
  async #refused(grant: Grant, refusal: "invalid_grant" | "denied"): Promise<Grant> {
    const { vault, audit } = this.#options;
    const now = await this.#usable(grant.owner);
    // Another process was faster: its lease ran out before the provider answered.
    if (now.generation !== grant.generation || now.createdAtMs !== grant.createdAtMs) return now;
    // A token that was rotated and is refused now was used by somebody who isn't this broker, or the provider shut the whole family.
    // Microsoft brings new ones and goes on taking the old: there it says nothing of others.
    const { preset } = this.#options.providers.config(grant.owner.provider, grant.owner.tenant);
    const isSingleUse = grant.isRotated === true && preset !== "microsoft";
    const broken = refusal === "invalid_grant" && isSingleUse ? "reused" : "revoked";
    const { refreshToken: _dead, ...rest } = now;
    await vault.write({ ...rest, accessToken: "", broken });
    audit("oauth.refresh", grant.owner, { outcome: "denied", code: "OAUTH_GRANT_BROKEN", rule: broken });
    throw new GreenticError(
      "OAUTH_GRANT_BROKEN",
      `Renew the tokens of ${quote(grant.owner.provider)}: the refresh token was ${broken}`,
    );
  }
}

function leaseOf({ owner, createdAtMs, generation }: Grant): string {
  return `oauth-refresh:${hash("sha256", `${grantAddress(owner)}\n${createdAtMs}\n${generation}`)}`;
}
