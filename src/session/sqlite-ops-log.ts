import type { StatementSync } from "node:sqlite";
import type { LogHead, SqliteCore } from "./sqlite-core.ts";
import { rowSum, wholeRow } from "./sqlite-sum.ts";
import { LOG_ENTRIES_MAX } from "./store.ts";

/** Entries are trimmed this many at a time, and reading hides what is yet to be trimmed. */
const TRIM_EVERY = 64;
/** How far the file's time of a conversation's last entry may lag behind. */
const TOUCH_EVERY_MS = 3_600_000;
/** Conversations whose log's end stays in memory. */
const HEADS_MAX = 4_096;

/** Conversations' logs in the file. Where a log ends is kept in memory; the file's entries tell it too. */
export class LogOps {
  readonly #core: SqliteCore;
  readonly #lastId: StatementSync;
  readonly #create: StatementSync;
  readonly #touch: StatementSync;
  readonly #insert: StatementSync;
  readonly #trim: StatementSync;
  readonly #find: StatementSync;
  readonly #select: StatementSync;
  readonly #dropEntries: StatementSync;
  readonly #dropConversation: StatementSync;

  constructor(core: SqliteCore) {
    this.#core = core;
    const { db } = core;
    this.#lastId = db.prepare("SELECT max(id) AS id FROM conversation");
    this.#create = db.prepare("INSERT INTO conversation (id, key, touched, sum) VALUES (?, ?, ?, ?)");
    this.#touch = db.prepare("UPDATE conversation SET touched = ?, sum = ? WHERE id = ?");
    this.#insert = db.prepare("INSERT INTO log (conversation, idx, body, sum) VALUES (?, ?, ?, ?)");
    this.#trim = db.prepare("DELETE FROM log WHERE conversation = ? AND idx < ?");
    this.#find = db.prepare(
      "SELECT *, (SELECT max(idx) FROM log WHERE conversation = id) AS last FROM conversation WHERE key = ?",
    );
    this.#dropEntries = db.prepare("DELETE FROM log WHERE conversation = ?");
    this.#dropConversation = db.prepare("DELETE FROM conversation WHERE id = ?");
    this.#select = db.prepare("SELECT * FROM log WHERE conversation = ? AND idx > ? ORDER BY idx LIMIT ?");
  }

  /** The index that the next entry will have. */
  nextIndex(conversation: string): number {
    return this.#head(conversation)?.next ?? 0;
  }

  append(conversation: string, body: string): void {
    const { nowMs } = this.#core;
    const head = this.#head(conversation) ?? this.#begin(conversation);
    const index = head.next++;
    this.#insert.run(head.id, index, body, rowSum(head.id, index, body));
    head.touchedMs = nowMs;
    if (nowMs - head.storedMs >= TOUCH_EVERY_MS) {
      this.#touch.run(nowMs, rowSum(head.id, conversation, nowMs), head.id);
      head.storedMs = nowMs;
    }
    if (index >= LOG_ENTRIES_MAX && index % TRIM_EVERY === 0) this.#trim.run(head.id, index + 1 - LOG_ENTRIES_MAX);
  }

  readLog(conversation: string, after: number, limit: number): (readonly [number, string])[] {
    const head = this.#head(conversation);
    if (head === undefined) return [];
    const rows = this.#select.all(head.id, Math.max(after, head.next - LOG_ENTRIES_MAX - 1), limit);
    return rows.map((row) => [Number(row["idx"]), String(wholeRow("log", row)["body"])]);
  }

  has(conversation: string): boolean {
    return this.#head(conversation) !== undefined;
  }

  /** Forgets a conversation's log; false where there is none. */
  drop(conversation: string): boolean {
    const head = this.#head(conversation);
    if (head === undefined) return false;
    this.#core.logHeads.delete(conversation);
    this.#dropEntries.run(head.id);
    this.#dropConversation.run(head.id);
    return true;
  }

  #head(conversation: string): LogHead | undefined {
    const known = this.#core.logHeads.get(conversation);
    if (known !== undefined) return known;
    const row = this.#find.get(conversation);
    if (row === undefined) return undefined;
    const { id, touched, last = null } = wholeRow("conversation", row);
    return this.#keep(conversation, {
      id: Number(id),
      next: last === null ? 0 : Number(last) + 1,
      touchedMs: Number(touched),
      storedMs: Number(touched),
    });
  }

  #begin(conversation: string): LogHead {
    const { nowMs } = this.#core;
    const id = Number(this.#lastId.get()?.["id"] ?? 0) + 1;
    this.#create.run(id, conversation, nowMs, rowSum(id, conversation, nowMs));
    return this.#keep(conversation, { id, next: 0, touchedMs: nowMs, storedMs: nowMs });
  }

  #keep(conversation: string, head: LogHead): LogHead {
    const { logHeads } = this.#core;
    logHeads.set(conversation, head);
    const oldest = logHeads.size > HEADS_MAX ? logHeads.keys().next() : undefined;
    if (oldest?.done === false) logHeads.delete(oldest.value);
    return head;
  }
}
