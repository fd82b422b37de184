import type { OAuthClientProvider } from "@modelcontextprotocol/client";
import type { HttpMcpServer, StdioMcpServer } from "../../config/index.ts";
import { createMcpFetch } from "./mcp-fetch.ts";
import type { OpenRequest } from "./mcp-fetch.ts";
import type { SessionTransport } from "./mcp-session.ts";
import { OAuthSession } from "./oauth-session.ts";
import type { AuthParts, ServerAuth } from "./server-auth.ts";
import { openServerAuth, requiredSecret } from "./server-auth.ts";
import { StdioTransport } from "./stdio-transport.ts";

/** What a transport needs of the host. */
export interface TransportParts extends AuthParts {
  readonly open: OpenRequest;
  readonly path: string | undefined;
  readonly onStderr: (text: string) => void;
  /** Gives who asks a person for consent, or what else can get tokens; undefined where a server's `auth` is all there is. */
  readonly authorize?: (server: HttpMcpServer) => OAuthClientProvider | undefined;
}

/** Makes one more transport to the same server, with the same secrets and the same consent; nothing is sent or started yet. */
export type MakeTransport = () => SessionTransport;

/** Reads what transports to a server need. @throws MCP_SECRET_MISSING, MCP_CONSENT_MISSING */
export function prepareTransport(
  server: HttpMcpServer | StdioMcpServer,
  parts: TransportParts,
): Promise<MakeTransport> {
  return server.kind === "stdio" ? openProcess(server, parts) : openStream(server, parts);
}

async function openProcess(server: StdioMcpServer, parts: TransportParts): Promise<MakeTransport> {
  const { name, world, onStderr, path, readSecret } = parts;
  const { command, args, cwd, env, secretEnv } = server;
  const secrets: Record<string, string> = {};
  for (const [variable, secret] of Object.entries(secretEnv)) {
    secrets[variable] = await requiredSecret(secret, readSecret);
  }
  // What the operator names and where programs are; nothing else of this process's environment.
  const all = { ...(path === undefined ? {} : { PATH: path }), ...env, ...secrets };
  return () => ({ transport: new StdioTransport({ name, command, args, cwd, env: all, world, onStderr }) });
}

async function openStream(server: HttpMcpServer, parts: TransportParts): Promise<MakeTransport> {
  const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const { auth } = server;
  const url = new URL(server.url);
  const origins = [url.origin];
  let added: ServerAuth = {};
  const provider = parts.authorize?.(server);
  if (provider !== undefined) added = { authProvider: provider };
  else if (auth !== undefined) {
    added = await openServerAuth(auth, parts);
    if ("origins" in auth) origins.push(...auth.origins);
    if (auth.kind === "client-credentials" && auth.issuer !== undefined) origins.push(new URL(auth.issuer).origin);
  }
  return () => {
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
              const answer = await authProvider.takeAnswer();
              if (answer !== undefined) await transport.finishAuth(answer);
              return answer !== undefined;
            },
          }
        : {}),
    };
  };
}
