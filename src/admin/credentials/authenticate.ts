import type { Socket } from "node:net";
import { GreenticError } from "../../types/index.ts";
import type { AdminOptions } from "../options.ts";
import type { Principal } from "../roles.ts";
import { TOKEN_PREFIX } from "../tokens/token-text.ts";
import { certificatePrincipal } from "./client-certificate.ts";
import { OidcIssuer } from "./oidc-issuer.ts";

const MAX_BEARER = 8_192;

/** Tells who sends a request. A bearer that doesn't hold is refused even beside a certificate that does. */
export type Authenticate = (authorization: string | null, socket: Socket | undefined) => Promise<Principal>;

/** Makes the one way in. @throws ADMIN_UNAUTHENTICATED, the same whatever the reason */
export function createAuthenticate({ tokens, oidc, clients = [], host, report }: AdminOptions): Authenticate {
  const issuer = oidc && new OidcIssuer(oidc, host.world);
  const refuse = (reason: string): never => {
    report?.({ kind: "refused", reason });
    throw new GreenticError("ADMIN_UNAUTHENTICATED", "Authenticate: no credential that counts");
  };
  return async (authorization, socket) => {
    if (authorization === null) return certificatePrincipal(socket, clients) ?? refuse("no credential");
    const bearer = /^Bearer ([\w.~+/=-]+)$/i.exec(authorization.slice(0, MAX_BEARER + 8))?.[1] ?? "";
    if (bearer === "" || authorization.length > MAX_BEARER + 7) return refuse("no bearer");
    if (bearer.startsWith(TOKEN_PREFIX)) {
      const record = await tokens.find(bearer).catch((error: unknown) => {
        // Who isn't known yet needn't hear of the host's files.
        report?.({ kind: "failed", route: "authenticate", error });
        return undefined;
      });
      if (record === undefined) return refuse("token unknown, expired or revoked");
      const { name, tenant, role } = record;
      const actor = tenant === "*" ? `admin:${name}` : `admin:${name}@${tenant}`;
      return { actor, kind: "token", grants: [{ tenant, role }] };
    }
    if (issuer === undefined) return refuse("bearer of no known kind");
    try {
      return await issuer.principalOf(bearer);
    } catch (error) {
      return refuse(`oidc: ${error instanceof Error ? error.message : "failed"}`);
    }
  };
}
