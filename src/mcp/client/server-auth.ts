import type { AuthProvider, OAuthClientProvider } from "@modelcontextprotocol/client";
import type { McpAuth } from "../../config/index.ts";
import { GreenticError, quote } from "../../types/index.ts";

/** Reads a secret of the tenant that a session is for; undefined where there is none. */
export type ReadSecret = (name: string) => Promise<string | undefined>;

/** What the transport adds to its requests. */
export interface ServerAuth {
  readonly authProvider?: AuthProvider | OAuthClientProvider;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Makes of a server's `auth` what its requests carry. @throws MCP_SECRET_MISSING */
export async function openServerAuth(auth: McpAuth, readSecret: ReadSecret): Promise<ServerAuth> {
  const secret = await requiredSecret(auth.secret, readSecret);
  switch (auth.kind) {
    case "bearer":
      return { authProvider: new SecretToken(secret, () => requiredSecret(auth.secret, readSecret)) };
    case "header":
      return { headers: { [auth.header]: secret } };
    default: {
      const sdk = await import("@modelcontextprotocol/client");
      const { clientId, algorithm, scope, issuer } = auth;
      const shared = {
        clientId,
        clientName: "greentic",
        ...(scope === undefined ? {} : { scope }),
        ...(issuer === undefined ? {} : { expectedIssuer: issuer }),
      };
      return {
        authProvider:
          algorithm === undefined
            ? new sdk.ClientCredentialsProvider({ ...shared, clientSecret: secret })
            : new sdk.PrivateKeyJwtProvider({ ...shared, privateKey: secret, algorithm }),
      };
    }
  }
}

/** Reads a secret that something can't do without. @throws MCP_SECRET_MISSING */
export async function requiredSecret(name: string, readSecret: ReadSecret): Promise<string> {
  const value = await readSecret(name);
  if (value === undefined) throw new GreenticError("MCP_SECRET_MISSING", `Open MCP server: no secret ${quote(name)}`);
  return value;
}

/** A token that is a secret; one that was replaced since is found when the server refuses the old one. */
class SecretToken implements AuthProvider {
  #token: string;
  readonly #read: () => Promise<string>;

  constructor(token: string, read: () => Promise<string>) {
    this.#token = token;
    this.#read = read;
  }

  async token(): Promise<string> {
    return this.#token;
  }

  async onUnauthorized(): Promise<void> {
    const token = await this.#read();
    if (token === this.#token) {
      throw new GreenticError("MCP_SERVER_UNAUTHORIZED", "Open MCP server: it refuses the token");
    }
    this.#token = token;
  }
}
