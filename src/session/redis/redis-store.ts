import { encodeKeyToken } from "../../types/index.ts";
import type { SessionKeyText, World } from "../../types/index.ts";
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
import { createRedisClient } from "./client.ts";
import {
  acceptedOf,
  journalEntryOf,
  leaseOf,
  letterOf,
  logEntryOf,
  rawIngress,
  rawTurn,
  rowOf,
  summaryOf,
} from "./codec.ts";
import type { Argument, RawAccepted, RawLease, RawLetter, RawRow, RawSummary } from "./codec.ts";
import { eraseFromRedis } from "./erase.ts";
import { redisLibrary } from "./library.ts";
import { RedisLink } from "./link.ts";
import { parseRedisUrl } from "./redis-url.ts";
import { RedisShards } from "./shards.ts";

/** Where a Redis store lives and what it must promise. */
export interface RedisStoreOptions {
  /** `redis[s]://`, `redis[s]-sentinel://` or `redis[s]-cluster://`; may hold a user and a password, which no message repeats. */
  readonly url: string;
  /** `strict` (default): refuses servers that may lose what they acknowledged. `relaxed`: takes any; the last second may be lost. */
  readonly durability?: "strict" | "relaxed";
  /** Replicas that must have what resolves; default: 1 behind sentinels and in a cluster that has replicas, else 0. Needs `strict`. */
  readonly replicas?: number;
  /** Starts the name of every key; stores of different prefixes share nothing. Default `greentic`. */
  readonly prefix?: string;
  /** Whose time counts. `server` (default): workers' clocks don't matter. `world`: that of `world`, for tests. */
  readonly clock?: "server" | "world";
  readonly world: World;
}

const CONNECT_MS = 5_000;
const PREFIX = /^[a-z0-9][a-z0-9-]{0,31}$/;
const OVERDUE_MAX = 1_000;

/**
 * Opens a store that many processes share. What resolves is as durable as `durability` demands; leases and claims outlive the processes
 * that hold them, by the server's clock.
 * @throws STORE_URL_INVALID, STORE_UNAVAILABLE, STORE_DURABILITY_WEAK, STORE_SERVER_UNFIT; RangeError for another form of `prefix`
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<SessionStore> {
  const { prefix = "greentic", durability = "strict" } = options;
  if (!PREFIX.test(prefix))
    throw new RangeError("Open Redis store: expected a prefix of [a-z0-9-], at most 32 characters");
  const place = parseRedisUrl(options.url);
  const client = await createRedisClient(place, CONNECT_MS);
  const link = await RedisLink.open(client, redisLibrary(), { durability, replicas: options.replicas });
  const world = options.clock === "world" ? options.world : undefined;
  return new RedisSessionStore(
    new RedisShards(link, { prefix, isCluster: place.kind === "cluster", world }),
    options.world,
  );
}

class RedisSessionStore implements SessionStore {
  readonly isDurable = true;
  readonly #shards: RedisShards;
  readonly #world: World;

  constructor(shards: RedisShards, world: World) {
    this.#shards = shards;
    this.#world = world;
  }

  async accept(entry: IngressEntry, options?: { readonly leaseTo?: LeaseTo }): Promise<Accepted> {
    checkIngress(entry);
    const to = options?.leaseTo;
    const raw = await this.#shards.of(entry.key, "accept", rawIngress(entry, to));
    return acceptedOf(raw as RawAccepted, to?.worker);
  }

  async lease(
    worker: string,
    options: { readonly limit: number; readonly keys?: readonly SessionKeyText[]; readonly ttlMs?: number },
  ): Promise<readonly Lease[]> {
    const ttlMs = options.ttlMs ?? LEASE_TTL_MS;
    const ask = (shard: number, limit: number, keys?: readonly string[]): Promise<Lease[]> => {
      const named = keys === undefined ? [0] : [1, keys.length, ...keys];
      const leases = this.#shards.at(shard, "lease", [worker, limit, ttlMs, ...named]) as Promise<RawLease[]>;
      return leases.then((raw) => raw.map((lease) => leaseOf(lease, worker)));
    };
    if (options.keys === undefined) {
      return this.#shards.take("sessions", options.limit, ask);
    }
    const leases: Lease[] = [];
    for (const [shard, keys] of this.#shards.group(options.keys, (key) => key)) {
      if (leases.length < options.limit) leases.push(...(await ask(shard, options.limit - leases.length, keys)));
    }
    return leases;
  }

  async renew(lease: Lease, ttlMs: number): Promise<boolean> {
    return (await this.#shards.of(lease.key, "renew", [lease.key, lease.fence, ttlMs])) === 1;
  }

  async release(lease: Lease): Promise<void> {
    await this.#shards.of(lease.key, "release", [lease.key, lease.fence]);
  }

  async record(lease: Lease, step: Step): Promise<Step> {
    const args = [lease.key, lease.fence, `${step.turn}:${step.seq}`, JSON.stringify(step)];
    const [kind, first] = (await this.#shards.of(lease.key, "record", args)) as readonly [string, string?];
    if (kind === "fence") throw fenceStale("Record step", lease);
    return first === undefined ? step : (JSON.parse(first) as Step);
  }

  async commit(lease: Lease, turn: TurnCommit, options?: { readonly keep?: boolean }): Promise<Lease | undefined> {
    const raw = await this.#shards.of(lease.key, "commit", rawTurn(lease, turn, options?.keep === true));
    const [kind, rest] = raw as readonly [string, RawLease | string | null];
    switch (kind) {
      case "fence":
        throw fenceStale("Commit turn", lease);
      case "unread":
        throw notUnread(lease.key, Number(rest));
      case "row":
        throw rowDuplicate(lease.key, String(rest));
      default:
        return rest === null || typeof rest === "string" ? undefined : leaseOf(rest, lease.worker);
    }
  }

  async claimSends(
    sender: string,
    options: { readonly limit: number; readonly ttlMs?: number },
  ): Promise<readonly OutboxRow[]> {
    const ttlMs = options.ttlMs ?? CLAIM_TTL_MS;
    return this.#shards.take("sends", options.limit, async (shard, limit) => {
      const rows = (await this.#shards.at(shard, "claim_sends", [sender, limit, ttlMs])) as RawRow[];
      return rows.map(rowOf);
    });
  }

  async beginSend(row: OutboxRow, sender: string): Promise<void> {
    const said = await this.#shards.of(row.key, "begin_send", claimOf(row, sender));
    if (said !== "ok") throw claimLost("Begin send", row.id);
  }

  async endSend(row: OutboxRow, sender: string, result: SendResult): Promise<void> {
    const args = [
      ...claimOf(row, sender),
      result.kind,
      "error" in result ? result.error : "",
      this.#delayOf(result),
      ("receipt" in result ? result.receipt : undefined) ?? "",
    ];
    const said = await this.#shards.of(row.key, "end_send", args);
    if (said === "begun") throw notBegun(row.id);
    if (said !== "ok") throw claimLost("End send", row.id);
  }

  /** How long a row rests, in milliseconds, so that the sender's clock needn't agree with the server's; empty where nobody said. */
  #delayOf(result: SendResult): number | "" {
    const notBeforeMs = "notBeforeMs" in result ? result.notBeforeMs : undefined;
    return notBeforeMs === undefined || notBeforeMs === 0 ? "" : Math.ceil(notBeforeMs - this.#world.nowMs());
  }

  async renewSends(rows: readonly OutboxRow[], sender: string, ttlMs: number): Promise<ReadonlySet<string>> {
    const shards = this.#shards.group(rows, ({ key }) => key);
    const renewals = [...shards].map(async ([shard, held]) => {
      const claims = held.flatMap((row) => claimOf(row, sender));
      const renewed = (await this.#shards.at(shard, "renew_sends", [ttlMs, held.length, ...claims])) as number[];
      return held.filter((_row, i) => renewed[i] === 1).map(({ id }) => id);
    });
    return new Set((await Promise.all(renewals)).flat());
  }

  async listOutbox(filter: SessionFilter & { readonly status?: OutboxStatus }): Promise<readonly OutboxRow[]> {
    const limit = filter.limit ?? 100;
    const statuses = filter.status === undefined ? Object.values(STATUS) : [STATUS[filter.status]];
    const found = statuses.map(async (status) => {
      const pages = this.#shards.pages("list_rows", [status, filter.tenant ?? ""], limit);
      return ((await pages) as RawRow[]).map(rowOf);
    });
    return newest((await Promise.all(found)).flat(), limit);
  }

  retrySend(id: string): Promise<boolean> {
    return this.#shards.any("retry_send", [id]);
  }

  abandonSend(id: string): Promise<boolean> {
    return this.#shards.any("abandon_send", [id, SEND_GIVEN_UP]);
  }

  async dropSend(order: number): Promise<boolean> {
    return (await this.#shards.ofOrder(order, "drop_send", [order])) === 1;
  }

  async listDeadLetters(filter: SessionFilter): Promise<readonly DeadLetter[]> {
    const limit = filter.limit ?? 100;
    const letters = (await this.#shards.pages("list_dead", [filter.tenant ?? ""], limit)) as RawLetter[];
    return newest(letters.map(letterOf), limit);
  }

  async redrive(order: number): Promise<boolean> {
    return (await this.#shards.ofOrder(order, "redrive", [order])) === 1;
  }

  async dropDeadLetter(order: number): Promise<boolean> {
    return (await this.#shards.ofOrder(order, "drop_dead", [order])) === 1;
  }

  async readLog(conversation: string, options: LogRange): Promise<readonly LogEntry[]> {
    const { after, limit, keepMs = "" } = options;
    const entries = await this.#shards.of(conversation, "read_log", [conversation, after, limit, keepMs]);
    return (entries as string[]).map(logEntryOf);
  }

  async read(key: SessionKeyText): Promise<SessionSummary | undefined> {
    const summary = (await this.#shards.of(key, "read", [key])) as RawSummary | null;
    return summary === null ? undefined : summaryOf(summary);
  }

  async list(filter: SessionFilter & { readonly after?: SessionKeyText }): Promise<readonly SessionSummary[]> {
    const { tenant = "", after = "", limit = 100 } = filter;
    const found = await this.#shards.keyed("list", [tenant], { after, limit });
    return (found as RawSummary[])
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limit)
      .map(summaryOf);
  }

  async readJournal(key: SessionKeyText, options: { readonly limit: number }): Promise<readonly JournalEntry[]> {
    if (options.limit <= 0) return [];
    const entries = (await this.#shards.of(key, "read_journal", [key, options.limit])) as string[];
    return entries.map(journalEntryOf);
  }

  async takeTokens(bucket: string, rate: TokenRate, tokens = 1): Promise<number> {
    if (tokens > rate.capacity) {
      throw new RangeError(`Take tokens: expected at most the capacity of ${rate.capacity}, got ${tokens}`);
    }
    const args = [rate.capacity, rate.perSecond, tokens];
    return Number(await this.#shards.alone(`b:${encodeKeyToken(bucket)}`, "take_tokens", args));
  }

  async stats(): Promise<StoreStats> {
    const counts = (await this.#shards.all("stats", [])) as (readonly Argument[])[];
    const sum = (at: number): number => counts.reduce((total, shard) => total + Number(shard[at]), 0);
    const least = (at: number): number | undefined => {
      const times = counts.flatMap((shard) => (shard[at] === "" ? [] : [Number(shard[at])]));
      return times.length === 0 ? undefined : Math.min(...times);
    };
    const [oldestUnreadAtMs, oldestQueuedAtMs] = [least(1), least(3)];
    return {
      unread: sum(0),
      ...(oldestUnreadAtMs === undefined ? {} : { oldestUnreadAtMs }),
      queued: sum(2),
      ...(oldestQueuedAtMs === undefined ? {} : { oldestQueuedAtMs }),
      unknown: sum(4),
      failed: sum(5),
      deadLetters: sum(6),
      sessions: sum(7),
    };
  }

  storedBytes({ env, tenant }: Pick<Erasure, "env" | "tenant">): Promise<number> {
    return this.#shards.sum("stored_bytes", `${env}:${tenant}`);
  }

  erase(whose: Erasure): Promise<Erased> {
    return eraseFromRedis(this.#shards, whose);
  }

  async end(key: SessionKeyText): Promise<boolean> {
    return (await this.#shards.of(key, "end_session", [key])) === 1;
  }

  async sweep(nowMs: number): Promise<Overdue> {
    const found = (await this.#shards.all("sweep", [OVERDUE_MAX], nowMs)) as (readonly [string[], number, string])[];
    const timers = found.flatMap(([, , timer]) => (timer === "" ? [] : [Number(timer)]));
    return {
      // A crowd in one shard mustn't hide what waits in the others.
      sessions: inTurn(found.map(([sessions]) => sessions as SessionKeyText[])).slice(0, OVERDUE_MAX),
      sends: found.some(([, sends]) => sends === 1),
      ...(timers.length === 0 ? {} : { nextTimerAtMs: Math.min(...timers) }),
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#shards.close();
  }
}

function claimOf({ key, order, attempts }: OutboxRow, sender: string): Argument[] {
  return [conversationOf(key), order, attempts, sender];
}

/** The first of each list, then the second of each, and so on. */
function inTurn<T>(lists: readonly (readonly T[])[]): readonly T[] {
  const [only = []] = lists;
  if (lists.length === 1) return only;
  const longest = Math.max(...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, at) => lists.flatMap((list) => list.slice(at, at + 1))).flat();
}

function newest<T extends { readonly order: number }>(found: readonly T[], limit: number): T[] {
  return found.toSorted((a, b) => b.order - a.order).slice(0, limit);
}
