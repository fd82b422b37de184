import type { JsonValue } from "../types/index.ts";
import { LOG_ENTRIES_MAX, LOG_RETENTION_MS } from "./store.ts";
import type { LogEntry } from "./store.ts";

interface Log {
  entries: LogEntry[];
  next: number;
  touchedAtMs: number;
}

/** The memory store's logs, one a conversation. */
export class MemoryLogs {
  readonly #logs = new Map<string, Log>();

  /** Appends and returns the entry's index. */
  append(conversation: string, activity: JsonValue, nowMs: number): number {
    let log = this.#logs.get(conversation);
    if (log === undefined) {
      log = { entries: [], next: 0, touchedAtMs: nowMs };
      this.#logs.set(conversation, log);
    }
    const index = log.next++;
    log.touchedAtMs = nowMs;
    log.entries.push({ index, activity });
    if (log.entries.length >= 2 * LOG_ENTRIES_MAX) log.entries = log.entries.slice(-LOG_ENTRIES_MAX);
    return index;
  }

  read(conversation: string, after: number, limit: number): LogEntry[] {
    const log = this.#logs.get(conversation);
    if (log === undefined) return [];
    const oldest = log.next - log.entries.length;
    const from = Math.max(after + 1, log.next - LOG_ENTRIES_MAX, 0) - oldest;
    return log.entries.slice(from, from + limit);
  }

  /** Drops the logs of some conversations; returns how many there were. */
  erase(isWanted: (conversation: string) => boolean): number {
    let count = 0;
    for (const conversation of this.#logs.keys()) {
      if (isWanted(conversation) && this.#logs.delete(conversation)) count++;
    }
    return count;
  }

  dropIdle(nowMs: number): void {
    for (const [conversation, log] of this.#logs) {
      if (log.touchedAtMs <= nowMs - LOG_RETENTION_MS) this.#logs.delete(conversation);
    }
  }
}
