import { join } from "node:path";
import type { GreenticError, JsonValue, SessionKeyText, World } from "../types/index.ts";
import { STATUS } from "./outbox-rules.ts";
import { acceptedOf, deadLetterOf, leaseOf, rawIngress, rawTurn, rowOf, summaryOf } from "./sqlite-codec.ts";
import { SqliteLink } from "./sqlite-link.ts";
import type { RawClaim, RawErased, RawFilter, RawStored, StoreOps } from "./sqlite-protocol.ts";
import { CLAIM_TTL_MS, conversationOf, LEASE_TTL_MS } from "./store.ts";
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
} from "./store.ts";
import { TokenBuckets } from "./token-buckets.ts";
import { checkIngress } from "./turn-rules.ts";

/** Where a SQLite store lives; its directory belongs to it and to one process at a time. */
export interface SqliteStoreOptions {
  /** Holds `sessions.db` and its log; made if absent. */
  readonly dir: string;
  readonly world: World;
  /**
   * Told of each record that is not as it was written (STORE_DATA_CORRUPT; its session is served no more until it is ended or erased),
   * and once where a flush failed (STORE_DISK_FAILED): then nothing is written any more, and only a new process may open the store.
   */
  readonly onDamage?: (error: GreenticError) => void;
  /** Room that is kept on the disk for when it is full; default 24 MB, 0 for none. */
  readonly reserveBytes?: number;
}

/** The log's 16 MB, which have to find their way into the file then, and some for what follows. */
const RESERVE_BYTES = 24 * 1_048_576;

/**
 * Opens the durable store of one process: a SQLite file with one writer off the event loop. What resolves is flushed to the disk.
 * After a crash every lease and claim is gone and sends that had begun are `unknown`.
 * @throws STORE_UNAVAILABLE where another process has it open, STORE_READ_ONLY, STORE_SCHEMA_NEWER, STORE_DATA_CORRUPT
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SessionStore> {
  const { dir, world, onDamage = () => undefined, reserveBytes = RESERVE_BYTES } = options;
  const link = await SqliteLink.open(join(dir, "sessions.db"), { world, onDamage, reserveBytes });
  return new SqliteSessionStore(link, world);
}

/** The way to a file's one writer: its own thread, or in the simulation a network that fails. */
export interface WriterLink {
  call<Op extends keyof StoreOps>(name: Op, ...args: Parameters<StoreOps[Op]>): Promise<ReturnType<StoreOps[Op]>>;
  close(): Promise<void>;
}

/** The store over a link to its writer. */
export class SqliteSessionStore implements SessionStore {
  readonly isDurable = true;
  readonly #link: WriterLink;
  readonly #buckets: TokenBuckets;

  constructor(link: WriterLink, world: World) {
    this.#link = link;
    this.#buckets = new TokenBuckets(world);
  }

  async accept(entry: IngressEntry, options?: { readonly leaseTo?: LeaseTo }): Promise<Accepted> {
    checkIngress(entry);
    const to = options?.leaseTo;
    return acceptedOf(await this.#link.call("accept", rawIngress(entry, to)), entry, to);
  }

  async lease(
    worker: string,
    options: { readonly limit: number; readonly keys?: readonly SessionKeyText[]; readonly ttlMs?: number },
  ): Promise<readonly Lease[]> {
    const leases = await this.#link.call("lease", worker, options.limit, options.ttlMs ?? LEASE_TTL_MS, options.keys);
    return leases.map((raw) => leaseOf(raw, worker));
  }

  renew(lease: Lease, ttlMs: number): Promise<boolean> {
    return this.#link.call("renew", lease.key, lease.fence, ttlMs);
  }

  release(lease: Lease): Promise<void> {
    return this.#link.call("release", lease.key, lease.fence);
  }

  async record(lease: Lease, step: Step): Promise<Step> {
    const { turn, seq } = step;
    const body = JSON.stringify(step);
    const first = await this.#link.call("record", lease.key, lease.fence, { turn, seq, body });
    return first === undefined ? step : (JSON.parse(first) as Step);
  }

  async commit(lease: Lease, turn: TurnCommit, options?: { readonly keep?: boolean }): Promise<Lease | undefined> {
    const next = await this.#link.call("commit", rawTurn(lease, turn, options?.keep === true));
    return next === undefined ? undefined : leaseOf(next, lease.worker);
  }

  async claimSends(
    sender: string,
    options: { readonly limit: number; readonly ttlMs?: number },
  ): Promise<readonly OutboxRow[]> {
    const rows = await this.#link.call("claimSends", sender, options.limit, options.ttlMs ?? CLAIM_TTL_MS);
    return rows.map(rowOf);
  }

  beginSend(row: OutboxRow, sender: string): Promise<void> {
    return this.#link.call("beginSend", rawClaim(row, sender));
  }

  endSend(row: OutboxRow, sender: string, result: SendResult): Promise<void> {
    return this.#link.call("endSend", rawClaim(row, sender), result);
  }

  async listOutbox(filter: SessionFilter & { readonly status?: OutboxStatus }): Promise<readonly OutboxRow[]> {
    const status = filter.status === undefined ? undefined : STATUS[filter.status];
    const rows = await this.#link.call("listOutbox", rawFilter(filter), status);
    return rows.map(rowOf);
  }

  retrySend(id: string): Promise<boolean> {
    return this.#link.call("retrySend", id);
  }

  abandonSend(id: string): Promise<boolean> {
    return this.#link.call("abandonSend", id);
  }

  dropSend(order: number): Promise<boolean> {
    return this.#link.call("dropSend", order);
  }

  async listDeadLetters(filter: SessionFilter): Promise<readonly DeadLetter[]> {
    const letters = await this.#link.call("listDeadLetters", rawFilter(filter));
    return letters.map(deadLetterOf);
  }

  redrive(order: number): Promise<boolean> {
    return this.#link.call("redrive", order);
  }

  dropDeadLetter(order: number): Promise<boolean> {
    return this.#link.call("dropDeadLetter", order);
  }

  async readLog(conversation: string, options: LogRange): Promise<readonly LogEntry[]> {
    const entries = await this.#link.call("readLog", conversation, options);
    return entries.map(([index, body]) => ({ index, activity: JSON.parse(body) as LogEntry["activity"] }));
  }

  async read(key: SessionKeyText): Promise<SessionSummary | undefined> {
    const summary = await this.#link.call("read", key);
    return summary === undefined ? undefined : summaryOf(summary);
  }

  async list(filter: SessionFilter & { readonly after?: SessionKeyText }): Promise<readonly SessionSummary[]> {
    const summaries = await this.#link.call("list", { ...rawFilter(filter), after: filter.after ?? "" });
    return summaries.map(summaryOf);
  }

  async readJournal(key: SessionKeyText, options: { readonly limit: number }): Promise<readonly JournalEntry[]> {
    const entries = await this.#link.call("readJournal", key, options.limit);
    return entries.map(([revision, atMs, turn]) => ({ revision, atMs, turn: JSON.parse(turn) as JsonValue }));
  }

  async takeTokens(bucket: string, rate: TokenRate, tokens = 1): Promise<number> {
    return this.#buckets.take(bucket, rate, tokens);
  }

  stats(): Promise<StoreStats> {
    return this.#link.call("stats");
  }

  async storedBytes({ env, tenant }: Pick<Erasure, "env" | "tenant">): Promise<number> {
    const prefix = `${env}:${tenant}`;
    let total = 0;
    for (let from: string | undefined = `${prefix}:`; from !== undefined;) {
      const { bytes, after }: RawStored = await this.#link.call("storedBytes", prefix, from);
      total += bytes;
      from = after;
    }
    return total;
  }

  async erase(whose: Erasure): Promise<Erased> {
    const total = { sessions: 0, deadLetters: 0, rows: 0, logs: 0 };
    for (let step: Parameters<StoreOps["erase"]>[0] | undefined = whose; step !== undefined;) {
      const { erased, next }: RawErased = await this.#link.call("erase", step);
      total.sessions += erased.sessions;
      total.deadLetters += erased.deadLetters;
      total.rows += erased.rows;
      total.logs += erased.logs;
      step = next;
    }
    return total;
  }

  end(key: SessionKeyText): Promise<boolean> {
    return this.#link.call("end", key);
  }

  async sweep(nowMs: number): Promise<Overdue> {
    const { sessions, sends, nextTimerAtMs } = await this.#link.call("sweep", nowMs);
    const overdue = { sessions: sessions as readonly SessionKeyText[], sends };
    return nextTimerAtMs === undefined ? overdue : { ...overdue, nextTimerAtMs };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#link.close();
  }
}

function rawClaim({ id, key, order, attempts }: OutboxRow, sender: string): RawClaim {
  return { id, conversation: conversationOf(key), order, attempts, sender };
}

function rawFilter({ tenant, limit }: SessionFilter): RawFilter {
  return { tenant, limit: limit ?? 100 };
}
