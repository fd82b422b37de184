/** Vault's HTTP API as far as hosts ask for it: logins, leases of tokens that end, key/value version 2, policies by prefix, seals. */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface VaultStandIn extends AsyncDisposable {
  readonly url: string;
  /** Path below the mount → fields of the current version; null for one that was deleted. */
  readonly secrets: Map<string, Readonly<Record<string, unknown>> | null>;
  /** Method and path of each request, in order. */
  readonly asked: string[];
  /** Answers everything with 503 while it is set. */
  isSealed: boolean;
  /** Tokens that count; a token of a login is added to them. */
  readonly tokens: Map<string, { readonly ttl: number; readonly renewable: boolean }>;
}

const ROLE = { role_id: "role-1", secret_id: "secret-1" } as const;
export const VAULT_ROLE = ROLE;
export const VAULT_JWT = "a.service.account";
export const VAULT_TOKEN = "hvs.root-of-the-stand-in";
const LEASE_S = 600;

/** Opens a server that believes {@link VAULT_TOKEN}, the app role {@link VAULT_ROLE} and the service account {@link VAULT_JWT}. */
export async function openVaultStandIn(): Promise<VaultStandIn> {
  let logins = 0;
  const server = createServer((request, response) => void handle(request, response));
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>);
    const path = (request.url ?? "").replace(/^\/v1\//, "");
    vault.asked.push(`${request.method} ${path}`);
    const answer = (status: number, value: object): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    };
    const login = (isRight: boolean): void => {
      if (!isRight) return answer(400, { errors: ["invalid role or secret ID"] });
      const client_token = `hvs.login-${++logins}`;
      vault.tokens.set(client_token, { ttl: LEASE_S, renewable: true });
      answer(200, { auth: { client_token, lease_duration: LEASE_S, renewable: true } });
    };
    if (vault.isSealed) return answer(503, { errors: ["Vault is sealed"] });
    if (path === "auth/approle/login")
      return login(body["role_id"] === ROLE.role_id && body["secret_id"] === ROLE.secret_id);
    if (path === "auth/kubernetes/login") return login(body["role"] === "greentic" && body["jwt"] === VAULT_JWT);
    const token = vault.tokens.get(String(request.headers["x-vault-token"] ?? ""));
    if (token === undefined) return answer(403, { errors: ["permission denied"] });
    if (path === "auth/token/lookup-self") return answer(200, { data: token });
    if (path === "auth/token/renew-self") {
      if (!token.renewable) return answer(400, { errors: ["lease is not renewable"] });
      return answer(200, { auth: { lease_duration: LEASE_S, renewable: true } });
    }
    if (path.startsWith("secret/data/forbidden")) return answer(403, { errors: ["permission denied"] });
    const found = vault.secrets.get(path.replace(/^secret\/data\//, ""));
    if (found === undefined) return answer(404, { errors: [] });
    answer(200, { data: { data: found, metadata: { version: 1 } } });
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const vault: VaultStandIn = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    secrets: new Map(),
    asked: [],
    isSealed: false,
    tokens: new Map([[VAULT_TOKEN, { ttl: 0, renewable: false }]]),
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return vault;
}
