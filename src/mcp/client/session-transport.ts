import type { OAuthClientProvider } from "@modelcontextprotocol/client";
import type { HttpMcpServer, StdioMcpServer } from "../../config/index.ts";
import type { World } from "../../types/index.ts";
import { createMcpFetch } from "./mcp-fetch.ts";
import type { OpenRequest } from "./mcp-fetch.ts";
import type { SessionTransport } from "./mcp-session.ts";
import { OAuthSession } from "./oauth-session.ts";
import type { ReadSecret, ServerAuth } from "./server-auth.ts";
import { openServerAuth, requiredSecret } from "./server-auth.ts";
import { StdioTransport } from "./stdio-transport.ts";

/** What a transport needs of the host. */
export interface TransportParts {
  readonly name: string;
  readonly world: World;
  readonly readSecret: ReadSecret;
  readonly open: OpenRequest;
  readonly path: string | undefined;
  readonly onStderr: (text: string) => void;
  /** Gives who asks a person for consent, or what else can get tokens; undefined where a server's `auth` is all there is. */
  readonly authorize?: (server: HttpMcpServer) => OAuthClientProvider | undefined;
}

/** Makes the transport to a server; nothing is sent or started yet. @throws MCP_SECRET_MISSING */
export function openTransport(
  server: HttpMcpServer | StdioMcpServer,
  parts: TransportParts,
): Promise<SessionTransport> {
  return server.kind === "stdio" ? openProcess(server, parts) : openStream(server, parts);
}

async function openProcess(server: StdioMcpServer, parts: TransportParts): Promise<SessionTransport> {
  const { name, world, onStderr, path, readSecret } = parts;
  const { command, args, cwd, env, secretEnv } = server;
  const secrets: Record<string, string> = {};
  for (const [variable, secret] of Object.entries(secretEnv)) {
    secrets[variable] = await requiredSecret(secret, readSecret);
  }
  // What the operator names and where programs are; nothing else of this process's environment.
  const all = { ...(path === undefined ? {} : { PATH: path }), ...env, ...secrets };
  return { transport: new StdioTransport({ name, command, args, cwd, env: all, world, onStderr }) };
}

async function openStream(server: HttpMcpServer, parts: TransportParts): Promise<SessionTransport> {
  const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const { auth } = server;
  const url = new URL(server.url);
  const origins = [url.origin];
  let added: ServerAuth = {};
  const provider = parts.authorize?.(server);
  if (provider !== undefined) added = { authProvider: provider };
  else if (auth !== undefined) {
    added = await openServerAuth(auth, parts.readSecret);
    if (auth.kind === "client-credentials") {
      origins.push(...auth.origins, ...(auth.issuer === undefined ? [] : [new URL(auth.issuer).origin]));
    }
  }
  const transport = new StreamableHTTPClientTransport(url, {
    fetch: createMcpFetch(parts.open, origins),
    ...(added.authProvider === undefined ? {} : { authProvider: added.authProvider }),
    ...(added.headers === undefined ? {} : { requestInit: { headers: { ...added.headers } } }),
    skipIssuerMetadataValidation: provider instanceof OAuthSession && provider.acceptsOtherIssuer,
    reconnectionScheduler: (reconnect, delayMs) => parts.world.schedule(delayMs, reconnect),
  });
  const { authProvider } = added;
  return {
    transport,
    farewell: () => transport.terminateSession(),
    ...(authProvider instanceof OAuthSession
      ? {
          finishConsent: async () => {
            const answer = authProvider.takeAnswer();
            if (answer !== undefined) await transport.finishAuth(answer);
            return answer !== undefined;
          },
        }
      : {}),
  };
}
