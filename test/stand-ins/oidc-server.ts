import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";

/** How an OpenID provider behaves; whatever isn't said is as the specifications want it. */
export interface OidcBehavior {
  /** Leaves `iss` out of answers and of its metadata. */
  hidesIssuer?: boolean;
  /** Takes any verifier: what PKCE is there against. */
  ignoresPkce?: boolean;
  /** Refresh tokens are good for one use, and the second use of one shuts the whole family. Default true. */
  rotates?: boolean;
  expiresInSeconds?: number;
  /** Waits before it answers at the token endpoint. */
  delayMs?: number;
  /** Answers the token endpoint with this status and nothing else. */
  failsWith?: number;
  /** What `iss` of its metadata is, where it isn't its own. */
  claimsIssuer?: string;
  /** What its id tokens say beside their own, `iss` included. */
  tokenClaims?: Readonly<Record<string, string>>;
  /** What the API behind its tokens answers; what was asked, where nothing is said. */
  api?: object;
  /**
   * Where it is as these document themselves. Google: a refresh token comes with `access_type=offline` for the first consent, or with
   * `prompt=consent`, never with a renewal; scopes come back by their long names; a device's code that waits is 428. Microsoft: a
   * refresh token comes with `offline_access`, each renewal brings another and takes the old ones, too; it names itself in no answer; one
   * prompt at most.
   */
  like?: "google" | "microsoft";
  /** Refuses renewals with this error. */
  refusesRenewals?: string;
  /** How often a device's code is still to be entered. */
  devicePolls?: number;
}

/** An OpenID provider of a test: every consent is given at once; what it saw and gave is there to be looked at. */
export interface OidcStandIn extends AsyncDisposable {
  readonly issuer: string;
  readonly behavior: OidcBehavior;
  /** Forms of the token endpoint in the order in which they came. */
  readonly requests: URLSearchParams[];
  /** Access tokens that are good now. */
  readonly tokens: Set<string>;
  /** Tokens that were given back. */
  readonly revoked: string[];
  /** Everything secret that it ever gave: tokens and codes. */
  readonly secrets: string[];
  /** Gives a code as if somebody had consented, without PKCE's challenge being known to whom it is for. */
  readonly giveCode: (clientId: string, redirectUri: string, challenge: string, nonce?: string) => string;
}

interface Code {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly challenge: string;
  readonly nonce: string | undefined;
  readonly scope: string;
  /** Whether its tokens can be renewed. */
  readonly isOffline: boolean;
}

const LONG_NAMES: Readonly<Record<string, string>> = {
  email: "https://www.googleapis.com/auth/userinfo.email",
  profile: "https://www.googleapis.com/auth/userinfo.profile",
};

export async function startOidcStandIn(behavior: OidcBehavior = {}): Promise<OidcStandIn> {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const jwk = { ...(await exportJWK(publicKey)), kid: "one", alg: "ES256", use: "sig" };
  const codes = new Map<string, Code>();
  const families = new Map<string, { current: string; isShut: boolean; readonly scope: string }>();
  const familyOf = new Map<string, string>();
  const devices = new Map<string, string>();
  const consented = new Set<string>();
  const stand = {
    requests: [] as URLSearchParams[],
    tokens: new Set<string>(),
    revoked: [] as string[],
    secrets: [] as string[],
  };
  const server = createServer((request, response) => void serve(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const secret = (prefix: string): string => {
    const made = `${prefix}-${randomUUID()}`;
    stand.secrets.push(made);
    return made;
  };

  const hidesIssuer = (): boolean => behavior.hidesIssuer === true || behavior.like === "microsoft";

  async function tokensFor(
    scope: string,
    family: string | undefined,
    claims?: { clientId: string; nonce: string | undefined },
  ): Promise<object> {
    const access = secret("access");
    stand.tokens.add(access);
    let refresh: string | undefined;
    if (family !== undefined) {
      const kept = families.get(family);
      const stays = behavior.rotates === false || behavior.like === "google";
      refresh = kept !== undefined && stays ? kept.current : secret("refresh");
      families.set(family, { current: refresh, isShut: false, scope });
      familyOf.set(refresh, family);
      if (kept !== undefined && behavior.like === "google") refresh = undefined;
    }
    const idToken =
      claims === undefined || !scope.split(" ").includes("openid")
        ? undefined
        : await new SignJWT({
            ...behavior.tokenClaims,
            ...(claims.nonce !== undefined && { nonce: claims.nonce }),
          })
            .setProtectedHeader({ alg: "ES256", kid: "one" })
            .setIssuer(behavior.tokenClaims?.["iss"] ?? issuer)
            .setSubject("account-1")
            .setAudience(claims.clientId)
            .setIssuedAt()
            .setExpirationTime("5m")
            .sign(privateKey);
    return {
      access_token: access,
      token_type: "Bearer",
      expires_in: behavior.expiresInSeconds ?? 3_600,
      scope: grantedScope(scope),
      ...(refresh !== undefined && { refresh_token: refresh }),
      ...(idToken !== undefined && { id_token: idToken }),
    };
  }

  function grantedScope(scope: string): string {
    const names = scope.split(" ");
    if (behavior.like === "google") return names.map((name) => LONG_NAMES[name] ?? name).join(" ");
    return (behavior.like === "microsoft" ? names.filter((name) => name !== "offline_access") : names).join(" ");
  }

  /** Whether an authorization's tokens can be renewed. */
  function isOffline(query: URLSearchParams): boolean {
    const client = query.get("client_id") ?? "";
    const isFirst = !consented.has(client);
    consented.add(client);
    const asksConsent = (query.get("prompt") ?? "").split(" ").includes("consent");
    if (behavior.like === "google") return query.get("access_type") === "offline" && (isFirst || asksConsent);
    return behavior.like !== "microsoft" || (query.get("scope") ?? "").split(" ").includes("offline_access");
  }

  async function token(form: URLSearchParams): Promise<readonly [number, object]> {
    const refused = [400, { error: "invalid_grant", error_description: `no ${form.get("code") ?? ""}` }] as const;
    switch (form.get("grant_type")) {
      case "authorization_code": {
        const code = codes.get(form.get("code") ?? "");
        codes.delete(form.get("code") ?? "");
        const challenge = createHash("sha256")
          .update(form.get("code_verifier") ?? "")
          .digest("base64url");
        const isGood =
          code !== undefined &&
          code.redirectUri === form.get("redirect_uri") &&
          (behavior.ignoresPkce === true || code.challenge === challenge);
        if (!isGood) return refused;
        const family = code.isOffline ? randomUUID() : undefined;
        return [200, await tokensFor(code.scope, family, { clientId: code.clientId, nonce: code.nonce })];
      }
      case "refresh_token": {
        const given = form.get("refresh_token") ?? "";
        const family = familyOf.get(given);
        const kept = family === undefined ? undefined : families.get(family);
        if (behavior.refusesRenewals !== undefined) return [400, { error: behavior.refusesRenewals }];
        if (family === undefined || kept === undefined || kept.isShut) return refused;
        if (kept.current !== given && behavior.like !== "microsoft") {
          kept.isShut = true;
          return refused;
        }
        return [200, await tokensFor(kept.scope, family)];
      }
      case "client_credentials":
        return [200, await tokensFor(form.get("scope") ?? "", undefined)];
      case "urn:ietf:params:oauth:grant-type:device_code": {
        const scope = devices.get(form.get("device_code") ?? "");
        if (scope === undefined) return refused;
        if ((behavior.devicePolls ?? 0) > 0) {
          behavior.devicePolls = (behavior.devicePolls ?? 0) - 1;
          return [behavior.like === "google" ? 428 : 400, { error: "authorization_pending" }];
        }
        return [200, await tokensFor(scope, randomUUID())];
      }
      default:
        return [400, { error: "unsupported_grant_type" }];
    }
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const url = new URL(request.url ?? "/", issuer);
    const json = (status: number, value: object): void =>
      void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    const isMetadata = url.pathname.endsWith("/.well-known/openid-configuration");
    switch (isMetadata ? "metadata" : url.pathname) {
      case "metadata":
        return json(200, {
          issuer: behavior.claimsIssuer ?? issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          device_authorization_endpoint: `${issuer}/device`,
          revocation_endpoint: `${issuer}/revoke`,
          jwks_uri: `${issuer}/jwks`,
          response_types_supported: ["code"],
          code_challenge_methods_supported: ["S256"],
          id_token_signing_alg_values_supported: ["ES256"],
          ...(!hidesIssuer() && { authorization_response_iss_parameter_supported: true }),
        });
      case "/jwks":
        return json(200, { keys: [jwk] });
      case "/authorize": {
        const query = url.searchParams;
        const back = new URL(query.get("redirect_uri") ?? "");
        if (query.get("code_challenge_method") !== "S256") return json(400, { error: "invalid_request" });
        if (behavior.like === "microsoft" && query.get("prompt")?.includes(" ") === true)
          return json(400, { error: "invalid_request" });
        const code = secret("code");
        codes.set(code, {
          clientId: query.get("client_id") ?? "",
          redirectUri: back.href,
          challenge: query.get("code_challenge") ?? "",
          nonce: query.get("nonce") ?? undefined,
          scope: query.get("scope") ?? "",
          isOffline: isOffline(query),
        });
        back.searchParams.set("code", code);
        back.searchParams.set("state", query.get("state") ?? "");
        if (!hidesIssuer()) back.searchParams.set("iss", issuer);
        return void response.writeHead(302, { location: back.href }).end();
      }
      case "/token": {
        const form = new URLSearchParams(body);
        stand.requests.push(form);
        if (behavior.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, behavior.delayMs));
        if (behavior.failsWith !== undefined) return void response.writeHead(behavior.failsWith).end();
        const [status, answer] = await token(form);
        return json(status, answer);
      }
      case "/device": {
        const device = secret("device");
        devices.set(device, new URLSearchParams(body).get("scope") ?? "");
        return json(200, {
          device_code: device,
          user_code: "WDJB-MJHT",
          verification_uri: `${issuer}/enter`,
          expires_in: 600,
          interval: 1,
        });
      }
      case "/revoke":
        stand.revoked.push(new URLSearchParams(body).get("token") ?? "");
        return void response.writeHead(200).end();
      default: {
        // An API that its tokens open.
        const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
        if (!stand.tokens.has(bearer)) return json(401, { error: "invalid_token" });
        return json(200, behavior.api ?? { path: url.pathname, method: request.method, body });
      }
    }
  }
  return {
    issuer,
    behavior,
    ...stand,
    giveCode: (clientId, redirectUri, challenge, nonce) => {
      const code = secret("code");
      codes.set(code, { clientId, redirectUri, challenge, nonce, scope: "openid files", isOffline: true });
      return code;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
