import { hash } from "node:crypto";
import type { OAuthConfig } from "../config/index.ts";
import type { HttpOptions } from "../http/index.ts";
import type { SecretReader } from "../secrets/index.ts";
import type { SessionStore } from "../session/index.ts";
import type { EnvId, TenantId, World } from "../types/index.ts";
import { GreenticError, quote, toGreenticError } from "../types/index.ts";
import type { TokenSet } from "./authorization-code.ts";
import { authorizationUrl, redeemAnswer, requestAuthorization } from "./authorization-code.ts";
import type { BrokerKeys } from "./broker-keys.ts";
import { randomText } from "./broker-keys.ts";
import type { ConsentEnd, ConsentRequest, Pending } from "./consent.ts";
import { isHashOf, keepPending, readPending } from "./consent.ts";
import type { GrantOwner } from "./grant-owner.ts";
import { isSameOwner } from "./grant-owner.ts";
import type { AccessToken } from "./grants.ts";
import { Grants } from "./grants.ts";
import type { OAuthAuditEntry } from "./oauth-audit.ts";
import { createAudit, outcomeOf } from "./oauth-audit.ts";
import type { OAuthAudit } from "./oauth-audit.ts";
import { PENDING_TTL_MS, PendingStore } from "./pending-store.ts";
import { Providers } from "./provider.ts";
import { missingScopes } from "./scopes.ts";
import type { Fetch } from "./send-request.ts";
import { createFetch } from "./send-request.ts";
import type { Grant, GrantSecrets } from "./token-vault.ts";

export interface BrokerOptions {
  readonly env: EnvId;
  readonly world: World;
  readonly config: OAuthConfig;
  readonly store: Pick<SessionStore, "accept" | "commit" | "read" | "takeTokens">;
  /** Where client secrets are. */
  readonly secrets: SecretReader;
  /** Where grants are kept, sealed. */
  readonly grants: GrantSecrets;
  readonly keys: BrokerKeys;
  /** Where browsers reach this host, without a slash at its end; undefined while nobody knows. */
  readonly baseUrl: () => string | undefined;
  readonly http: HttpOptions;
  /** Hears of every consent, token and renewal. */
  readonly note?: (entry: OAuthAuditEntry) => void;
  /** Hears every token that is kept or read, so that nothing says it. */
  readonly know?: (token: string) => void;
}

/** Where a person goes next. */
export type Departure =
  /** Say what will happen, and ask again with `isSure`. */
  | { readonly kind: "ask"; readonly provider: string }
  | {
      readonly kind: "leave";
      readonly location: string;
      /** What the browser must bring back. */
      readonly cookie: { readonly name: string; readonly value: string; readonly maxAgeSeconds: number };
    };

/** How a person came back. */
export interface Arrival {
  readonly outcome: "connected" | "denied";
  readonly returnUrl?: string;
  /** What whoever asked must write where they asked. */
  readonly code?: string;
  /** Whose flow goes on. */
  readonly end?: ConsentEnd;
}

/** Where providers send browsers back to, before the provider's name: each has its own, so that none answers for another. */
export const CALLBACK_PATH = "/oauth/callback";
const STARTS = { capacity: 60, perSecond: 1 } as const;

/**
 * Gets people's consent and keeps what comes of it. A consent is asked for under a link that works once, redeemed once, by the
 * browser that left, with the answer of the provider that was asked; its tokens belong to who asked.
 * @see RFC 9700, docs/oauth.md
 */
export class OAuthBroker {
  readonly providers: Providers;
  readonly grants: Grants;
  readonly fetch: Fetch;
  readonly #options: BrokerOptions;
  readonly #pending: PendingStore;
  readonly #audit: OAuthAudit;

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.fetch = createFetch(options.http);
    this.providers = new Providers({
      providers: options.config.providers,
      secrets: options.secrets,
      fetch: this.fetch,
      world: options.world,
    });
    this.#audit = createAudit(options.note ?? (() => undefined));
    this.#pending = new PendingStore(options);
    this.grants = new Grants({
      ...options,
      secrets: options.grants,
      providers: this.providers,
      fetch: this.fetch,
      audit: this.#audit,
    });
  }

  /**
   * Asks for a consent: the link works once, for 15 minutes.
   * @throws OAUTH_PROVIDER_UNKNOWN, OAUTH_SCOPE_DENIED, OAUTH_REQUEST_INVALID, OAUTH_RATE_LIMITED
   */
  async ask(request: ConsentRequest): Promise<{ readonly url: string; readonly expiresAtMs: number }> {
    const { owner, returnUrl, exchange } = request;
    const { store, world, config } = this.#options;
    const { scopes: allowed } = this.providers.config(owner.provider, owner.tenant);
    const scopes = this.#scopesOf(owner, request.scopes ?? allowed, allowed);
    const base = this.#base();
    if (returnUrl !== undefined && !isOwnPath(returnUrl) && !config.returnUrls.includes(returnUrl))
      throw new GreenticError("OAUTH_REQUEST_INVALID", "Ask for consent: redirect_uri isn't among oauth.return_urls");
    if (exchange !== undefined && !isOwnPath(exchange.path))
      throw new GreenticError("OAUTH_REQUEST_INVALID", "Ask for consent: the redirect path is no path of this host");
    const bucket = `oauth-ask:${owner.env}:${owner.tenant}:${owner.team ?? "_"}:${owner.provider}`;
    const retryAfterMs = await store.takeTokens(bucket, STARTS);
    if (retryAfterMs > 0)
      throw new GreenticError("OAUTH_RATE_LIMITED", `Ask ${quote(owner.provider)} for consent: too many of late`, {
        retryAfterMs,
      });
    const id = await this.#pending.put(owner.tenant, keepPending({ step: "asked", request: { ...request, scopes } }));
    return { url: `${base}/authorize/${id}`, expiresAtMs: world.nowMs() + PENDING_TTL_MS };
  }

  /** Opens a link. @throws OAUTH_STATE_INVALID, OAUTH_PROVIDER_… */
  async leave(id: string, { isSure }: { readonly isSure: boolean }): Promise<Departure> {
    const seen = readPending(await this.#pending.peek(id));
    if (seen?.step !== "asked") throw gone();
    if (seen.request.asksFirst === true && !isSure) return { kind: "ask", provider: seen.request.owner.provider };
    const pending = readPending(await this.#pending.take(id));
    if (pending?.step !== "asked") throw gone();
    const { request } = pending;
    const { owner, scopes, prompt, hints } = request;
    const { world } = this.#options;
    const provider = await this.providers.open(owner.provider, owner);
    const redirectUri = `${this.#base()}${CALLBACK_PATH}/${owner.provider}`;
    const authorization = requestAuthorization(provider, { world, redirectUri, scopes });
    const browser = randomText(world.randomBytes(32));
    const sent: Pending = { step: "sent", request, authorization, browser: hash("sha256", browser) };
    const state = await this.#pending.put(owner.tenant, keepPending(sent));
    return {
      kind: "leave",
      location: await authorizationUrl(provider, authorization, { state, prompt, hints }),
      cookie: { name: cookieName(state), value: browser, maxAgeSeconds: PENDING_TTL_MS / 1_000 },
    };
  }

  /**
   * Takes an answer that a browser brought: the state is used up whatever comes of it.
   * @throws OAUTH_STATE_INVALID for a state that is unknown, used, too old or another browser's, and for another provider's path
   */
  async arrive(path: string, answer: URLSearchParams, cookie: (name: string) => string | undefined): Promise<Arrival> {
    const states = answer.getAll("state");
    const [state = ""] = states;
    const pending = states.length === 1 ? readPending(await this.#pending.take(state)) : undefined;
    const { authorization, browser } = pending ?? {};
    if (pending?.step !== "sent" || authorization === undefined || browser === undefined) throw gone();
    const { owner, returnUrl, waiting, needsConfirmation } = pending.request;
    if (new URL(authorization.redirectUri).pathname !== path || !isHashOf(cookie(cookieName(state)) ?? "", browser)) {
      this.#audit("oauth.consent", owner, { outcome: "denied", code: "OAUTH_STATE_INVALID" });
      throw gone();
    }
    const rest = {
      ...(returnUrl !== undefined && { returnUrl: isOwnPath(returnUrl) ? `${this.#base()}${returnUrl}` : returnUrl }),
    };
    try {
      const { world } = this.#options;
      const provider = await this.providers.open(owner.provider, owner);
      const tokens = await redeemAnswer(provider, authorization, { answer, state, fetch: this.fetch, world });
      if (pending.request.exchange !== undefined) return await this.#handOver({ ...pending, step: "redeemed", tokens });
      const digits = needsConfirmation === true ? sixDigits(world.randomBytes(4)) : undefined;
      await this.#keep(pending, tokens, { digits });
      return {
        ...rest,
        outcome: "connected",
        ...(digits !== undefined && { code: digits }),
        ...(waiting !== undefined && { end: { waiting, outcome: "connected" } }),
      };
    } catch (thrown) {
      const error = toGreenticError(thrown, "OAUTH_RESPONSE_INVALID", "Redeem a consent");
      this.#audit("oauth.consent", owner, { outcome: outcomeOf(error), code: error.code });
      return {
        ...rest,
        outcome: "denied",
        ...(waiting !== undefined && { end: { waiting, outcome: "denied", error: error.code } }),
      };
    }
  }

  /**
   * Gives a grant to whoever brings the code that the browser got for it: once, within 15 minutes, for the owner and the path that the
   * consent was asked for. A code that is brought for another one is used up.
   * @throws OAUTH_CODE_INVALID, and what `token` of grants throws
   */
  async exchange(
    owner: GrantOwner,
    { code, path, actor }: { readonly code: string; readonly path: string; readonly actor: string },
  ): Promise<AccessToken> {
    const pending = readPending(await this.#pending.take(code));
    const { request, tokens } = pending ?? {};
    const isRight = request !== undefined && isSameOwner(request.owner, owner) && request.exchange?.path === path;
    if (pending === undefined || tokens === undefined || !isRight) {
      this.#audit("oauth.consent", owner, { outcome: "denied", code: "OAUTH_CODE_INVALID", actor });
      throw new GreenticError(
        "OAUTH_CODE_INVALID",
        `Exchange a code of ${quote(owner.provider)}: it isn't good for this`,
      );
    }
    await this.#keep(pending, tokens, { actor });
    return this.grants.token(owner, { actor });
  }

  /** Lists the grants of a tenant at a provider that others than their owners may know of. */
  async status(scope: { readonly env: EnvId; readonly tenant: TenantId }, provider: string): Promise<readonly Grant[]> {
    this.providers.config(provider, scope.tenant);
    const all = await this.grants.list(scope.tenant);
    return all.filter(({ owner }) => owner.provider === provider);
  }

  /** Checks scopes against a declaration. @throws OAUTH_SCOPE_DENIED */
  #scopesOf(owner: GrantOwner, wanted: readonly string[], allowed: readonly string[]): readonly string[] {
    const [first] = missingScopes(wanted, allowed);
    if (first === undefined) return [...new Set(wanted)];
    throw new GreenticError(
      "OAUTH_SCOPE_DENIED",
      `Ask ${quote(owner.provider)} for consent: ${quote(first)} isn't declared`,
    );
  }

  /** Keeps tokens until somebody brings the code for them; where the path is the broker's own, its page shows the code. */
  async #handOver(pending: Pending): Promise<Arrival> {
    const { owner, exchange } = pending.request;
    const code = await this.#pending.put(owner.tenant, keepPending(pending));
    const url = new URL(`${this.#base()}${exchange?.path ?? ""}`);
    if (/^(?:\/v1\/oauth)?(?:\/oauth)?\/callback(?:\/|$)/.test(url.pathname)) return { outcome: "connected", code };
    url.searchParams.set("code", code);
    if (exchange?.state !== undefined) url.searchParams.set("state", exchange.state);
    return { outcome: "connected", returnUrl: url.href };
  }

  async #keep(
    { request, authorization }: Pending,
    tokens: TokenSet,
    { digits, actor }: { readonly digits?: string | undefined; readonly actor?: string },
  ): Promise<void> {
    const { owner, visibility, waiting } = request;
    await this.grants.keep(owner, {
      tokens,
      issuer: authorization?.issuer ?? "",
      clientId: authorization?.clientId ?? "",
      ...(visibility !== undefined && { visibility }),
      ...(actor !== undefined && { actor }),
      ...(digits !== undefined && { confirm: { hash: hash("sha256", digits), tries: 0 } }),
      ...(waiting !== undefined && { asked: waiting.code }),
    });
  }

  #base(): string {
    const base = this.#options.baseUrl();
    if (base !== undefined) return base;
    throw new GreenticError(
      "OAUTH_REQUEST_INVALID",
      "Ask for consent: nobody says where browsers reach this host; set server.public_base_url",
    );
  }
}

/** One answer for all that can be wrong with a link or a state: whoever tries states learns nothing. */
function gone(): GreenticError {
  return new GreenticError("OAUTH_STATE_INVALID", "Continue a consent: the link isn't good any more");
}

/** Several consents of one browser don't take each other's cookie. */
function cookieName(state: string): string {
  return `greentic-oauth-${hash("sha256", state).slice(0, 12)}`;
}

/** A path of this host: `//` and `/\` lead elsewhere. */
function isOwnPath(text: string): boolean {
  return /^\/(?![/\\])[^\\\u0000-\u0020\u007f]*$/.test(text);
}

function sixDigits(bytes: Uint8Array): string {
  return String(Buffer.from(bytes).readUInt32BE() % 1_000_000).padStart(6, "0");
}
