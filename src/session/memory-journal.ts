import type { JsonValue, SessionKeyText } from "../types/index.ts";
import { JOURNAL_RETENTION_MS, JOURNAL_TURNS_MAX } from "./store.ts";
import type { JournalEntry } from "./store.ts";

/** The memory store's journals, one a session; they outlive it. */
export class MemoryJournals {
  readonly #journals = new Map<SessionKeyText, JournalEntry[]>();

  append(key: SessionKeyText, revision: number, turn: JsonValue, atMs: number): void {
    const journal = this.#journals.get(key);
    if (journal === undefined) this.#journals.set(key, [{ revision, atMs, turn }]);
    else {
      journal.push({ revision, atMs, turn });
      if (journal.length > JOURNAL_TURNS_MAX) journal.shift();
    }
  }

  read(key: SessionKeyText, limit: number): readonly JournalEntry[] {
    return limit <= 0 ? [] : (this.#journals.get(key)?.slice(-limit) ?? []);
  }

  keys(): Iterable<SessionKeyText> {
    return this.#journals.keys();
  }

  drop(key: SessionKeyText): void {
    this.#journals.delete(key);
  }

  dropOld(nowMs: number): void {
    for (const [key, journal] of this.#journals) {
      const young = journal.filter(({ atMs }) => atMs > nowMs - JOURNAL_RETENTION_MS);
      if (young.length === 0) this.#journals.delete(key);
      else if (young.length < journal.length) this.#journals.set(key, young);
    }
  }
}
