import type { SessionKeyText, World } from "../../types/index.ts";
import type { Attempt } from "../patience.ts";
import { CLAIM_TTL_MS, conversationOf, LEASE_TTL_MS } from "../store.ts";
import type {
  Accepted,
  DeadLetter,
  Erased,
  Erasure,
  IngressEntry,
  JournalEntry,
  Lease,
  LeaseTo,
  LogEntry,
  LogRange,
  OutboxRow,
  OutboxStatus,
  Overdue,
  SendResult,
  SessionFilter,
  SessionStore,
  SessionSummary,
  Step,
  StoreStats,
  TokenRate,
  TurnCommit,
} from "../store.ts";
import { checkIngress } from "../turn-rules.ts";
import {
  dropLetter,
  endSession,
  listLetters,
  listRows,
  listSessions,
  readJournal,
  readSummaries,
  redrive,
  storedBytes,
  takeTokens,
} from "./admin.ts";
import type { RecordCore } from "./core.ts";
import { erase } from "./erase.ts";
import { accept, record, release, renew } from "./intake.ts";
import { readLog } from "./logs.ts";
import { Names } from "./names.ts";
import { Orders } from "./orders.ts";
import { claimAny, leaseAny, leaseNamed } from "./pick.ts";
import { Records } from "./records.ts";
import { abandonSend, beginSend, dropRow, endSend, renewSends, retrySend } from "./sends.ts";
import type { RecordSpace } from "./space.ts";
import { RecordStats } from "./stats.ts";
import { sweep } from "./sweep.ts";
import { commit } from "./turns.ts";
import { Units } from "./units.ts";
import type { StoreClock } from "./units.ts";

/** What a store of records must be told beside its space. */
export interface RecordStoreOptions {
  readonly world: World;
  /** Whose time counts. `space` (default): workers' clocks don't matter. `world`: that of `world`, for tests. */
  readonly clock?: "space" | "world";
  /**
   * Over how many partitions each index is spread, 1 to 16: as many as the database needs to take all writes, since each sweep and each
   * search reads all of them. Never changes for the same data. Default 1.
   */
  readonly shards?: number;
}

/** Makes a store over a space that many processes share; the space is closed with it. */
export function openRecordStore(space: RecordSpace, options: RecordStoreOptions): SessionStore {
  return new RecordSessionStore(space, options);
}

class RecordSessionStore implements SessionStore {
  readonly isDurable = true;
  readonly #records: Records;
  readonly #core: RecordCore;
  readonly #stats: RecordStats;

  constructor(space: RecordSpace, { world, clock = "space", shards = 1 }: RecordStoreOptions) {
    const ofSpace: StoreClock = { nowMs: () => space.nowMs(), monotonicMs: () => space.nowMs() };
    this.#records = new Records(space);
    const units = new Units(this.#records, { world, clock: clock === "world" ? world : ofSpace });
    this.#core = { units, clock: units.clock, world, names: new Names(shards), orders: new Orders(units, world) };
    this.#stats = new RecordStats(this.#core);
  }

  async accept(entry: IngressEntry, options?: { readonly leaseTo?: LeaseTo }): Promise<Accepted> {
    checkIngress(entry);
    return this.#run("accept", (attempt) => accept(this.#core, attempt, entry, options?.leaseTo));
  }

  lease(
    worker: string,
    options: { readonly limit: number; readonly keys?: readonly SessionKeyText[]; readonly ttlMs?: number },
  ): Promise<readonly Lease[]> {
    const { limit, keys, ttlMs = LEASE_TTL_MS } = options;
    return this.#run("lease", (attempt) =>
      keys === undefined
        ? leaseAny(this.#core, attempt, { worker, limit, ttlMs })
        : leaseNamed(this.#core, attempt, { keys, worker, limit, ttlMs }),
    );
  }

  renew(lease: Lease, ttlMs: number): Promise<boolean> {
    return this.#run("renew", (attempt) => renew(this.#core, attempt, lease, ttlMs));
  }

  release(lease: Lease): Promise<void> {
    return this.#run("release", (attempt) => release(this.#core, attempt, lease));
  }

  record(lease: Lease, step: Step): Promise<Step> {
    return this.#run("record", (attempt) => record(this.#core, attempt, lease, step));
  }

  commit(lease: Lease, turn: TurnCommit, options?: { readonly keep?: boolean }): Promise<Lease | undefined> {
    const keep = options?.keep === true;
    return this.#run("commit", (attempt) => commit(this.#core, attempt, { lease, turn, keep }));
  }

  claimSends(
    sender: string,
    { limit, ttlMs = CLAIM_TTL_MS }: { readonly limit: number; readonly ttlMs?: number },
  ): Promise<readonly OutboxRow[]> {
    return this.#run("claim_sends", (attempt) => claimAny(this.#core, attempt, { sender, limit, ttlMs }));
  }

  beginSend(row: OutboxRow, sender: string): Promise<void> {
    return this.#run("begin_send", (attempt) => beginSend(this.#core, attempt, row, sender));
  }

  endSend(row: OutboxRow, sender: string, result: SendResult): Promise<void> {
    return this.#run("end_send", (attempt) => endSend(this.#core, attempt, { row, sender, result }));
  }

  renewSends(rows: readonly OutboxRow[], sender: string, ttlMs: number): Promise<ReadonlySet<string>> {
    const lanes = [...Map.groupBy(rows, ({ key }) => conversationOf(key)).values()];
    return this.#run("renew_sends", async (attempt) => {
      const renewed = lanes.map((lane) => renewSends(this.#core, attempt, { rows: lane, sender, ttlMs }));
      return new Set((await Promise.all(renewed)).flat());
    });
  }

  listOutbox(filter: SessionFilter & { readonly status?: OutboxStatus }): Promise<readonly OutboxRow[]> {
    return this.#run("list_rows", (attempt) => listRows(this.#core, attempt, filter));
  }

  retrySend(id: string): Promise<boolean> {
    return this.#run("retry_send", (attempt) => retrySend(this.#core, attempt, id));
  }

  abandonSend(id: string): Promise<boolean> {
    return this.#run("abandon_send", (attempt) => abandonSend(this.#core, attempt, id));
  }

  dropSend(order: number): Promise<boolean> {
    return this.#run("drop_send", (attempt) => dropRow(this.#core, attempt, { order, places: ["s", "f", "a"] }));
  }

  listDeadLetters(filter: SessionFilter): Promise<readonly DeadLetter[]> {
    return this.#run("list_dead", (attempt) => listLetters(this.#core, attempt, filter));
  }

  redrive(order: number): Promise<boolean> {
    return this.#run("redrive", (attempt) => redrive(this.#core, attempt, order));
  }

  dropDeadLetter(order: number): Promise<boolean> {
    return this.#run("drop_dead", (attempt) => dropLetter(this.#core, attempt, order));
  }

  readLog(conversation: string, range: LogRange): Promise<readonly LogEntry[]> {
    return this.#run("read_log", (attempt) => readLog(this.#core, attempt, { conversation, ...range }));
  }

  read(key: SessionKeyText): Promise<SessionSummary | undefined> {
    return this.#run("read", async (attempt) => (await readSummaries(this.#core, attempt, [key]))[0]);
  }

  list(filter: SessionFilter & { readonly after?: SessionKeyText }): Promise<readonly SessionSummary[]> {
    return this.#run("list", (attempt) => listSessions(this.#core, attempt, filter));
  }

  readJournal(key: SessionKeyText, { limit }: { readonly limit: number }): Promise<readonly JournalEntry[]> {
    return this.#run("read_journal", (attempt) => readJournal(this.#core, attempt, { key, limit }));
  }

  async takeTokens(bucket: string, rate: TokenRate, tokens = 1): Promise<number> {
    if (tokens > rate.capacity) {
      throw new RangeError(`Take tokens: expected at most the capacity of ${rate.capacity}, got ${tokens}`);
    }
    return this.#run("take_tokens", (attempt) => takeTokens(this.#core, attempt, { bucket, rate, tokens }));
  }

  stats(): Promise<StoreStats> {
    return this.#run("stats", (attempt) => this.#stats.read(attempt));
  }

  storedBytes(whose: Pick<Erasure, "env" | "tenant">): Promise<number> {
    return this.#run("stored_bytes", (attempt) => storedBytes(this.#core, attempt, whose));
  }

  erase(whose: Erasure): Promise<Erased> {
    return this.#run("erase", (attempt) => erase(this.#core, attempt, whose));
  }

  end(key: SessionKeyText): Promise<boolean> {
    return this.#run("end_session", (attempt) => endSession(this.#core, attempt, key));
  }

  sweep(_nowMs: number): Promise<Overdue> {
    return this.#run("sweep", (attempt) => sweep(this.#core, attempt));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#records.close();
  }

  #run<T>(name: string, operation: (attempt: Attempt) => Promise<T>): Promise<T> {
    return this.#records.run(name, operation);
  }
}
