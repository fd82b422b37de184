import * as oauth from "oauth4webapi";
import type { HttpOptions } from "../http/index.ts";
import type { SessionStore } from "../session/index.ts";
import type { EnvId, TenantId, World } from "../types/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { TokenSet } from "./authorization-code.ts";
import type { BrokerKeys } from "./broker-keys.ts";
import { isHashOf } from "./consent.ts";
import type { GrantOwner } from "./grant-owner.ts";
import { grantAddress } from "./grant-owner.ts";
import type { OAuthAudit } from "./oauth-audit.ts";
import { outcomeOf } from "./oauth-audit.ts";
import type { Providers, ProviderScope } from "./provider.ts";
import { Refresher } from "./refresh.ts";
import { ResourceTokens } from "./resource-token.ts";
import { missingScopes } from "./scopes.ts";
import type { Fetch } from "./send-request.ts";
import { providerError, requestOptions } from "./send-request.ts";
import type { SignedAnswer, SignedRequest } from "./signed-fetch.ts";
import { signedFetch } from "./signed-fetch.ts";
import { readHandle, signHandle } from "./token-handle.ts";
import type { Grant, GrantSecrets } from "./token-vault.ts";
import { TokenVault } from "./token-vault.ts";

export interface GrantsOptions {
  readonly env: EnvId;
  readonly world: World;
  readonly secrets: GrantSecrets;
  readonly keys: BrokerKeys;
  readonly providers: Providers;
  readonly fetch: Fetch;
  readonly store: Pick<SessionStore, "takeTokens">;
  readonly http: HttpOptions;
  readonly audit: OAuthAudit;
  readonly know?: ((token: string) => void) | undefined;
}

/** A token as it is handed out. */
export interface AccessToken {
  readonly accessToken: string;
  readonly tokenType: string;
  readonly expiresAtMs?: number;
  readonly scopes: readonly string[];
}

/** How a word on a consent was taken. */
export type Confirmation = "confirmed" | "wrong" | "lost";

const TRIES = 5;

/** What was consented to: kept sealed, renewed when it is used, handed out by owner and scope. */
export class Grants {
  readonly #options: GrantsOptions;
  readonly #vault: TokenVault;
  readonly #refresher: Refresher;
  readonly #resources: ResourceTokens;

  constructor(options: GrantsOptions) {
    this.#options = options;
    this.#vault = new TokenVault(options.secrets, options.keys, options.know);
    this.#refresher = new Refresher({ ...options, vault: this.#vault });
    this.#resources = new ResourceTokens(options);
  }

  /** Keeps what a provider gave, in the place of what was there. */
  async keep(
    owner: GrantOwner,
    {
      tokens,
      actor,
      ...about
    }: Pick<Grant, "issuer" | "clientId"> &
      Partial<Pick<Grant, "visibility" | "confirm" | "asked">> & { readonly tokens: TokenSet; readonly actor?: string },
  ): Promise<void> {
    const createdAtMs = this.#options.world.nowMs();
    await this.#vault.write({ owner, visibility: "private", ...about, ...tokens, generation: 0, createdAtMs });
    this.#options.audit("oauth.consent", owner, { outcome: "allowed", ...(actor !== undefined && { actor }) });
  }

  /** Reads what is kept of an owner, good or not. @throws OAUTH_RECORD_INVALID */
  read(owner: GrantOwner): Promise<Grant | undefined> {
    return this.#vault.read(owner);
  }

  /** Lists a tenant's grants. */
  list(tenant: TenantId): Promise<readonly Grant[]> {
    return this.#vault.list(this.#options.env, tenant);
  }

  /**
   * Gives an access token that lives for a while, with the scopes that are asked for.
   * @throws OAUTH_CONSENT_MISSING, OAUTH_GRANT_BROKEN, OAUTH_SCOPE_DENIED, OAUTH_PROVIDER_UNKNOWN, OAUTH_PROVIDER_UNAVAILABLE
   */
  async token(
    owner: GrantOwner,
    {
      scopes = [],
      isForced = false,
      actor,
    }: { readonly scopes?: readonly string[]; readonly isForced?: boolean; readonly actor?: string } = {},
  ): Promise<AccessToken> {
    const by = actor === undefined ? {} : { actor };
    try {
      // A provider that was taken from the tenant gives nothing any more, whatever is kept.
      this.#options.providers.config(owner.provider, owner.tenant);
      const grant = await this.#refresher.fresh(owner, { isForced });
      const [missing] = missingScopes(scopes, grant.scopes);
      if (missing !== undefined)
        throw new GreenticError(
          "OAUTH_SCOPE_DENIED",
          `Get a token of ${quote(owner.provider)}: ${quote(missing)} isn't granted`,
        );
      this.#options.audit("oauth.token", owner, { outcome: "allowed", ...by });
      const { accessToken, tokenType, expiresAtMs } = grant;
      return { accessToken, tokenType, scopes: grant.scopes, ...(expiresAtMs !== undefined && { expiresAtMs }) };
    } catch (error) {
      if (error instanceof GreenticError)
        this.#options.audit("oauth.token", owner, { outcome: outcomeOf(error), code: error.code, ...by });
      throw error;
    }
  }

  /**
   * Gives a token of the tenant itself, by client credentials.
   * @throws OAUTH_PROVIDER_UNKNOWN, OAUTH_SCOPE_DENIED, OAUTH_CLIENT_MISSING, OAUTH_PROVIDER_…
   */
  async resourceToken(
    scope: ProviderScope,
    { provider: name, scopes }: { readonly provider: string; readonly scopes?: readonly string[] | undefined },
  ): Promise<AccessToken> {
    const provider = await this.#options.providers.open(name, scope);
    const wanted = scopes ?? provider.config.scopes.filter((one) => one !== "openid" && one !== "offline_access");
    const [missing] = missingScopes(wanted, provider.config.scopes);
    if (missing !== undefined)
      throw new GreenticError("OAUTH_SCOPE_DENIED", `Get a token of ${quote(name)}: ${quote(missing)} isn't declared`);
    const { env, tenant, team } = scope;
    const owner: GrantOwner = {
      env,
      tenant,
      ...(team !== undefined && { team }),
      provider: name,
      kind: "service",
      id: "resource",
    };
    const tokens = await this.#resources.get(provider, { key: grantAddress(owner), scopes: wanted });
    this.#options.audit("oauth.token", owner, { outcome: "allowed" });
    return tokens;
  }

  /** Sends a request with an owner's token. @throws what `token` and `sendHttp` throw, OAUTH_REQUEST_INVALID */
  async signedFetch(owner: GrantOwner, request: SignedRequest): Promise<SignedAnswer> {
    const { providers, http } = this.#options;
    const { origins } = providers.config(owner.provider, owner.tenant);
    const { accessToken } = await this.token(owner);
    return signedFetch(request, { accessToken, origins, http });
  }

  /** Makes a handle of a grant, for programs that call the broker. */
  handle(owner: GrantOwner): Promise<string> {
    return signHandle(this.#options.keys, owner);
  }

  /** Reads a handle. @throws OAUTH_HANDLE_INVALID */
  ownerOf(handle: string, scope: { readonly env: string; readonly tenant: string }): Promise<GrantOwner> {
    return readHandle(this.#options.keys, handle, scope);
  }

  /** Takes the digits that whoever asked repeats; after five wrong ones the grant is gone. */
  async confirm(
    owner: GrantOwner,
    { asked, digits }: { readonly asked: string; readonly digits: string },
  ): Promise<Confirmation> {
    const grant = await this.#vault.read(owner);
    if (grant?.asked !== asked) return "lost";
    const { confirm, ...rest } = grant;
    if (confirm === undefined) return "confirmed";
    if (isHashOf(digits, confirm.hash)) {
      await this.#vault.write(rest);
      this.#options.audit("oauth.consent", owner, { outcome: "allowed", rule: "confirmed" });
      return "confirmed";
    }
    const tries = confirm.tries + 1;
    if (tries < TRIES) {
      await this.#vault.write({ ...rest, confirm: { ...confirm, tries } });
      return "wrong";
    }
    await this.revoke(owner);
    return "lost";
  }

  /** Ends a grant: tells the provider, as far as it listens, and forgets the tokens. @returns false where there was none */
  async revoke(owner: GrantOwner): Promise<boolean> {
    const { audit } = this.#options;
    let grant: Grant | undefined;
    try {
      grant = await this.#vault.read(owner);
    } catch {
      // What can't be opened can still be forgotten.
    }
    const wasThere = await this.#vault.remove(owner);
    const token = grant?.refreshToken ?? grant?.accessToken;
    if (token !== undefined && token !== "") {
      try {
        await this.#tell(owner, token);
      } catch (error) {
        audit("oauth.revoke", owner, { outcome: "failed", code: providerError("Revoke", owner.provider, error).code });
        return wasThere;
      }
    }
    audit("oauth.revoke", owner, { outcome: "allowed" });
    return wasThere;
  }

  async #tell(owner: GrantOwner, token: string): Promise<void> {
    const { providers, fetch } = this.#options;
    const { server, client, auth } = await providers.open(owner.provider, owner);
    if (server.revocation_endpoint === undefined) return;
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(server, client, auth, token, requestOptions(fetch)),
    );
  }
}
