import type { JsonValue } from "../types/index.ts";
import { LOG_ENTRIES_MAX, logStaysMs } from "./store.ts";
import type { LogEntry, LogRange } from "./store.ts";

interface Kept extends LogEntry {
  readonly atMs: number;
}

interface Log {
  entries: Kept[];
  next: number;
  touchedAtMs: number;
  /** How long each entry is kept; undefined where nobody said. */
  keepMs: number | undefined;
}

/** The memory store's logs, one a conversation. */
export class MemoryLogs {
  readonly #logs = new Map<string, Log>();

  /** Appends and returns the entry's index. */
  append(
    conversation: string,
    activity: JsonValue,
    { nowMs, keepMs }: { readonly nowMs: number; readonly keepMs: number | undefined },
  ): number {
    let log = this.#logs.get(conversation);
    if (log === undefined) {
      log = { entries: [], next: 0, touchedAtMs: nowMs, keepMs };
      this.#logs.set(conversation, log);
    }
    const index = log.next++;
    log.touchedAtMs = nowMs;
    log.keepMs = keepMs;
    log.entries.push({ index, activity, atMs: nowMs });
    if (log.entries.length >= 2 * LOG_ENTRIES_MAX) log.entries = log.entries.slice(-LOG_ENTRIES_MAX);
    return index;
  }

  read(
    conversation: string,
    { after, limit, keepMs = Number.POSITIVE_INFINITY, nowMs }: LogRange & { readonly nowMs: number },
  ): LogEntry[] {
    const log = this.#logs.get(conversation);
    if (log === undefined) return [];
    const newest = log.entries
      .slice(-LOG_ENTRIES_MAX)
      .filter((entry) => entry.index > after && isKept(entry, log, nowMs) && entry.atMs > nowMs - keepMs);
    return newest.slice(0, limit).map(({ index, activity }) => ({ index, activity }));
  }

  /** Drops the logs of some conversations; returns how many there were. */
  erase(isWanted: (conversation: string) => boolean): number {
    let count = 0;
    for (const conversation of this.#logs.keys()) {
      if (isWanted(conversation) && this.#logs.delete(conversation)) count++;
    }
    return count;
  }

  /** Drops entries past their time, and logs with their count once nobody can point into them any more. */
  dropOld(nowMs: number): void {
    for (const [conversation, log] of this.#logs) {
      if (log.touchedAtMs <= nowMs - logStaysMs(log.keepMs)) this.#logs.delete(conversation);
      else if (log.keepMs !== undefined) log.entries = log.entries.filter((entry) => isKept(entry, log, nowMs));
    }
  }
}

function isKept({ atMs }: Kept, { keepMs }: Log, nowMs: number): boolean {
  return keepMs === undefined || atMs > nowMs - keepMs;
}
