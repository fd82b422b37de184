import type { AuthProvider, OAuthClientProvider } from "@modelcontextprotocol/client";
import type { McpAuth } from "../../config/index.ts";
import type { World } from "../../types/index.ts";
import { GreenticError, parseJson, quote, randomHex } from "../../types/index.ts";
import type { OAuthRecord, VisitPage } from "./oauth-session.ts";
import { OAuthSession } from "./oauth-session.ts";

/** Reads a secret of the tenant that a session is for; undefined where there is none. */
export type ReadSecret = (name: string) => Promise<string | undefined>;

/** What proving whose a session is needs of the host. */
export interface AuthParts {
  /** The server's name in messages. */
  readonly name: string;
  readonly world: World;
  readonly readSecret: ReadSecret;
  /** Keeps tokens that were renewed; without it they are lost with the session. */
  readonly saveSecret?: (name: string, value: string) => Promise<void>;
  /** Where a person can be asked for consent; without it there must be tokens already. */
  readonly consent?: { readonly redirectUrl: string; readonly visit: VisitPage };
}

/** What the transport adds to its requests. */
export interface ServerAuth {
  readonly authProvider?: AuthProvider | OAuthClientProvider;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Makes of a server's `auth` what its requests carry. @throws MCP_SECRET_MISSING, MCP_CONSENT_MISSING */
export async function openServerAuth(auth: McpAuth, parts: AuthParts): Promise<ServerAuth> {
  const { readSecret } = parts;
  if (auth.kind === "consent") return { authProvider: await openConsent(auth, parts) };
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

const REDIRECT_URL = "http://127.0.0.1:8765/callback";

async function openConsent(
  auth: Extract<McpAuth, { readonly kind: "consent" }>,
  { name, world, readSecret, saveSecret, consent }: AuthParts,
): Promise<OAuthSession> {
  const { clientId, clientSecret, scope, secret: kept } = auth;
  const stored = await readSecret(kept);
  // Whoever asks for a consent starts anew: an old registration knows another address to come back to.
  let record = consent === undefined && stored !== undefined ? readRecord(stored, kept) : undefined;
  if (consent === undefined && record?.tokens === undefined) {
    throw new GreenticError("MCP_CONSENT_MISSING", `Open MCP server ${quote(name)}: nobody has consented yet`);
  }
  return new OAuthSession({
    redirectUrl: consent?.redirectUrl ?? REDIRECT_URL,
    visit: consent?.visit ?? (async () => undefined),
    state: () => randomHex(world, 16),
    load: async () => record,
    save: async (next) => {
      record = next;
      // What is needed between leaving and coming back isn't worth keeping; tokens are.
      if (next.tokens !== undefined) await saveSecret?.(kept, JSON.stringify(next));
    },
    ...(scope === undefined ? {} : { scope }),
    ...(clientId === undefined
      ? {}
      : {
          client: {
            id: clientId,
            ...(clientSecret === undefined ? {} : { secret: await requiredSecret(clientSecret, readSecret) }),
          },
        }),
  });
}

function readRecord(text: string, name: string): OAuthRecord {
  try {
    return parseJson(text) as unknown as OAuthRecord;
  } catch (error) {
    throw new GreenticError("MCP_CONSENT_MISSING", `Open MCP server: secret ${quote(name)} holds no tokens`, {
      cause: error,
    });
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
