import type { JsonValue, SessionKeyText } from "../types/index.ts";
import type { Leasable, Hold } from "./lease-table.ts";
import { channelOf, conversationOf, LEASE_INBOX_MAX } from "./store.ts";
import type { InboxEntry, Lease, SessionRecord, SessionSummary, Step, Timer } from "./store.ts";

/** The state of a session that has none. */
export const NO_STATE: ReadonlyMap<string, JsonValue> = new Map();
const NO_TIMERS: readonly Timer[] = [];
/** The steps of a session that crashed in no turn. */
export const NO_STEPS: readonly Step[] = [];

/** Everything that the memory store knows of one session. */
export class MemorySession implements Leasable {
  readonly key: SessionKeyText;
  readonly channel: string;
  readonly conversation: string;
  record: SessionRecord | undefined;
  inbox: InboxEntry[] = [];
  /** Replaced as a whole by each commit that changes it, so that a lease keeps what it was given. */
  state = NO_STATE;
  steps = NO_STEPS;
  readonly timers = new Map<string, Timer>();
  hasDueTimer = false;
  hold: Hold | undefined;
  /** Leases of the turn that is due which ran out. */
  attempt = 0;

  constructor(key: SessionKeyText) {
    this.key = key;
    this.channel = channelOf(key);
    this.conversation = conversationOf(key);
  }

  get hasWork(): boolean {
    return this.inbox.length > 0 || this.hasDueTimer;
  }

  /** Whether nothing would be lost without it. */
  get isEmpty(): boolean {
    return this.record === undefined && this.inbox.length === 0 && this.timers.size === 0;
  }

  lease(hold: Hold, nowMs: number): Lease {
    return {
      key: this.key,
      worker: hold.worker,
      fence: hold.fence,
      session: this.record,
      inbox: this.inbox.slice(0, LEASE_INBOX_MAX),
      timers: this.hasDueTimer ? this.#dueTimers(nowMs) : NO_TIMERS,
      state: this.state,
      steps: this.steps,
      attempt: this.attempt,
    };
  }

  /** Bytes of its record and state. */
  get storedBytes(): number {
    let bytes = this.record === undefined ? 0 : jsonBytes(this.record);
    for (const [key, value] of this.state) bytes += Buffer.byteLength(key) + jsonBytes(value);
    return bytes;
  }

  summary(): SessionSummary {
    return { key: this.key, session: this.record, unread: this.inbox.length };
  }

  #dueTimers(nowMs: number): Timer[] {
    return [...this.timers.values()].filter((t) => t.dueAtMs <= nowMs).sort((a, b) => a.dueAtMs - b.dueAtMs);
  }
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
