import { encodeKeyToken } from "../../types/index.ts";
import type { JsonValue, SessionKeyText, World } from "../../types/index.ts";
import { claimLost, notBegun, STATUS } from "../outbox-rules.ts";
import { CLAIM_TTL_MS, conversationOf, LEASE_TTL_MS, SEND_GIVEN_UP } from "../store.ts";
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
import { checkIngress, fenceStale, notUnread, rowDuplicate } from "../turn-rules.ts";
import { acceptedOf, leaseOf, letterOf, rawIngress, rawTurn, rowOf, summaryOf } from "./codec.ts";
import type { RawAccepted, RawCommitted, RawLease, RawLetter, RawRow, RawSummary } from "./codec.ts";
import { eraseFromPostgres } from "./erase.ts";
import { postgresLibrary } from "./library.ts";
import type { PostgresFunction } from "./library.ts";
import { PostgresLink } from "./link.ts";
import type { Ask } from "./link.ts";
import { parsePostgresUrl } from "./postgres-url.ts";
import type { PostgresTls } from "./postgres-url.ts";

/** Where a PostgreSQL store lives and what its server must promise. */
export interface PostgresPlaceOptions {
  /** `postgres://user:password@host:port/database`; no message repeats the password. */
  readonly url: string;
  readonly tls?: PostgresTls;
  /** `strict` (default): refuses servers that may lose what they acknowledged. `relaxed`: takes any. */
  readonly durability?: "strict" | "relaxed";
  /** How many connections this process opens at most. Default 8. */
  readonly connections?: number;
  /** Names the schema of the tables; stores of different prefixes share nothing. Default `greentic`. */
  readonly prefix?: string;
}

/** A PostgreSQL store of sessions. */
export interface PostgresStoreOptions extends PostgresPlaceOptions {
  /** Whose time counts. `server` (default): workers' clocks don't matter. `world`: that of `world`, for tests. */
  readonly clock?: "server" | "world";
  readonly world: World;
}

const CONNECTIONS = 8;
const PREFIX = /^[a-z0-9][a-z0-9-]{0,31}$/;
const OVERDUE_MAX = 1_000;
const STATS_AGE_MS = 1_000;
/** Sessions whose sizes one call adds up. */
const SIZES = 5_000;

/**
 * Opens a store that many processes share, in one PostgreSQL database. What resolves is as durable as `durability` demands; leases
 * and claims outlive the processes that hold them, by the server's clock. Makes or upgrades its tables where needed.
 * @throws STORE_URL_INVALID, STORE_UNAVAILABLE, STORE_DURABILITY_WEAK, STORE_SERVER_UNFIT, STORE_SCHEMA_NEWER; RangeError for another
 *   form of `prefix`
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<SessionStore> {
  return new PostgresSessionStore(await openPostgresLink(options), options);
}

/** Connects to a store's database, which is made ready where needed. @throws as {@link openPostgresStore} */
export async function openPostgresLink(options: PostgresPlaceOptions): Promise<PostgresLink> {
  const { prefix = "greentic", durability = "strict", connections = CONNECTIONS } = options;
  if (!PREFIX.test(prefix))
    throw new RangeError("Open PostgreSQL store: expected a prefix of [a-z0-9-], at most 32 characters");
  const place = parsePostgresUrl(options.url, options.tls);
  return PostgresLink.open({ place, prefix, durability, library: postgresLibrary() }, connections);
}

class PostgresSessionStore implements SessionStore {
  readonly isDurable = true;
  readonly #link: PostgresLink;
  readonly #world: World;
  readonly #isWorlds: boolean;
  #stats: { readonly stats: Promise<StoreStats>; readonly atMs: number } | undefined;

  constructor(link: PostgresLink, options: PostgresStoreOptions) {
    this.#link = link;
    this.#world = options.world;
    this.#isWorlds = options.clock === "world";
  }

  async accept(entry: IngressEntry, options?: { readonly leaseTo?: LeaseTo }): Promise<Accepted> {
    checkIngress(entry);
    const to = options?.leaseTo;
    const raw = await this.#of(entry.key, "accept", rawIngress(entry, to));
    return acceptedOf(raw as RawAccepted, to?.worker);
  }

  async lease(
    worker: string,
    options: { readonly limit: number; readonly keys?: readonly SessionKeyText[]; readonly ttlMs?: number },
  ): Promise<readonly Lease[]> {
    const { limit, keys, ttlMs = LEASE_TTL_MS } = options;
    if (limit <= 0 || keys?.length === 0) return [];
    const raw =
      keys === undefined
        ? // One after the other, so that each finds what the one before left instead of skipping what it has locked.
          await this.#ask({ name: "lease_any", args: [limit, Math.ceil(ttlMs)], lane: "lease", tellsAgain: true })
        : await this.#of(keys[0] ?? "", "lease_named", [limit, Math.ceil(ttlMs), keys]);
    return (raw as RawLease[]).map((lease) => leaseOf(lease, worker));
  }

  async renew(lease: Lease, ttlMs: number): Promise<boolean> {
    return (await this.#of(lease.key, "renew", [lease.key, lease.fence, Math.ceil(ttlMs)])) === true;
  }

  async release(lease: Lease): Promise<void> {
    await this.#of(lease.key, "release", [lease.key, lease.fence]);
  }

  async record(lease: Lease, step: Step): Promise<Step> {
    const args = [lease.key, lease.fence, step.turn, step.seq, JSON.stringify(step)];
    const [kind, first] = (await this.#of(lease.key, "record", args)) as readonly [string, Step?];
    if (kind === "fence") throw fenceStale("Record step", lease);
    return first ?? step;
  }

  async commit(lease: Lease, turn: TurnCommit, options?: { readonly keep?: boolean }): Promise<Lease | undefined> {
    const raw = await this.#of(lease.key, "commit", rawTurn(lease, turn, options?.keep === true));
    const said = raw as RawCommitted;
    switch (said[0]) {
      case "fence":
        throw fenceStale("Commit turn", lease);
      case "unread":
        throw notUnread(lease.key, said[1]);
      case "row":
        throw rowDuplicate(lease.key, said[1]);
      case "ok":
      default:
        return said[1] === undefined ? undefined : leaseOf(said[1], lease.worker);
    }
  }

  async claimSends(
    sender: string,
    options: { readonly limit: number; readonly ttlMs?: number },
  ): Promise<readonly OutboxRow[]> {
    if (options.limit <= 0) return [];
    const args = [sender, options.limit, Math.ceil(options.ttlMs ?? CLAIM_TTL_MS)];
    const rows = await this.#ask({ name: "claim_sends", args, lane: "claim", tellsAgain: true });
    return (rows as RawRow[]).map(rowOf).sort((a, b) => a.order - b.order);
  }

  async beginSend(row: OutboxRow, sender: string): Promise<void> {
    const said = await this.#of(conversationOf(row.key), "begin_send", claimOf(row, sender));
    if (said !== "ok") throw claimLost("Begin send", row.id);
  }

  async endSend(row: OutboxRow, sender: string, result: SendResult): Promise<void> {
    const args = [
      ...claimOf(row, sender),
      result.kind === "retry" ? STATUS.queued : STATUS[result.kind],
      "error" in result ? result.error : null,
      this.#delayOf(result),
      ("receipt" in result ? result.receipt : undefined) ?? null,
    ];
    const said = await this.#of(conversationOf(row.key), "end_send", args);
    if (said === "begun") throw notBegun(row.id);
    if (said !== "ok") throw claimLost("End send", row.id);
  }

  /** How long a row rests, in milliseconds, so that the sender's clock needn't agree with the server's; null where nobody said. */
  #delayOf(result: SendResult): number | null {
    const notBeforeMs = "notBeforeMs" in result ? result.notBeforeMs : undefined;
    return notBeforeMs === undefined || notBeforeMs === 0 ? null : Math.ceil(notBeforeMs - this.#world.nowMs());
  }

  async renewSends(rows: readonly OutboxRow[], sender: string, ttlMs: number): Promise<ReadonlySet<string>> {
    const held = rows.map((row) => ({ ...row, conversation: conversationOf(row.key) }));
    held.sort((a, b) => (a.conversation < b.conversation ? -1 : 1));
    const args = [
      Math.ceil(ttlMs),
      sender,
      held.map(({ conversation }) => conversation),
      held.map(({ order }) => order),
      held.map(({ attempts }) => attempts),
    ];
    const renewed = new Set((await this.#ask({ name: "renew_sends", args })) as readonly number[]);
    return new Set(held.filter(({ order }) => renewed.has(order)).map(({ id }) => id));
  }

  async listOutbox(filter: SessionFilter & { readonly status?: OutboxStatus }): Promise<readonly OutboxRow[]> {
    const { status, tenant, limit = 100 } = filter;
    const args = [status === undefined ? null : STATUS[status], tenant ?? null, limit];
    return ((await this.#ask({ name: "list_rows", args })) as RawRow[]).map(rowOf);
  }

  async retrySend(id: string): Promise<boolean> {
    return (await this.#ask({ name: "retry_send", args: [id] })) === true;
  }

  async abandonSend(id: string): Promise<boolean> {
    return (await this.#ask({ name: "abandon_send", args: [id, SEND_GIVEN_UP] })) === true;
  }

  async dropSend(order: number): Promise<boolean> {
    return Number.isSafeInteger(order) && (await this.#ask({ name: "drop_send", args: [order] })) === true;
  }

  async listDeadLetters(filter: SessionFilter): Promise<readonly DeadLetter[]> {
    const letters = await this.#ask({ name: "list_dead", args: [filter.tenant ?? null, filter.limit ?? 100] });
    return (letters as RawLetter[]).map(letterOf);
  }

  async redrive(order: number): Promise<boolean> {
    return Number.isSafeInteger(order) && (await this.#ask({ name: "redrive", args: [order] })) === true;
  }

  async dropDeadLetter(order: number): Promise<boolean> {
    return Number.isSafeInteger(order) && (await this.#ask({ name: "drop_dead", args: [order] })) === true;
  }

  async readLog(conversation: string, options: LogRange): Promise<readonly LogEntry[]> {
    const { after, limit, keepMs = null } = options;
    const entries = await this.#ask({ name: "read_log", args: [conversation, after, limit, keepMs] });
    return (entries as (readonly [number, JsonValue])[]).map(([index, activity]) => ({ index, activity }));
  }

  async read(key: SessionKeyText): Promise<SessionSummary | undefined> {
    const summary = (await this.#of(key, "read", [key])) as RawSummary | null;
    return summary === null ? undefined : summaryOf(summary);
  }

  async list(filter: SessionFilter & { readonly after?: SessionKeyText }): Promise<readonly SessionSummary[]> {
    const { tenant = null, after = "", limit = 100 } = filter;
    return ((await this.#ask({ name: "list", args: [tenant, after, limit] })) as RawSummary[]).map(summaryOf);
  }

  async readJournal(key: SessionKeyText, options: { readonly limit: number }): Promise<readonly JournalEntry[]> {
    if (options.limit <= 0) return [];
    const entries = await this.#ask({ name: "read_journal", args: [key, options.limit] });
    return (entries as (readonly [number, number, JsonValue])[]).map(([revision, atMs, turn]) => {
      return { revision, atMs, turn };
    });
  }

  async takeTokens(bucket: string, rate: TokenRate, tokens = 1): Promise<number> {
    if (tokens > rate.capacity) {
      throw new RangeError(`Take tokens: expected at most the capacity of ${rate.capacity}, got ${tokens}`);
    }
    const name = encodeKeyToken(bucket);
    const args = [name, rate.capacity, rate.perSecond, tokens];
    return Number(await this.#ask({ name: "take_tokens", args, lane: `b:${name}` }));
  }

  stats(): Promise<StoreStats> {
    const nowMs = this.#world.monotonicMs();
    if (this.#stats !== undefined && nowMs - this.#stats.atMs < STATS_AGE_MS) return this.#stats.stats;
    const stats = this.#count();
    this.#stats = { stats, atMs: nowMs };
    stats.catch(() => {
      this.#stats = undefined;
    });
    return stats;
  }

  async #count(): Promise<StoreStats> {
    const [unread, oldestUnreadAtMs, queued, oldestQueuedAtMs, unknown, failed, deadLetters, sessions] =
      (await this.#ask({ name: "stats", args: [] })) as readonly [
        number,
        number | null,
        number,
        number | null,
        number,
        number,
        number,
        number,
      ];
    return {
      unread,
      ...(oldestUnreadAtMs === null ? {} : { oldestUnreadAtMs }),
      queued,
      ...(oldestQueuedAtMs === null ? {} : { oldestQueuedAtMs }),
      unknown,
      failed,
      deadLetters,
      sessions,
    };
  }

  async storedBytes({ env, tenant }: Pick<Erasure, "env" | "tenant">): Promise<number> {
    let total = 0;
    for (let after: string | null = `${env}:${tenant}:`; after !== null;) {
      const page = await this.#ask({ name: "stored_bytes", args: [after, `${env}:${tenant};`, SIZES] });
      const [next, bytes] = page as readonly [string | null, number];
      total += bytes;
      after = next;
    }
    return total;
  }

  erase(whose: Erasure): Promise<Erased> {
    return eraseFromPostgres((name, args) => this.#ask({ name, args }), whose);
  }

  async end(key: SessionKeyText): Promise<boolean> {
    return (await this.#of(key, "end_session", [key])) === true;
  }

  async sweep(nowMs: number): Promise<Overdue> {
    const clock = this.#isWorlds ? ([nowMs, this.#world.monotonicMs()] as const) : undefined;
    const swept = await this.#ask({ name: "sweep", args: [OVERDUE_MAX] }, clock);
    const [sessions, sends, nextTimerAtMs] = swept as readonly [readonly SessionKeyText[], boolean, number | null];
    return { sessions, sends, ...(nextTimerAtMs === null ? {} : { nextTimerAtMs }) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#link.close();
  }

  /** Asks for what belongs to a session or conversation: in the order in which it is asked for. */
  #of(key: string, name: PostgresFunction, args: readonly unknown[]): Promise<unknown> {
    return this.#ask({ name, args, lane: `s:${key}` });
  }

  #ask(ask: Omit<Ask, "clock">, clock = this.#clock()): Promise<unknown> {
    return this.#link.call({ ...ask, clock: clock && [Math.floor(clock[0]), Math.floor(clock[1])] });
  }

  #clock(): readonly [number, number] | undefined {
    return this.#isWorlds ? [this.#world.nowMs(), this.#world.monotonicMs()] : undefined;
  }
}

function claimOf({ key, order, attempts }: OutboxRow, sender: string): unknown[] {
  return [conversationOf(key), order, attempts, sender];
}
