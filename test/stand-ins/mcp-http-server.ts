import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

interface Rpc {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: { readonly name?: string; readonly arguments?: object; readonly protocolVersion?: string };
  readonly result?: unknown;
  readonly error?: { readonly code: number };
}

/** How a call is answered: a JSON-RPC answer's part, or a status of HTTP. */
export type Behaviour = (call: {
  readonly session: string;
  readonly arguments: object;
  readonly signal: AbortSignal;
  /** Sends the client a request of the server's own and waits for its answer. */
  readonly ask: (method: string, params: object) => Promise<Rpc>;
}) => Promise<{ result?: object; error?: object; status?: number }>;

export interface McpStandIn extends AsyncDisposable {
  readonly url: string;
  /** Requests as they came: the method of HTTP or of JSON-RPC, and their session. */
  readonly seen: { readonly method: string; readonly session: string; readonly headers: IncomingMessage["headers"] }[];
  readonly sessions: Set<string>;
  tools: object[];
  /** Who gives tokens for it, where it says so. */
  authorizationServer: string | undefined;
  /** Judges every request first; a status ends it. */
  admit: (request: IncomingMessage) => number | undefined;
  /** Says to every open stream that the tools have changed. */
  announceTools(): void;
}

/** A server of streamable HTTP that does what tests tell it: with sessions, a stream for its own messages, and failures. */
export async function startMcpStandIn(behaviours: Readonly<Record<string, Behaviour>>): Promise<McpStandIn> {
  const streams = new Set<ServerResponse>();
  const asked = new Map<string, (answer: Rpc) => void>();
  const server = createServer((request, response) => void serve(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const standIn: McpStandIn = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    seen: [],
    sessions: new Set(),
    tools: Object.keys(behaviours).map((name) => ({ name, inputSchema: { type: "object" } })),
    authorizationServer: undefined,
    admit: () => undefined,
    announceTools() {
      for (const stream of streams) stream.write(event({ method: "notifications/tools/list_changed" }));
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  const event = (message: object): string =>
    `event: message\ndata: ${JSON.stringify({ jsonrpc: "2.0", ...message })}\n\n`;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const rpc = (text === "" ? {} : JSON.parse(text)) as Rpc;
    const session = String(request.headers["mcp-session-id"] ?? "");
    standIn.seen.push({ method: rpc.method ?? request.method ?? "", session, headers: request.headers });
    if (request.url?.startsWith("/.well-known/oauth-protected-resource") === true) {
      const { url: resource, authorizationServer } = standIn;
      if (authorizationServer === undefined) return void response.writeHead(404).end();
      response.writeHead(200, { "content-type": "application/json" });
      return void response.end(JSON.stringify({ resource, authorization_servers: [authorizationServer] }));
    }
    const status = standIn.admit(request);
    if (status !== undefined)
      return void response.writeHead(status, { location: "http://127.0.0.1:9/elsewhere" }).end();
    if (rpc.method === "initialize") {
      const fresh = randomUUID();
      standIn.sessions.add(fresh);
      const capabilities = { tools: { listChanged: true } };
      const result = {
        protocolVersion: rpc.params?.protocolVersion,
        capabilities,
        serverInfo: { name: "s", version: "1" },
      };
      response.writeHead(200, { "content-type": "application/json", "mcp-session-id": fresh });
      return void response.end(JSON.stringify({ jsonrpc: "2.0", id: rpc.id, result }));
    }
    if (!standIn.sessions.has(session)) return void response.writeHead(404).end();
    if (request.method === "DELETE") {
      standIn.sessions.delete(session);
      return void response.writeHead(200).end();
    }
    if (request.method === "GET") {
      response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
      streams.add(response);
      return void response.once("close", () => streams.delete(response));
    }
    if (rpc.id !== undefined && rpc.method === undefined) {
      asked.get(String(rpc.id))?.(rpc);
      return void response.writeHead(202).end();
    }
    if (rpc.id === undefined) return void response.writeHead(202).end();
    if (rpc.method === "tools/list") {
      response.writeHead(200, { "content-type": "application/json" });
      return void response.end(JSON.stringify({ jsonrpc: "2.0", id: rpc.id, result: { tools: standIn.tools } }));
    }
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const behaviour = behaviours[rpc.params?.name ?? ""];
    if (behaviour === undefined) return void response.writeHead(400).end();
    const answer = await behaviour({
      session,
      arguments: rpc.params?.arguments ?? {},
      signal: gone.signal,
      ask: (method, params) => {
        const id = randomUUID();
        const { promise, resolve } = Promise.withResolvers<Rpc>();
        asked.set(id, resolve);
        if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(event({ id, method, params }));
        return promise;
      },
    });
    if (answer.status !== undefined) return void response.writeHead(answer.status).end();
    if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(event({ id: rpc.id, ...answer }));
  }
  return standIn;
}
