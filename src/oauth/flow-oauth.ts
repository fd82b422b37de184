import { isOriginAllowed } from "../http/index.ts";
import type { JsonObject, TenantCtx } from "../types/index.ts";
import { DEFAULT_TEAM, GreenticError, quote } from "../types/index.ts";
import type { OAuthBroker } from "./broker.ts";
import { hintsOf } from "./consent.ts";
import type { GrantOwner } from "./grant-owner.ts";
import type { AccessToken, Confirmation } from "./grants.ts";

/** The service grant that stands for the tenant itself, where nothing else is named: what `gtc oauth login` makes. */
export const TENANT_SERVICE = "default";

const MAX_STATE = 512;

/** Whose token is meant: the session's person's, or the tenant's. */
export type TokenOf = "user" | "tenant";

/**
 * What flows and components get of the broker. Whose tokens they are comes from the context of the work: a person's are that
 * person's own sessions' alone, a service's the whole tenant's.
 */
export class FlowOAuth {
  readonly #broker: OAuthBroker;

  constructor(broker: OAuthBroker) {
    this.#broker = broker;
  }

  /** Asks the session's person for a consent that a node waits for. @throws as `ask` of the broker */
  connect(
    ctx: TenantCtx,
    wait: {
      readonly provider: string;
      readonly scopes?: readonly string[];
      readonly code: string;
      readonly needsConfirmation: boolean;
    },
  ): Promise<{ readonly url: string; readonly expiresAtMs: number }> {
    const { provider, scopes, code, needsConfirmation } = wait;
    const owner = personOf(ctx, provider);
    return this.#broker.ask({
      owner,
      ...(scopes !== undefined && { scopes }),
      waiting: { session: ctx.session ?? "", code },
      asksFirst: true,
      needsConfirmation,
    });
  }

  /** Tells how far a consent is that was asked for under a code. */
  async look(
    ctx: TenantCtx,
    { provider, code }: { readonly provider: string; readonly code: string },
  ): Promise<"open" | "unconfirmed" | "connected"> {
    const grant = await this.#broker.grants.read(personOf(ctx, provider));
    if (grant?.asked !== code) return "open";
    return grant.confirm === undefined ? "connected" : "unconfirmed";
  }

  /** Tells whether the person has consented already, to these scopes at least. */
  async has(
    ctx: TenantCtx,
    { provider, scopes }: { readonly provider: string; readonly scopes?: readonly string[] },
  ): Promise<boolean> {
    try {
      await this.#broker.grants.token(personOf(ctx, provider), {
        ...(scopes !== undefined && { scopes }),
        actor: actorOf(ctx),
      });
      return true;
    } catch (error) {
      const isNone =
        error instanceof GreenticError &&
        ["OAUTH_CONSENT_MISSING", "OAUTH_GRANT_BROKEN", "OAUTH_SCOPE_DENIED", "OAUTH_RECORD_INVALID"].includes(
          error.code,
        );
      if (isNone) return false;
      throw error;
    }
  }

  /** Takes the digits that the person saw in the browser. */
  confirm(
    ctx: TenantCtx,
    { provider, code, digits }: { readonly provider: string; readonly code: string; readonly digits: string },
  ): Promise<Confirmation> {
    return this.#broker.grants.confirm(personOf(ctx, provider), { asked: code, digits });
  }

  /**
   * Gives a token for a request to an address, which must be one of the provider's declared origins.
   * @throws HTTP_ORIGIN_DENIED, OAUTH_…
   */
  async tokenFor(
    ctx: TenantCtx,
    wanted: { readonly provider: string; readonly scopes: readonly string[]; readonly of: TokenOf; readonly url: URL },
  ): Promise<string> {
    const { provider, scopes, of, url } = wanted;
    const { origins } = this.#broker.providers.config(provider, ctx.tenant);
    if (!isOriginAllowed(url, origins))
      throw new GreenticError(
        "HTTP_ORIGIN_DENIED",
        `Send a token of ${quote(provider)}: ${quote(url.origin)} isn't among its origins`,
      );
    const { accessToken } = await this.#token(ctx, { provider, scopes, subject: of === "user" ? "" : TENANT_SERVICE });
    return accessToken;
  }

  /** `greentic:oauth-broker/broker-v1#get-consent-url`: the browser ends at the path with a code for `exchange-code`. */
  async consentUrl(
    ctx: TenantCtx,
    request: {
      readonly provider: string;
      readonly subject: string;
      readonly scopes: readonly string[];
      readonly redirectPath: string;
      readonly extra: JsonObject;
    },
  ): Promise<string> {
    const { provider, subject, scopes, redirectPath, extra } = request;
    const { prompt, state } = extra;
    const { url } = await this.#broker.ask({
      owner: ownerOf(ctx, provider, subject),
      ...(scopes.length > 0 && { scopes }),
      exchange: { path: redirectPath, ...(typeof state === "string" && state.length <= MAX_STATE && { state }) },
      hints: hintsOf(extra),
      asksFirst: true,
      ...(typeof prompt === "string" && { prompt }),
    });
    return url;
  }

  /**
   * `exchange-code`: the provider's code never leaves the broker, which redeemed it with its state and verifier; what the browser
   * brought is the broker's own, for this owner and path alone. @throws OAUTH_CODE_INVALID
   */
  async exchange(
    ctx: TenantCtx,
    request: {
      readonly provider: string;
      readonly subject: string;
      readonly code: string;
      readonly redirectPath: string;
    },
  ): Promise<JsonObject> {
    const { provider, subject, code, redirectPath } = request;
    const owner = ownerOf(ctx, provider, subject);
    return tokenSet(await this.#broker.exchange(owner, { code, path: redirectPath, actor: actorOf(ctx) }));
  }

  /** `get-token`; undefined where somebody has to consent first. */
  async token(
    ctx: TenantCtx,
    request: { readonly provider: string; readonly subject: string; readonly scopes: readonly string[] },
  ): Promise<JsonObject | undefined> {
    try {
      return tokenSet(await this.#token(ctx, request));
    } catch (error) {
      const isMissing =
        error instanceof GreenticError &&
        (error.code === "OAUTH_CONSENT_MISSING" || error.code === "OAUTH_GRANT_BROKEN");
      if (isMissing) return undefined;
      throw error;
    }
  }

  /** A service's grant may be the team's or the whole tenant's; the nearer one counts. */
  async #token(
    ctx: TenantCtx,
    {
      provider,
      subject,
      scopes,
    }: { readonly provider: string; readonly subject: string; readonly scopes: readonly string[] },
  ): Promise<AccessToken> {
    const owner = ownerOf(ctx, provider, subject);
    const { grants } = this.#broker;
    const actor = actorOf(ctx);
    if (owner.kind === "service" && owner.team !== undefined && (await grants.read(owner)) === undefined) {
      const { team: _team, ...tenantWide } = owner;
      return grants.token(tenantWide, { scopes, actor });
    }
    return grants.token(owner, { scopes, actor });
  }
}

/** A token as components get it; the refresh token stays here. */
function tokenSet({ accessToken, tokenType, expiresAtMs, scopes }: AccessToken): JsonObject {
  return {
    access_token: accessToken,
    token_type: tokenType,
    scope: scopes.join(" "),
    ...(expiresAtMs !== undefined && { expires_at: Math.floor(expiresAtMs / 1_000) }),
  };
}

/** The grants of the person whose session it is; nobody can name another's. @throws OAUTH_CONSENT_MISSING where there is nobody */
function personOf(ctx: TenantCtx, provider: string): GrantOwner {
  const { env, tenant, team, user, provider: channel } = ctx;
  if (user === undefined)
    throw new GreenticError("OAUTH_CONSENT_MISSING", `Find the tokens of ${quote(provider)}: no person is here`);
  return {
    env,
    tenant,
    ...(team !== DEFAULT_TEAM && { team }),
    provider,
    kind: "user",
    id: `${channel ?? ""}:${user}`,
  };
}

/** What a component's `subject` means: nothing, `user` or the person's own name is the person, all else a service of the tenant. */
function ownerOf(ctx: TenantCtx, provider: string, subject: string): GrantOwner {
  if (subject === "" || subject === "user" || subject === ctx.user) return personOf(ctx, provider);
  const { env, tenant, team } = ctx;
  return { env, tenant, ...(team !== DEFAULT_TEAM && { team }), provider, kind: "service", id: subject };
}

function actorOf({ flow, node }: TenantCtx): string {
  return flow === undefined ? "flow" : `flow:${flow}/${node ?? ""}`;
}
