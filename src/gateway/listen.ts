import { getRequestListener } from "@hono/node-server";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { GreenticError } from "../types/index.ts";
import { AnswerBatch } from "./answer-batch.ts";
import { errorAnswer } from "./answers.ts";
import { bindServer } from "./bind-server.ts";
import { fromNode, toNode } from "./exchange.ts";
import type { Gateway } from "./gateway.ts";
import type { GatewayLimits } from "./options.ts";
import { answerClientErrors, limitAddresses } from "./server-guard.ts";
import type { Sockets } from "./sockets.ts";

/** An open server. */
export interface Listening {
  /** `http://host:port`. */
  readonly url: string;
  /** Drains and closes: what is under way has `timeoutMs` (default 5,000) to end, then connections are cut. */
  readonly close: (options?: { readonly timeoutMs?: number }) => Promise<void>;
}

interface Serving extends Pick<Gateway, "app" | "handle" | "startDraining"> {
  readonly sockets: Sockets;
  readonly limits: GatewayLimits;
  readonly hosts: readonly string[] | undefined;
  readonly trustedProxies: readonly string[];
  readonly takesIn: boolean;
  readonly isDraining: () => boolean;
}

/** Opens the server: intake routes run on node:http directly, everything else through the app. @throws GATEWAY_ADDRESS_UNAVAILABLE */
export async function listen(
  { host, port }: { readonly host: string; readonly port: number },
  serving: Serving,
): Promise<Listening> {
  const { app, handle, sockets, limits } = serving;
  const appListener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const batch = new AnswerBatch();
  const server = createServer(
    {
      // Slow and oversized requests: headers within 10 s and 16 KiB, all of it within 30 s.
      maxHeaderSize: 16_384,
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      connectionsCheckingInterval: 2_000,
      keepAliveTimeout: 65_000,
      insecureHTTPParser: false,
      requireHostHeader: true,
      noDelay: true,
    },
    (incoming, outgoing) => {
      if (!isServed(incoming, serving.hosts)) {
        toNode(
          errorAnswer(new GreenticError("GATEWAY_HOST_DENIED", "Handle request: host isn't served here")),
          outgoing,
        );
        return;
      }
      const answer = handle(fromNode(incoming, serving.trustedProxies));
      if (answer === undefined) void appListener(incoming, outgoing);
      else answer.then((answer) => batch.add(answer, outgoing)).catch(() => outgoing.destroy());
    },
  );
  server.maxConnections = limits.maxConnections;
  limitAddresses(server, limits.maxConnectionsPerAddress, serving.trustedProxies);
  server.on("upgrade", (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    if (serving.isDraining() || !serving.takesIn || !isServed(incoming, serving.hosts)) {
      const refusal = serving.takesIn ? "403 Forbidden" : "404 Not Found";
      const status = serving.isDraining() ? "503 Service Unavailable\r\nretry-after: 2" : refusal;
      socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    void sockets.upgrade(incoming, socket, head);
  });
  answerClientErrors(server);
  const place = await bindServer(server, { host, port }, "GATEWAY_ADDRESS_UNAVAILABLE");
  let closing: Promise<void> | undefined;
  return {
    url: `http://${place}`,
    close: ({ timeoutMs = 5_000 } = {}) => {
      closing ??= closeServer(server, serving, timeoutMs);
      return closing;
    },
  };
}

async function closeServer(
  server: ReturnType<typeof createServer>,
  serving: Serving,
  timeoutMs: number,
): Promise<void> {
  serving.startDraining();
  const closed = once(server, "close");
  server.close();
  server.closeIdleConnections();
  const cut = setTimeout(() => {
    serving.sockets.terminateAll();
    server.closeAllConnections();
  }, timeoutMs);
  await closed;
  serving.sockets.terminateAll();
  clearTimeout(cut);
}

/** Compares the Host header's name with those that are served; defends a local host against names that others point at it. */
function isServed(incoming: IncomingMessage, hosts: readonly string[] | undefined): boolean {
  if (hosts === undefined) return true;
  const name = /^(\[[0-9a-fA-F:.]+\]|[^:]+)(?::\d+)?$/.exec(incoming.headers.host ?? "")?.[1];
  return name !== undefined && hosts.includes(name.toLowerCase());
}
