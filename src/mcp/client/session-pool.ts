import type { World } from "../../types/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import type { McpSession } from "./mcp-session.ts";

/** Where a session goes to. Equal keys may share sessions: they stand for one tenant, one pack and one server's declaration. */
export interface SessionPlace {
  readonly key: string;
  /** The server's name in messages. */
  readonly name: string;
  readonly maxSessions: number;
  /** Opens one more session. */
  readonly open: () => Promise<McpSession>;
}

interface Group {
  readonly idle: McpSession[];
  /** Sessions in use or being opened, and idle ones. */
  size: number;
  readonly waiting: (() => void)[];
  /** Openings that failed one after another. */
  failures: number;
  /** Monotonic time before which no session is opened. */
  notBeforeMs: number;
}

const IDLE_MS = 300_000;
const MAX_BACKOFF_MS = 30_000;
const FIRST_BACKOFF_MS = 250;
const MAX_WAITING = 1_000;

/** Sessions by place: opened when they are needed, used by one call at a time, closed when idle, never shared between places. */
export class SessionPool implements AsyncDisposable {
  readonly #world: World;
  readonly #groups = new Map<string, Group>();
  readonly #closing = new Set<Promise<void>>();
  readonly #cancelIdle = new Map<McpSession, () => void>();
  #isClosed = false;

  constructor(world: World) {
    this.#world = world;
  }

  /** How many sessions are open or opening. */
  get size(): number {
    return [...this.#groups.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Runs `work` with a session of its own. @throws MCP_SERVER_UNAVAILABLE where none can be had, and what opening and `work`
   * throw
   */
  async use<T>(
    place: SessionPlace,
    signal: AbortSignal | undefined,
    work: (session: McpSession) => Promise<T>,
  ): Promise<T> {
    const group = this.#groupOf(place.key);
    const session = await this.#take(place, group, signal);
    try {
      return await work(session);
    } finally {
      this.#giveBack(place.key, group, session);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const group of this.#groups.values()) {
      for (const session of group.idle.splice(0)) this.#retire(group, session);
      for (const wake of group.waiting.splice(0)) wake();
    }
    this.#groups.clear();
    await Promise.allSettled(this.#closing);
  }

  #groupOf(key: string): Group {
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { idle: [], size: 0, waiting: [], failures: 0, notBeforeMs: 0 };
      this.#groups.set(key, group);
    }
    return group;
  }

  async #take(place: SessionPlace, group: Group, signal: AbortSignal | undefined): Promise<McpSession> {
    for (;;) {
      if (this.#isClosed) throw unavailable(place, "the host is shutting down");
      if (signal?.aborted === true) throw unavailable(place, "the call was given up");
      const idle = group.idle.pop();
      if (idle !== undefined) {
        this.#cancelIdle.get(idle)?.();
        this.#cancelIdle.delete(idle);
        if (!idle.isSpent) return idle;
        this.#retire(group, idle);
        continue;
      }
      if (group.size < place.maxSessions) return this.#open(place, group);
      if (group.waiting.length >= MAX_WAITING) throw unavailable(place, "too many calls wait for it");
      await untilWoken(group, signal);
    }
  }

  async #open(place: SessionPlace, group: Group): Promise<McpSession> {
    const waitMs = group.notBeforeMs - this.#world.monotonicMs();
    if (waitMs > 0) throw unavailable(place, "it failed a moment ago", Math.ceil(waitMs));
    group.size++;
    try {
      const session = await place.open();
      group.failures = 0;
      return session;
    } catch (error) {
      group.size--;
      const backoffMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** group.failures++);
      group.notBeforeMs = this.#world.monotonicMs() + backoffMs;
      group.waiting.shift()?.();
      throw error;
    }
  }

  #giveBack(key: string, group: Group, session: McpSession): void {
    if (session.isSpent || this.#isClosed) {
      this.#retire(group, session);
      return;
    }
    group.idle.push(session);
    const cancel = this.#world.schedule(IDLE_MS, () => {
      group.idle.splice(group.idle.indexOf(session), 1);
      this.#cancelIdle.delete(session);
      this.#retire(group, session);
      if (group.size === 0 && group.waiting.length === 0) this.#groups.delete(key);
    });
    this.#cancelIdle.set(session, cancel);
    group.waiting.shift()?.();
  }

  #retire(group: Group, session: McpSession): void {
    this.#cancelIdle.get(session)?.();
    this.#cancelIdle.delete(session);
    group.size--;
    const closing = session.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
    group.waiting.shift()?.();
  }
}

async function untilWoken(group: Group, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const wake = (): void => resolve();
  group.waiting.push(wake);
  signal?.addEventListener("abort", wake, { once: true });
  await promise;
  signal?.removeEventListener("abort", wake);
  const place = group.waiting.indexOf(wake);
  if (place >= 0) group.waiting.splice(place, 1);
  // Who was woken and goes away lets the next one go.
  else if (signal?.aborted === true) group.waiting.shift()?.();
}

function unavailable({ name }: SessionPlace, problem: string, retryAfterMs?: number): GreenticError {
  return new GreenticError(
    "MCP_SERVER_UNAVAILABLE",
    `Use MCP server ${quote(name)}: ${problem}`,
    retryAfterMs === undefined ? {} : { retryAfterMs },
  );
}
