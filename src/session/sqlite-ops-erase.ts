import type { StatementSync } from "node:sqlite";
import { encodeKeyToken } from "../types/index.ts";
import type { SessionKeyText } from "../types/index.ts";
import { erasureFilter } from "./erasure.ts";
import type { SqliteCore } from "./sqlite-core.ts";
import type { AdminOps } from "./sqlite-ops-admin.ts";
import type { LogOps } from "./sqlite-ops-log.ts";
import type { OutboxOps } from "./sqlite-ops-outbox.ts";
import type { TurnOps } from "./sqlite-ops-turn.ts";
import type { RawErased, RawErasure } from "./sqlite-protocol.ts";
import { conversationOf } from "./store.ts";
import type { Erasure } from "./store.ts";

/** Sessions that one step drops at most, and rows of other tables that it looks at: some milliseconds of the writer. */
const SESSIONS = 200;
const ROWS = 2_000;

/** The tables that an erasure walks, in this order. */
const STAGES = ["session", "outbox", "dead_letter", "answer", "journal", "conversation"] as const;

type Stage = (typeof STAGES)[number];
type Counts = { -readonly [Count in keyof RawErased["erased"]]: number };

/** Erases people's records, a step at a time, so that others' turns go on in between. What is written meanwhile stays. */
export class EraseOps {
  readonly #core: SqliteCore;
  readonly #turns: TurnOps;
  readonly #outbox: OutboxOps;
  readonly #logs: LogOps;
  readonly #admin: AdminOps;
  readonly #sessionsBetween: StatementSync;
  readonly #conversationsBetween: StatementSync;
  readonly #walk: Readonly<Record<"outbox" | "dead_letter" | "answer", StatementSync>>;
  readonly #delete: Readonly<Record<"dead_letter" | "answer", StatementSync>>;
  readonly #journalEnd: StatementSync;
  readonly #dropOrphans: StatementSync;

  constructor(
    core: SqliteCore,
    rooms: { readonly turns: TurnOps; readonly outbox: OutboxOps; readonly logs: LogOps; readonly admin: AdminOps },
  ) {
    this.#core = core;
    this.#turns = rooms.turns;
    this.#outbox = rooms.outbox;
    this.#logs = rooms.logs;
    this.#admin = rooms.admin;
    const { db } = core;
    const between = (table: string): StatementSync =>
      db.prepare(`SELECT key FROM ${table} WHERE key > ? AND key < ? ORDER BY key LIMIT ${SESSIONS}`);
    this.#sessionsBetween = between("session");
    this.#conversationsBetween = between("conversation");
    const walk = (table: string): StatementSync =>
      db.prepare(`SELECT * FROM ${table} WHERE ord > ? AND ord <= ? ORDER BY ord LIMIT ${ROWS}`);
    this.#walk = {
      outbox: walk("(SELECT ord, id, key FROM outbox)"),
      dead_letter: walk("(SELECT ord, key FROM dead_letter)"),
      answer: walk("(SELECT ord, key FROM answer)"),
    };
    const remove = (table: string): StatementSync => db.prepare(`DELETE FROM ${table} WHERE ord = ?`);
    this.#delete = { dead_letter: remove("dead_letter"), answer: remove("answer") };
    this.#journalEnd = db.prepare(
      `SELECT max(ord) AS last, count(*) AS n FROM (SELECT ord FROM journal WHERE ord > ? ORDER BY ord LIMIT ${ROWS})`,
    );
    this.#dropOrphans = db.prepare(
      "DELETE FROM journal WHERE ord > ? AND ord <= ? AND session NOT IN (SELECT id FROM session)",
    );
  }

  /** Takes one step; `next` is what the following call is given. */
  erase(erasure: RawErasure | Erasure): RawErased {
    const step = "whose" in erasure ? erasure : this.#first(erasure);
    const erased: Counts = { sessions: 0, deadLetters: 0, rows: 0, logs: 0 };
    const after = this.#take(step, erased);
    if (after !== undefined) return { erased, next: { ...step, after } };
    const stage = STAGES[STAGES.indexOf(step.stage as Stage) + 1];
    if (stage === undefined) return { erased, next: undefined };
    return { erased, next: { ...step, stage, after: stage === "conversation" ? rangeOf(step.whose)[0] : -1 } };
  }

  #first(whose: Erasure): RawErasure {
    return { whose, stage: "session", after: rangeOf(whose)[0], last: this.#core.sequence.next() };
  }

  /** Does one stage's next part; returns where the following begins, or undefined at the end of the stage. */
  #take(step: RawErasure, erased: Counts): string | number | undefined {
    switch (step.stage) {
      case "session":
        return this.#sessions(step, erased);
      case "outbox":
      case "dead_letter":
      case "answer":
        return this.#rows(step, step.stage, erased);
      case "journal":
        return this.#orphans(Number(step.after));
      case "conversation":
      default:
        return step.whose.user === undefined ? this.#conversations(step, erased) : undefined;
    }
  }

  #sessions({ whose, after }: RawErasure, erased: Counts): string | undefined {
    const isWanted = erasureFilter(whose);
    const [start, end] = rangeOf(whose);
    const keys = this.#sessionsBetween.all(after, end).map((row) => String(row["key"]));
    const unstored = after === start ? this.#core.unstored().map(({ key }) => key) : [];
    for (const key of [...keys, ...unstored]) {
      if (!isWanted(key)) continue;
      const session = this.#core.reopen(key);
      if (this.#admin.isThere(session)) erased.sessions++;
      this.#turns.drop(session);
      this.#dropLog(key, erased);
    }
    return keys.length < SESSIONS ? undefined : keys.at(-1);
  }

  #rows(
    { whose, after, last }: RawErasure,
    table: "outbox" | "dead_letter" | "answer",
    erased: Counts,
  ): number | undefined {
    const isWanted = erasureFilter(whose);
    const rows = this.#walk[table].all(after, last);
    for (const { ord, id, key } of rows) {
      const order = Number(ord);
      // An answer of an older version doesn't say whose it is.
      if (key !== null && !isWanted(String(key))) continue;
      if (table === "outbox") {
        this.#outbox.erase({ ord: order, id: String(id), key: String(key) });
        erased.rows++;
      } else {
        this.#delete[table].run(order);
        if (table === "dead_letter") erased.deadLetters++;
      }
      if (key !== null) this.#dropLog(String(key), erased);
    }
    return rows.length < ROWS ? undefined : Number(rows.at(-1)?.["ord"]);
  }

  /** Turns that a sweep had cut off their chain. */
  #orphans(after: number): number | undefined {
    const part = this.#journalEnd.get(after);
    if (Number(part?.["n"]) > 0) this.#dropOrphans.run(after, Number(part?.["last"]));
    return Number(part?.["n"]) < ROWS ? undefined : Number(part?.["last"]);
  }

  #conversations({ whose, after }: RawErasure, erased: Counts): string | undefined {
    const isWanted = erasureFilter(whose);
    const { team, channel, conversation } = whose;
    if (team !== undefined && channel !== undefined && conversation !== undefined) {
      if (this.#logs.drop(rangeOf(whose)[0].slice(0, -1))) erased.logs++;
      return undefined;
    }
    const keys = this.#conversationsBetween.all(after, rangeOf(whose)[1]).map((row) => String(row["key"]));
    for (const key of keys) if (isWanted(key) && this.#logs.drop(key)) erased.logs++;
    return keys.length < SESSIONS ? undefined : keys.at(-1);
  }

  #dropLog(key: string, erased: Counts): void {
    if (this.#logs.drop(conversationOf(key as SessionKeyText))) erased.logs++;
  }
}

/** The range of keys in which all that is wanted lies, without its ends. */
function rangeOf(whose: Erasure): readonly [string, string] {
  const parts: string[] = [whose.env, whose.tenant];
  for (const part of [whose.team, whose.channel, whose.conversation && encodeKeyToken(whose.conversation)]) {
    if (part === undefined) break;
    parts.push(part);
  }
  const prefix = parts.join(":");
  // ";" is the character behind the separator ":".
  return [`${prefix}:`, `${prefix};`];
}
