import type { McpServer, WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/server";
import { EventLog } from "./event-log.ts";
import type { Sdk } from "./sdk.ts";

export interface HttpSessionsOptions {
  readonly sdk: Sdk;
  readonly createServer: () => McpServer;
  /** 32 random characters or more. */
  readonly createId: () => string;
  readonly nowMs: () => number;
  readonly maxSessions: number;
  readonly idleMs: number;
  readonly maxBodyBytes: number;
}

interface Session {
  readonly transport: WebStandardStreamableHTTPServerTransport;
  readonly server: McpServer;
  lastMs: number;
  /** Requests whose answer is under way. */
  active: number;
}

/** How soon a client whose stream was closed comes back. */
const RETRY_MS = 1_000;

/** Clients of 2025, who open a session first: one server for each, until they close it or are silent for too long. */
export class HttpSessions {
  readonly #options: HttpSessionsOptions;
  readonly #sessions = new Map<string, Session>();

  constructor(options: HttpSessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  async fetch(request: Request): Promise<Response> {
    const { nowMs, maxSessions } = this.#options;
    this.#dropIdle();
    const id = request.headers.get("mcp-session-id");
    if (id !== null) {
      const session = this.#sessions.get(id);
      return session === undefined ? refused(404, -32_001, "Session not found") : this.#serve(session, request);
    }
    if (request.method !== "POST") return refused(400, -32_000, "Mcp-Session-Id header is required");
    if (this.#sessions.size >= maxSessions) return refused(503, -32_000, "Too many sessions");
    const session = await this.#open(nowMs());
    const response = await this.#serve(session, request);
    // What wasn't an initialization has opened nothing.
    if (session.transport.sessionId === undefined) await session.server.close();
    return response;
  }

  async close(): Promise<void> {
    const open = [...this.#sessions.values()];
    this.#sessions.clear();
    await Promise.allSettled(open.map(({ server }) => server.close()));
  }

  async #open(nowMs: number): Promise<Session> {
    const { sdk, createServer, createId, maxBodyBytes } = this.#options;
    const transport = new sdk.WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: createId,
      onsessioninitialized: (id) => void this.#sessions.set(id, session),
      onsessionclosed: (id) => void this.#sessions.delete(id),
      eventStore: new EventLog(),
      retryInterval: RETRY_MS,
      maxRequestBodySize: maxBodyBytes,
    });
    const server = createServer();
    const session: Session = { transport, server, lastMs: nowMs, active: 0 };
    await server.connect(transport);
    return session;
  }

  async #serve(session: Session, request: Request): Promise<Response> {
    const { nowMs } = this.#options;
    session.active++;
    try {
      return await session.transport.handleRequest(request);
    } finally {
      session.active--;
      session.lastMs = nowMs();
    }
  }

  #dropIdle(): void {
    const { nowMs, idleMs } = this.#options;
    const now = nowMs();
    for (const [id, session] of this.#sessions) {
      if (session.active > 0 || now - session.lastMs < idleMs) continue;
      this.#sessions.delete(id);
      session.server.close().catch(() => undefined);
    }
  }
}

/** Refuses a request in the protocol's form. */
export function refused(status: number, code: number, message: string, headers: Record<string, string> = {}): Response {
  return Response.json({ jsonrpc: "2.0", error: { code, message }, id: null }, { status, headers });
}
