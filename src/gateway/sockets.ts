/** WebSockets on the gateway's server: the Direct Line stream, and the turns of a conversation for the page's side pane. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocket, WebSocketServer } from "ws";
import type { GatewayRequest } from "./exchange.ts";
import { fromNode } from "./exchange.ts";
import type { ConversationClaims } from "./conversation-tokens.ts";
import type { DirectLineOptions } from "./conversation-access.ts";
import { readActivities, watermarkOf, WEBCHAT_CHANNEL } from "./conversation-log.ts";
import { logKeyOf } from "./log-key.ts";
import { judgeOrigin, originsOf } from "./origins.ts";

const KEEPALIVE_MS = 25_000;
/** A client that reads slower than this is let go; it reconnects with its watermark and misses nothing. */
const MAX_BUFFERED_BYTES = 1 << 20;
const MAX_FRAME_BYTES = 4096;
const STREAM = /^\/v1\/messaging\/webchat\/([^/]+)\/v3\/directline\/conversations\/([^/]+)\/stream$/;
const TURNS = /^\/v1\/dev\/([^/]+)\/turns$/;

/** Close codes: the token's time is over; the host is going away; the store failed; the client reads too slowly. */
export const STREAM_CLOSE = { expired: 4001, away: 1001, failed: 1011, slow: 1013 } as const;

/** Serves the sockets of one server. */
export class Sockets {
  readonly #options: DirectLineOptions;
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    clientTracking: false,
  });
  readonly #open = new Map<WebSocket, () => void>();
  readonly #perConversation = new Map<string, number>();

  constructor(options: DirectLineOptions) {
    this.#options = options;
  }

  /** Takes an upgrade request: 101 for a good one, otherwise a bare status and the end of the connection. */
  async upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on("error", () => socket.destroy());
    const request = fromNode(incoming);
    const stream = STREAM.exec(request.path);
    const turns = TURNS.exec(request.path);
    let opened: Opened;
    try {
      opened = stream
        ? await this.#openStream(request, stream)
        : turns
          ? await this.#openTurns(request, turns)
          : { status: 404 };
    } catch (error) {
      this.#options.report?.({ kind: "failed", route: request.path, error });
      opened = { status: 503 };
    }
    if (socket.destroyed) return;
    if ("status" in opened) {
      const later = opened.status === 503 ? "retry-after: 2\r\n" : "";
      socket.end(`HTTP/1.1 ${opened.status} Refused\r\n${later}connection: close\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    this.#server.handleUpgrade(incoming, socket, head, (ws) => this.#serve(ws, opened, stream !== null));
  }

  /** Closes every socket; clients come back to another host. */
  closeAll(): void {
    for (const ws of this.#open.keys()) ws.close(STREAM_CLOSE.away);
  }

  /** Ends what didn't close by itself. */
  terminateAll(): void {
    for (const ws of this.#open.keys()) ws.terminate();
  }

  async #openStream(request: GatewayRequest, [, tenant, conversation]: RegExpExecArray): Promise<Opened> {
    const query = new URLSearchParams(request.query);
    let watermark: number;
    try {
      watermark = watermarkOf(request.query);
    } catch {
      return { status: 400 };
    }
    const claims = await this.#options.tokens.takeTicket(query.get("t") ?? "");
    const refusal = this.#refusal(request, claims, { tenant, conversation });
    if (refusal !== undefined || claims === undefined) return { status: refusal ?? 403 };
    return { claims, serve: (ws, stop) => this.#stream(ws, stop, { claims, watermark }) };
  }

  async #openTurns(request: GatewayRequest, [, tenant]: RegExpExecArray): Promise<Opened> {
    const { env, turns, tokens } = this.#options;
    // Turns show how a worker works inside: for its developers alone.
    if (env !== "dev" || turns === undefined) return { status: 404 };
    const query = new URLSearchParams(request.query);
    const claims = await tokens.verify(query.get("token") ?? "");
    const refusal = this.#refusal(request, claims, { tenant, conversation: query.get("conversation") ?? undefined });
    if (refusal !== undefined || claims === undefined) return { status: refusal ?? 403 };
    return {
      claims,
      serve: (ws, stop) => {
        const key = this.#logKey(claims);
        if (key === undefined) return;
        stop.push(turns.subscribe(key, (event) => send(ws, event)));
      },
    };
  }

  #refusal(
    request: GatewayRequest,
    claims: ConversationClaims | undefined,
    expected: { readonly tenant: string | undefined; readonly conversation: string | undefined },
  ): number | undefined {
    const { tenant, env, limits } = this.#options;
    if (claims === undefined || claims.env !== env) return 403;
    if (claims.tenant !== expected.tenant || claims.conversation !== expected.conversation) return 403;
    const origin = request.header("origin");
    if (judgeOrigin(request, originsOf(tenant(claims.tenant))).kind === "denied") return 403;
    if (origin !== undefined && claims.origins.length > 0 && !claims.origins.includes(origin)) return 403;
    if (this.#logKey(claims) === undefined) return 403;
    if (this.#open.size >= limits.maxStreams) return 503;
    return (this.#perConversation.get(claims.conversation) ?? 0) >= limits.maxStreamsPerConversation ? 429 : undefined;
  }

  #logKey(claims: ConversationClaims): string | undefined {
    const provider = this.#options.runtime.channel(claims, WEBCHAT_CHANNEL);
    return provider === undefined ? undefined : logKeyOf(claims, provider);
  }

  #serve(ws: WebSocket, { claims, serve }: Extract<Opened, { readonly serve: Serve }>, isStream: boolean): void {
    const { world } = this.#options;
    const { conversation } = claims;
    const stops: (() => void)[] = [];
    let isAlive = true;
    let cancelPing = (): void => undefined;
    const ping = (): void => {
      if (!isAlive) {
        ws.terminate();
        return;
      }
      isAlive = false;
      ws.ping();
      // Scripts in browsers don't see pings; Direct Line's clients know an empty frame as the server's sign of life.
      if (isStream) ws.send("");
      cancelPing = world.schedule(KEEPALIVE_MS, ping);
    };
    cancelPing = world.schedule(KEEPALIVE_MS, ping);
    const leftMs = Math.max(0, claims.expiresAtMs - world.nowMs());
    stops.push(world.schedule(leftMs, () => ws.close(STREAM_CLOSE.expired)));
    const close = (): void => {
      if (!this.#open.delete(ws)) return;
      cancelPing();
      for (const stop of stops) stop();
      const left = (this.#perConversation.get(conversation) ?? 1) - 1;
      if (left <= 0) this.#perConversation.delete(conversation);
      else this.#perConversation.set(conversation, left);
    };
    this.#open.set(ws, close);
    this.#perConversation.set(conversation, (this.#perConversation.get(conversation) ?? 0) + 1);
    ws.on("pong", () => (isAlive = true));
    // Clients send empty frames as their own keep-alive; nothing that they send means anything.
    ws.on("message", () => (isAlive = true));
    ws.on("error", () => ws.terminate());
    ws.on("close", close);
    serve(ws, stops);
  }

  #stream(ws: WebSocket, stops: (() => void)[], at: { readonly claims: ConversationClaims; watermark: number }): void {
    const { runtime } = this.#options;
    const key = this.#logKey(at.claims);
    if (key === undefined) return;
    let { watermark } = at;
    let isReading = false;
    let isBehind = false;
    const pump = async (): Promise<void> => {
      isBehind = true;
      if (isReading) return;
      isReading = true;
      while (isBehind && ws.readyState === WebSocket.OPEN) {
        isBehind = false;
        const set = await readActivities(this.#options, at.claims, watermark);
        if (set === undefined) continue;
        watermark = Number(set.watermark);
        isBehind = true;
        send(ws, set);
      }
      isReading = false;
    };
    const run = (): void => {
      pump().catch((error: unknown) => {
        this.#options.report?.({ kind: "failed", route: "stream", error });
        ws.close(STREAM_CLOSE.failed);
      });
    };
    stops.push(runtime.watchLog(key, run));
    let typed = 0;
    stops.push(
      runtime.watchTyping(key, () => {
        const id = `${at.claims.conversation}|typing-${++typed}`;
        send(ws, { activities: [{ type: "typing", id, from: { id: "worker", role: "bot" } }] });
      }),
    );
    run();
  }
}

type Serve = (ws: WebSocket, stops: (() => void)[]) => void;
type Opened = { readonly status: number } | { readonly claims: ConversationClaims; readonly serve: Serve };

function send(ws: WebSocket, value: object): void {
  if (ws.readyState !== WebSocket.OPEN) return;
  if (ws.bufferedAmount > MAX_BUFFERED_BYTES) {
    ws.close(STREAM_CLOSE.slow);
    ws.terminate();
    return;
  }
  ws.send(JSON.stringify(value));
}
