import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** An authorization server that registers clients, takes every consent for given and checks PKCE; its tokens live for one request. */
export interface OAuthStandIn extends AsyncDisposable {
  readonly issuer: string;
  /** Access tokens that are good now. */
  readonly tokens: Set<string>;
  /** Grant types in the order in which they were used. */
  readonly grants: string[];
}

export async function startOAuthStandIn(): Promise<OAuthStandIn> {
  const codes = new Map<string, string>();
  const refreshes = new Set<string>();
  const tokens = new Set<string>();
  const grants: string[] = [];
  const server = createServer((request, response) => void serve(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const url = new URL(request.url ?? "/", issuer);
    const json = (value: object, status = 200): void =>
      void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    switch (url.pathname) {
      case "/.well-known/oauth-authorization-server":
        return json({
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          registration_endpoint: `${issuer}/register`,
          response_types_supported: ["code"],
          grant_types_supported: ["authorization_code", "refresh_token"],
          code_challenge_methods_supported: ["S256"],
          token_endpoint_auth_methods_supported: ["none"],
        });
      case "/register":
        return json({ ...(JSON.parse(body) as object), client_id: randomUUID() }, 201);
      case "/authorize": {
        const code = randomUUID();
        codes.set(code, url.searchParams.get("code_challenge") ?? "");
        const back = new URL(url.searchParams.get("redirect_uri") ?? "");
        back.searchParams.set("code", code);
        back.searchParams.set("state", url.searchParams.get("state") ?? "");
        return void response.writeHead(302, { location: back.href }).end();
      }
      case "/token": {
        const form = new URLSearchParams(body);
        const grant = form.get("grant_type") ?? "";
        grants.push(grant);
        const challenge = createHash("sha256")
          .update(form.get("code_verifier") ?? "")
          .digest("base64url");
        const isGood =
          grant === "refresh_token"
            ? refreshes.delete(form.get("refresh_token") ?? "")
            : codes.get(form.get("code") ?? "") === challenge;
        if (!isGood) return json({ error: "invalid_grant" }, 400);
        const token = { access_token: randomUUID(), refresh_token: randomUUID() };
        tokens.add(token.access_token);
        refreshes.add(token.refresh_token);
        return json({ ...token, token_type: "Bearer", expires_in: 3_600 });
      }
      default:
        return json({}, 404);
    }
  }
  return {
    issuer,
    tokens,
    grants,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
