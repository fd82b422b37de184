import type { DatabaseSync, StatementSync } from "node:sqlite";
import { GreenticError, isGreenticError } from "../types/index.ts";
import { Checkpoints } from "./sqlite-checkpoint.ts";
import { SqliteCore } from "./sqlite-core.ts";
import { isFatal, isOutOfRange, storeFailure } from "./sqlite-failure.ts";
import { AdminOps } from "./sqlite-ops-admin.ts";
import { EraseOps } from "./sqlite-ops-erase.ts";
import { InboxOps } from "./sqlite-ops-inbox.ts";
import { JournalOps } from "./sqlite-ops-journal.ts";
import { LogOps } from "./sqlite-ops-log.ts";
import { OutboxOps } from "./sqlite-ops-outbox.ts";
import { TurnOps } from "./sqlite-ops-turn.ts";
import type { SpaceReserve } from "./sqlite-reserve.ts";
import { isSmall, Scrub } from "./sqlite-scrub.ts";
import type { RawAnswers, RawCall, RawErased, RawFailure, StoreOps } from "./sqlite-protocol.ts";

interface Clock {
  readonly nowMs: number;
  readonly monotonicMs: number;
}

/** How many calls may find the disk full before the others of their batch and of the next moment are refused untried. */
const READ_ONLY_AFTER = 3;
const READ_ONLY_MS = 500;
const READS: ReadonlySet<keyof StoreOps> = new Set([
  "read",
  "list",
  "listOutbox",
  "listDeadLetters",
  "readLog",
  "readJournal",
  "stats",
  "storedBytes",
]);

/** What is refused while the disk is full but for what the reserve left. */
const INTAKE: ReadonlySet<keyof StoreOps> = new Set(["accept", "redrive"]);

/** What a writer stands in besides its file. */
export interface WriterOptions {
  /** Told of records that are not as they were written. */
  readonly onDamage?: (error: GreenticError) => void;
  /** Told once when nothing is written any more. */
  readonly onShut?: (error: GreenticError) => void;
  readonly reserve?: SpaceReserve;
}

/** Answers being collected. */
interface Answers {
  readonly results: unknown[];
  readonly failures: RawFailure[];
}

/**
 * The one writer of a store's file. All calls that wait when it wakes run in one transaction and share one flush. A call that
 * refuses does so before it writes; where one fails otherwise (a full disk, say) the transaction is rolled back and each call
 * runs in one of its own, so that it fails alone.
 */
export class SqliteWriter {
  readonly #db: DatabaseSync;
  readonly #core: SqliteCore;
  readonly #ops: StoreOps;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  /** Until then writes are refused untried: going back after each failure costs far more than a refusal. */
  #readOnlyUntilMs = Number.NEGATIVE_INFINITY;
  /** When the reserve is to be taken again. */
  #holdAtMs = Number.NEGATIVE_INFINITY;
  readonly #options: WriterOptions;
  readonly #checkpoints: Checkpoints;
  /** What ended this store's life. */
  #fatal: GreenticError | undefined;

  /** Recovers what the last process left behind: its leases are gone, and sends that it had begun are unknown. */
  constructor(db: DatabaseSync, nowMs: number, options: WriterOptions = {}) {
    this.#db = db;
    this.#options = options;
    this.#checkpoints = new Checkpoints(db, options.reserve?.sizeBytes);
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#commit = db.prepare("COMMIT");
    this.#core = new SqliteCore(db);
    const scrub = new Scrub(this.#core, options.onDamage ?? (() => undefined));
    const rooms = roomsOf(this.#core, scrub);
    this.#begin.run();
    rooms.outbox.recover();
    this.#core.recover(nowMs);
    this.#commit.run();
    options.reserve?.hold();
    if (isSmall(db)) scrub.all();
    this.#ops = operations(rooms);
  }

  run(calls: readonly RawCall[], clock: Clock): RawAnswers {
    const together: Answers = { results: [], failures: [] };
    const { reserve } = this.#options;
    if (this.#isShort && clock.monotonicMs >= this.#holdAtMs) {
      this.#holdAtMs = clock.monotonicMs + READ_ONLY_MS;
      reserve?.hold();
    }
    const isReadOnly = clock.monotonicMs < this.#readOnlyUntilMs;
    if (this.#fatal === undefined && !isReadOnly) {
      const error = this.#attempt(calls, clock, together);
      if (error === undefined) return answersOf(together);
      if (error.code === "STORE_READ_ONLY" && reserve?.isHeld === true) {
        reserve.release();
        this.#holdAtMs = clock.monotonicMs + READ_ONLY_MS;
        return this.run(calls, clock);
      }
    }
    const apart: Answers = { results: [], failures: [] };
    let refused = isReadOnly ? READ_ONLY_AFTER : 0;
    for (const [index, call] of calls.entries()) {
      const one: Answers = { results: [], failures: [] };
      const isHopeless = refused >= READ_ONLY_AFTER && !READS.has(call[0]);
      const error = this.#fatal ?? (isHopeless ? readOnly() : this.#attempt([call], clock, one));
      if (error !== undefined) apart.failures.push(failureOf(error, index));
      if (error?.code === "STORE_READ_ONLY" && !isHopeless && ++refused === READ_ONLY_AFTER) {
        this.#readOnlyUntilMs = clock.monotonicMs + READ_ONLY_MS;
      }
      for (const failure of one.failures) apart.failures.push({ ...failure, index });
      apart.results.push(one.results[0]);
    }
    return answersOf(apart);
  }

  /** Whether the disk is full but for what the reserve left: nothing new is taken in. */
  get #isShort(): boolean {
    return this.#options.reserve?.isHeld === false;
  }

  close(): void {
    try {
      if (this.#fatal === undefined) this.#core.openings.end();
    } catch {
      // A full disk: what is unread will be taken for left behind by a process that died.
    }
    this.#db.close();
  }

  /** Runs calls in one transaction. Returns why that failed as a whole; then nothing has changed. */
  #attempt(calls: readonly RawCall[], clock: Clock, answers: Answers): GreenticError | undefined {
    try {
      this.#core.begin(clock);
      this.#begin.run();
      const isShort = this.#isShort;
      for (const [index, [name, args]] of calls.entries()) {
        try {
          if (isShort && INTAKE.has(name)) throw diskFull();
          answers.results.push(Reflect.apply(this.#ops[name], undefined, args));
        } catch (error) {
          if (!isGreenticError(error) && !(error instanceof RangeError)) throw error;
          const failure = isOutOfRange(error) ? storeFailure(error, "Read session store") : error;
          answers.results.push(undefined);
          answers.failures.push(failureOf(failure, index));
        }
      }
      this.#commit.run();
    } catch (error) {
      return this.#rollback(error);
    }
    this.#checkpoint();
    for (const [index, [name]] of calls.entries()) {
      if (name === "erase" && isErased(answers.results[index])) this.#overwrite(index, answers);
    }
    return undefined;
  }

  /** What was committed stays so whatever becomes of this. */
  #checkpoint(): void {
    try {
      if (this.#isShort) this.#checkpoints.now();
      else this.#checkpoints.committed();
    } catch (error) {
      if (isFatal(error)) this.#shut(error);
    }
  }

  /** Shuts the store for good: what is on disk is open, or can't be read back, so nothing may be built on it any more. */
  #shut(cause: unknown): GreenticError {
    const { code, message } = storeFailure(cause, "Write session store");
    this.#fatal = new GreenticError(
      code === "STORE_DATA_CORRUPT" ? code : "STORE_DISK_FAILED",
      `${message}; it was shut`,
    );
    this.#options.onShut?.(this.#fatal);
    return this.#fatal;
  }

  /**
   * Makes sure that what was erased is nowhere in the files: where pages were split, copies of rows stay in what is free of them
   * until they are written anew, and the log has the pages as they were before. Takes half a minute a gigabyte, in which all others wait.
   */
  #overwrite(index: number, answers: Answers): void {
    try {
      this.#db.exec("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
    } catch (error) {
      const failure = storeFailure(error, "Overwrite what was erased");
      if (isFatal(error)) this.#shut(error);
      answers.failures.push(failureOf(failure, index));
    }
  }

  #rollback(error: unknown): GreenticError {
    const failure = storeFailure(error, "Write session store");
    try {
      if (isFatal(error)) throw error;
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      this.#core.rollback();
    } catch (second) {
      return this.#shut(second);
    }
    return failure;
  }
}

/** Whether a call was the last step of an erasure. */
function isErased(result: unknown): boolean {
  return result !== undefined && (result as RawErased).next === undefined;
}

function diskFull(): GreenticError {
  return new GreenticError("STORE_READ_ONLY", "Accept message: the disk is full");
}

function readOnly(): GreenticError {
  return new GreenticError("STORE_READ_ONLY", "Write session store: it could not be written a moment ago");
}

/** The parts of a writer. */
interface Rooms {
  readonly logs: LogOps;
  readonly outbox: OutboxOps;
  readonly journals: JournalOps;
  readonly turns: TurnOps;
  readonly inbox: InboxOps;
  readonly admin: AdminOps;
  readonly erasing: EraseOps;
}

function roomsOf(core: SqliteCore, scrub: Scrub): Rooms {
  const logs = new LogOps(core);
  const outbox = new OutboxOps(core);
  const journals = new JournalOps(core);
  const turns = new TurnOps(core, { logs, journals, outbox });
  const inbox = new InboxOps(core, { logs, turns });
  const admin = new AdminOps(core, { turns, outbox, logs, scrub });
  const erasing = new EraseOps(core, { turns, outbox, logs, admin });
  return { logs, outbox, journals, turns, inbox, admin, erasing };
}

function operations({ logs, outbox, journals, turns, inbox, admin, erasing }: Rooms): StoreOps {
  return {
    accept: inbox.accept.bind(inbox),
    lease: turns.lease.bind(turns),
    renew: turns.renew.bind(turns),
    release: turns.release.bind(turns),
    record: turns.record.bind(turns),
    commit: turns.commit.bind(turns),
    claimSends: outbox.claimSends.bind(outbox),
    beginSend: outbox.beginSend.bind(outbox),
    endSend: outbox.endSend.bind(outbox),
    listOutbox: outbox.listOutbox.bind(outbox),
    retrySend: outbox.retrySend.bind(outbox),
    abandonSend: outbox.abandonSend.bind(outbox),
    dropSend: outbox.dropSend.bind(outbox),
    listDeadLetters: inbox.listDeadLetters.bind(inbox),
    redrive: inbox.redrive.bind(inbox),
    dropDeadLetter: inbox.dropDeadLetter.bind(inbox),
    readLog: logs.readLog.bind(logs),
    read: admin.read.bind(admin),
    list: admin.list.bind(admin),
    readJournal: journals.readJournal.bind(journals),
    stats: admin.stats.bind(admin),
    storedBytes: admin.storedBytes.bind(admin),
    erase: erasing.erase.bind(erasing),
    end: admin.end.bind(admin),
    sweep: admin.sweep.bind(admin),
  };
}

function answersOf({ results, failures }: Answers): RawAnswers {
  return failures.length === 0 ? { kind: "answers", results } : { kind: "answers", results, failures };
}

function failureOf(error: GreenticError | RangeError, index: number): RawFailure {
  return { index, code: isGreenticError(error) ? error.code : undefined, message: error.message };
}
