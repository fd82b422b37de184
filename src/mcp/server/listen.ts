import { getRequestListener } from "@hono/node-server";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { GreenticError, quote } from "../../types/index.ts";
import type { HttpFace } from "./http-face.ts";
import { refused } from "./http-sessions.ts";

/** The path that serves the protocol. */
const PATH = "/mcp";
const MAX_CONNECTIONS = 2_000;
const CLOSE_MS = 2_000;

/** Listens for the protocol's requests at `/mcp`. @throws MCP_ADDRESS_UNAVAILABLE */
export async function listenMcp(
  face: HttpFace,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
  const serve = async (request: Request): Promise<Response> =>
    new URL(request.url).pathname === PATH ? face.fetch(request) : refused(404, -32_000, "Not found");
  const listener = getRequestListener(serve, { overrideGlobalObjects: false });
  const server = createServer(
    { maxHeaderSize: 16_384, headersTimeout: 10_000, requestTimeout: 30_000, requireHostHeader: true, noDelay: true },
    (incoming, outgoing) => void listener(incoming, outgoing),
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.listen({ host, port });
  try {
    await once(server, "listening");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    throw new GreenticError("MCP_ADDRESS_UNAVAILABLE", `Listen on ${quote(`${host}:${port}`)}: ${quote(code)}`, {
      cause: error,
    });
  }
  const bound = server.address() as AddressInfo;
  const name = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
  return {
    url: `http://${name}:${bound.port}${PATH}`,
    async close() {
      await face.close();
      const closed = once(server, "close");
      server.close();
      server.closeIdleConnections();
      const cut = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
      await closed;
      clearTimeout(cut);
    },
  };
}
