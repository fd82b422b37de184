import type { StatementSync } from "node:sqlite";
import type { LogHead, SqliteCore } from "./sqlite-core.ts";
import { isWhole, rowSum, sumSql, wholeRow } from "./sqlite-sum.ts";
import type { SqlRow } from "./sqlite-sum.ts";
import { LOG_ENTRIES_MAX, logStaysMs } from "./store.ts";
import type { LogRange } from "./store.ts";

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
  readonly #update: StatementSync;
  readonly #insert: StatementSync;
  readonly #trim: StatementSync;
  readonly #find: StatementSync;
  readonly #select: StatementSync;
  readonly #dropEntries: StatementSync;
  readonly #ends: StatementSync;
  readonly #dropPast: StatementSync;
  readonly #dropConversation: StatementSync;

  constructor(core: SqliteCore) {
    this.#core = core;
    const { db } = core;
    this.#lastId = db.prepare("SELECT max(id) AS id FROM conversation");
    this.#create = db.prepare("INSERT INTO conversation (id, key, touched, keep, base, sum) VALUES (?, ?, ?, ?, ?, ?)");
    this.#update = db.prepare("UPDATE conversation SET touched = ?, keep = ?, base = ?, sum = ? WHERE id = ?");
    this.#insert = db.prepare("INSERT INTO log (conversation, idx, body, at, sum) VALUES (?, ?, ?, ?, ?)");
    this.#trim = db.prepare("DELETE FROM log WHERE conversation = ? AND idx < ?");
    this.#find = db.prepare(
      "SELECT *, (SELECT max(idx) FROM log WHERE conversation = id) AS last FROM conversation WHERE key = ?",
    );
    this.#dropEntries = db.prepare("DELETE FROM log WHERE conversation = ?");
    this.#dropConversation = db.prepare("DELETE FROM conversation WHERE id = ?");
    this.#ends = db.prepare(
      `SELECT * FROM (SELECT * FROM log WHERE conversation = ?1 ORDER BY idx LIMIT 1)
       UNION ALL SELECT * FROM (SELECT * FROM log WHERE conversation = ?1 ORDER BY idx DESC LIMIT 1)`,
    );
    this.#dropPast = db.prepare(`DELETE FROM log WHERE conversation = ? AND at <= ? AND sum = ${sumSql("log")}`);
    this.#select = db.prepare("SELECT * FROM log WHERE conversation = ? AND idx > ? AND at > ? ORDER BY idx LIMIT ?");
  }

  /** The index that the next entry will have. */
  nextIndex(conversation: string): number {
    return this.#head(conversation)?.next ?? 0;
  }

  append(conversation: string, body: string, keepMs: number | null): void {
    const { nowMs } = this.#core;
    const head = this.#head(conversation) ?? this.#begin(conversation, keepMs);
    const index = head.next++;
    this.#insert.run(head.id, index, body, nowMs, rowSum(head.id, index, body, nowMs));
    head.touchedMs = nowMs;
    if (nowMs - head.storedMs >= TOUCH_EVERY_MS || head.keepMs !== keepMs) {
      head.keepMs = keepMs;
      head.storedMs = nowMs;
      this.#write(conversation, head);
    }
    if (index >= LOG_ENTRIES_MAX && index % TRIM_EVERY === 0) this.#trim.run(head.id, index + 1 - LOG_ENTRIES_MAX);
  }

  readLog(conversation: string, { after, limit, keepMs }: LogRange): (readonly [number, string])[] {
    const head = this.#head(conversation);
    if (head === undefined) return [];
    const keptMs = Math.min(head.keepMs ?? Number.MAX_SAFE_INTEGER, keepMs ?? Number.MAX_SAFE_INTEGER);
    const since = this.#core.nowMs - keptMs;
    const rows = this.#select.all(head.id, Math.max(after, head.next - LOG_ENTRIES_MAX - 1), since, limit);
    return rows.map((row) => [Number(row["idx"]), String(wholeRow("log", row)["body"])]);
  }

  has(conversation: string): boolean {
    return this.#head(conversation) !== undefined;
  }

  /** Drops what is past its time of the log of a conversation, whose whole row is given. */
  dropPast(row: SqlRow, nowMs: number): void {
    const conversation = String(row["key"]);
    const known = this.#core.logHeads.get(conversation);
    // The file's time may lag behind that in memory.
    const touchedMs = known?.touchedMs ?? Number(row["touched"]);
    const keepMs = row["keep"] === null ? null : Number(row["keep"]);
    if (touchedMs <= nowMs - logStaysMs(keepMs)) {
      if (isWhole("conversation", row)) this.drop(conversation);
      return;
    }
    const [oldest, newest] = keepMs === null ? [] : this.#ends.all(row["id"] ?? 0);
    if (keepMs === null || oldest === undefined || Number(oldest["at"]) > nowMs - keepMs) return;
    const head = isWhole("conversation", row) ? this.#head(conversation) : undefined;
    if (head === undefined) return;
    // Where all go, nothing else tells where to count on.
    if (Number(newest?.["at"]) <= nowMs - keepMs) {
      head.base = head.next;
      this.#write(conversation, head);
    }
    this.#dropPast.run(head.id, nowMs - keepMs);
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
    const { id, touched, keep = null, base, last = null } = wholeRow("conversation", row);
    return this.#keep(conversation, {
      id: Number(id),
      next: Math.max(Number(base), last === null ? 0 : Number(last) + 1),
      base: Number(base),
      keepMs: keep === null ? null : Number(keep),
      touchedMs: Number(touched),
      storedMs: Number(touched),
    });
  }

  #begin(conversation: string, keepMs: number | null): LogHead {
    const { nowMs } = this.#core;
    const id = Number(this.#lastId.get()?.["id"] ?? 0) + 1;
    this.#create.run(id, conversation, nowMs, keepMs, 0, rowSum(id, conversation, nowMs, keepMs, 0));
    return this.#keep(conversation, { id, next: 0, base: 0, keepMs, touchedMs: nowMs, storedMs: nowMs });
  }

  #write(conversation: string, { id, storedMs, keepMs, base }: LogHead): void {
    this.#update.run(storedMs, keepMs, base, rowSum(id, conversation, storedMs, keepMs, base), id);
  }

  #keep(conversation: string, head: LogHead): LogHead {
    const { logHeads } = this.#core;
    logHeads.set(conversation, head);
    const oldest = logHeads.size > HEADS_MAX ? logHeads.keys().next() : undefined;
    if (oldest?.done === false) logHeads.delete(oldest.value);
    return head;
  }
}
