import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";
import { weatherWorker } from "./stand-in-worker.ts";
import type { Say, StandInActivity } from "./stand-in-worker.ts";

/** The policy under which the page must work, no looser than the gateway's. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "media-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

interface Conversation {
  readonly id: string;
  readonly token: string;
  readonly log: StandInActivity[];
  readonly seen: Map<string, string>;
  readonly streams: Set<WebSocket>;
  readonly watchers: Set<WebSocket>;
}

export interface StandInOptions {
  /** Tells the page so, and offers the worker's steps. */
  readonly dev?: boolean;
  /** Hands out no stream, so that clients poll. */
  readonly polling?: boolean;
  readonly accent?: string;
}

/**
 * A Direct Line 3.0 host with one scripted worker, for driving the page alone. Its log outlives `kill`, as the real host's does;
 * a POST repeated with its clientActivityID is answered with the first id and counted.
 */
export class DirectLineStandIn {
  readonly #root: string;
  readonly #options: StandInOptions;
  readonly #conversations = new Map<string, Conversation>();
  #server: Server | undefined;
  #sockets: WebSocketServer | undefined;
  #port = 0;
  /** POSTs that were recognised as repetitions. */
  repeated = 0;
  /** Takes in this many POSTs and breaks the connection in place of answering. */
  swallow = 0;
  /** Answers POSTs of activities with this status while it isn't 0. */
  refuse = 0;
  /** Origins that may show the page in a frame. */
  embedders: readonly string[] = [];
  /** Answers every Direct Line request with this status while it isn't 0. */
  refuseAll = 0;

  constructor(root: string, options: StandInOptions = {}) {
    this.#root = root;
    this.#options = options;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  /** Texts and values of the persons' activities, over all conversations. */
  get said(): readonly StandInActivity[] {
    return [...this.#conversations.values()].flatMap(({ log }) => log.filter(({ from }) => from?.role === "user"));
  }

  /** Listens; after `kill`, on the same port again. */
  async start(): Promise<void> {
    this.#server = createServer(
      (request, response) => void this.#answer(request, response).catch(() => response.destroy()),
    );
    this.#sockets = new WebSocketServer({ server: this.#server });
    this.#sockets.on("connection", (socket, request) => this.#connect(socket, new URL(request.url ?? "/", this.url)));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen(this.#port, "127.0.0.1", resolve);
    await promise;
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Breaks every connection and stops listening; conversations stay. */
  async kill(): Promise<void> {
    for (const client of this.#sockets?.clients ?? []) client.terminate();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server?.close(() => resolve());
    this.#server?.closeAllConnections();
    await promise;
  }

  /** Says something in every conversation, unasked. */
  announce(text: string): void {
    for (const conversation of this.#conversations.values()) {
      this.#append(conversation, { type: "message", text, from: { id: "worker", role: "bot" } });
    }
  }

  /** Forgets every conversation, as a host that lost its data. */
  forget(): void {
    this.#conversations.clear();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.url);
    if (url.pathname.startsWith("/v1/web/config/")) return this.#config(url, response);
    const path = /^\/v1\/messaging\/webchat\/([a-z0-9-]+)\/v3\/directline(\/.*)$/.exec(url.pathname);
    if (path === null) return this.#file(url, response);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>);
    if (path[1] === "nobody")
      return json(response, 404, { error: { code: "GATEWAY_TENANT_UNKNOWN", message: "no such tenant" } });
    if (this.refuseAll !== 0)
      return json(response, this.refuseAll, { error: { code: "GATEWAY_WORKER_AWAY", message: "away" } });
    await this.#directLine({ url, path: path[2] ?? "", body, request, response });
  }

  async #directLine(call: {
    url: URL;
    path: string;
    body: Record<string, unknown>;
    request: IncomingMessage;
    response: ServerResponse;
  }): Promise<void> {
    const { url, path, body, request, response } = call;
    if (path === "/tokens/generate") return json(response, 200, { token: `open-${randomUUID()}`, expires_in: 1800 });
    const token = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
    if (path === "/tokens/refresh") return json(response, 200, { token, expires_in: 1800 });
    if (path === "/conversations") {
      const id = randomUUID();
      const made: Conversation = {
        id,
        token: `conv-${id}`,
        log: [],
        seen: new Map(),
        streams: new Set(),
        watchers: new Set(),
      };
      this.#conversations.set(id, made);
      return json(response, 201, this.#opened(made, undefined));
    }
    const [, , id = "", rest] = path.split("/");
    const conversation = this.#conversations.get(id);
    if (conversation?.token !== token)
      return json(response, 403, { error: { code: "TokenExpired", message: "unknown token" } });
    const watermark = url.searchParams.get("watermark") ?? undefined;
    if (rest === undefined) return json(response, 200, this.#opened(conversation, watermark));
    if (request.method === "GET") return json(response, 200, setSince(conversation, watermark));
    if (this.refuse !== 0)
      return json(response, this.refuse, { error: { code: "GATEWAY_ACTIVITY_REFUSED", message: "refused" } });
    const answer = await this.#accept(conversation, body as unknown as StandInActivity);
    if (this.swallow > 0) {
      this.swallow--;
      request.socket.destroy();
      return;
    }
    json(response, 201, { id: answer });
  }

  #opened(conversation: Conversation, watermark: string | undefined): object {
    const stream = `${this.url.replace("http", "ws")}stream?id=${conversation.id}&watermark=${watermark ?? ""}`;
    const { id: conversationId, token } = conversation;
    return { conversationId, token, expires_in: 1800, streamUrl: this.#options.polling === true ? null : stream };
  }

  async #accept(conversation: Conversation, activity: StandInActivity): Promise<string> {
    const clientId = activity.channelData?.clientActivityID ?? randomUUID();
    const known = conversation.seen.get(clientId);
    if (known !== undefined) {
      this.repeated++;
      return known;
    }
    const id = this.#append(conversation, {
      ...activity,
      from: { id: activity.from?.id ?? "dl_anybody", role: "user" },
    });
    conversation.seen.set(clientId, id);
    const say: Say = (reply) =>
      void this.#append(conversation, { ...reply, from: { id: "worker", role: "bot" }, replyToId: id });
    setImmediate(() => weatherWorker(activity, say, (event) => broadcast(conversation.watchers, event)));
    return id;
  }

  #append(conversation: Conversation, activity: StandInActivity): string {
    const id = `${conversation.id}|${String(conversation.log.length).padStart(7, "0")}`;
    const stamped = { ...activity, id, timestamp: new Date().toISOString() };
    // Typing is worth telling only to those who are there.
    if (activity.type !== "typing") conversation.log.push(stamped);
    broadcast(conversation.streams, { activities: [stamped], watermark: String(conversation.log.length) });
    return id;
  }

  #connect(socket: WebSocket, url: URL): void {
    const conversation = this.#conversations.get(
      url.searchParams.get("id") ?? url.searchParams.get("conversation") ?? "",
    );
    if (conversation === undefined) return socket.close();
    const group = url.pathname === "/stream" ? conversation.streams : conversation.watchers;
    group.add(socket);
    socket.on("close", () => group.delete(socket));
    if (url.pathname !== "/stream") return;
    const set = setSince(conversation, url.searchParams.get("watermark") || undefined);
    if (set.activities.length > 0) socket.send(JSON.stringify(set));
    else socket.send("");
  }

  #config(url: URL, response: ServerResponse): void {
    const isSpanish = url.searchParams.get("locale")?.startsWith("es") === true;
    json(response, 200, {
      tenant: "demo",
      env: "dev",
      locales: ["en", "es", "id", "ja", "ar"],
      theme: { accent: this.#options.accent },
      worker: {
        title: isSpanish ? "El tiempo" : "Weather",
        description: isSpanish
          ? "Dice el tiempo de hoy y de los próximos días, en cualquier ciudad."
          : "Tells the weather for today and the days ahead, in any city.",
        suggestions: isSpanish
          ? ["¿Qué tiempo hace?", "Pronóstico para Tokio", "Avísame si llueve"]
          : ["What's the weather?", "Forecast for Tokyo", "Tell me when it rains"],
      },
      dev: this.#options.dev ?? true,
    });
  }

  async #file(url: URL, response: ServerResponse): Promise<void> {
    const path = normalize(url.pathname === "/" ? "/index.html" : url.pathname);
    const content = await readFile(join(this.#root, path)).catch(() => undefined);
    if (content === undefined) return void response.writeHead(404).end();
    response.writeHead(200, {
      "content-type": TYPES[extname(path)] ?? "application/octet-stream",
      "content-security-policy": `${CONTENT_SECURITY_POLICY}; frame-ancestors 'self' ${this.embedders.join(" ")}`,
    });
    response.end(content);
  }
}

function setSince(
  conversation: Conversation,
  watermark: string | undefined,
): { activities: StandInActivity[]; watermark: string } {
  return { activities: conversation.log.slice(Number(watermark ?? 0)), watermark: String(conversation.log.length) };
}

function broadcast(sockets: ReadonlySet<WebSocket>, message: object): void {
  for (const socket of sockets) socket.send(JSON.stringify(message));
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
