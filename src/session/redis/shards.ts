import type { SessionKeyText, World } from "../../types/index.ts";
import { channelOf } from "../store.ts";
import type { Argument } from "./codec.ts";
import type { RedisFunction } from "./library.ts";
import type { RedisLink } from "./link.ts";

/**
 * The hash tags of the shards: shard n's lies in the middle of the nth sixteenth of a cluster's 16,384 slots, so that the usual
 * even share of slots gives each node an even share of shards. Never change one: it names where data are.
 */
export const SHARD_TAGS = [
  "0ae",
  "1ab",
  "2bb",
  "3o",
  "4db",
  "5d",
  "6fb",
  "7fe",
  "8h",
  "9fc",
  "10o",
  "11am",
  "12bl",
  "13bk",
  "14dm",
  "15dj",
] as const;

/** How many shards a store on a cluster has; a single server has one. Orders have room for 16. */
const CLUSTER_SHARDS = SHARD_TAGS.length;

/** Finds a channel's shard: everything of one channel lies together, since its dedupe keys are its own. FNV-1a. */
function shardOf(key: string, shards: number): number {
  if (shards === 1) return 0;
  const channel = channelOf(key as SessionKeyText);
  let hash = 0x811c9dc5;
  for (let at = 0; at < channel.length; at++) hash = Math.imul(hash ^ channel.charCodeAt(at), 0x01000193);
  // FNV's low bits are its best mixed after this fold.
  return ((hash ^ (hash >>> 16)) >>> 0) % shards;
}

/** Members of an index that one request looks at: some hundred microseconds of the server. */
const SCANNED = 2_000;
/** Items that a walk takes at a time. */
const WALKED = 200;

/** Knows which shard holds what, and asks one or all. */
export class RedisShards {
  readonly #link: RedisLink;
  readonly #prefix: string;
  readonly #count: number;
  readonly #world: World | undefined;
  #first = 0;

  constructor(
    link: RedisLink,
    place: { readonly prefix: string; readonly isCluster: boolean; readonly world: World | undefined },
  ) {
    this.#link = link;
    this.#prefix = place.prefix;
    this.#count = place.isCluster ? CLUSTER_SHARDS : 1;
    this.#world = place.world;
  }

  /** Asks the shard of a session or conversation. */
  of(key: string, name: RedisFunction, args: readonly Argument[]): Promise<unknown> {
    return this.at(shardOf(key, this.#count), name, args);
  }

  /** Asks the shard that drew an order. */
  async ofOrder(order: number, name: RedisFunction, args: readonly Argument[]): Promise<unknown> {
    const shard = order % CLUSTER_SHARDS;
    return Number.isSafeInteger(order) && shard >= 0 && shard < this.#count ? this.at(shard, name, args) : 0;
  }

  /** Asks one shard. */
  at(shard: number, name: RedisFunction, args: readonly Argument[], nowMs?: number): Promise<unknown> {
    return this.#link.call({ key: this.base(shard), ...this.#clock(nowMs) }, name, args);
  }

  /** Asks for what lies in a slot of its own. */
  alone(key: string, name: RedisFunction, args: readonly Argument[]): Promise<unknown> {
    return this.#link.call({ key: `${this.#prefix}:${key}`, ...this.#clock() }, name, args);
  }

  /** Asks every shard. */
  all(name: RedisFunction, args: readonly Argument[], nowMs?: number): Promise<unknown[]> {
    return Promise.all(Array.from({ length: this.#count }, (_, shard) => this.at(shard, name, args, nowMs)));
  }

  /** Asks one shard after the other until one says yes. */
  async any(name: RedisFunction, args: readonly Argument[]): Promise<boolean> {
    for (let shard = 0; shard < this.#count; shard++) if ((await this.at(shard, name, args)) === 1) return true;
    return false;
  }

  /** Collects up to `limit` items of each shard, page by page. */
  async pages(name: RedisFunction, args: readonly Argument[], limit: number): Promise<unknown[]> {
    const collect = async (shard: number): Promise<unknown[]> => {
      const found: unknown[] = [];
      for (let before = "+inf"; found.length < limit && before !== "";) {
        const [next, items] = await this.#page(shard, name, [...args, before, limit - found.length]);
        found.push(...items);
        before = next;
      }
      return found;
    };
    return (await Promise.all(Array.from({ length: this.#count }, (_, shard) => collect(shard)))).flat();
  }

  /** Collects up to `limit` items of each shard, page by page; items begin with the key by which they are in order. */
  async keyed(
    name: RedisFunction,
    args: readonly Argument[],
    { after, limit }: { readonly after: string; readonly limit: number },
  ): Promise<unknown[]> {
    const collect = async (shard: number): Promise<unknown[]> => {
      const found: (readonly [string])[] = [];
      for (;;) {
        const size = Math.min(limit - found.length, WALKED);
        const page = await this.at(shard, name, [...args, found.at(-1)?.[0] ?? after, size]);
        found.push(...(page as (readonly [string])[]));
        if ((page as readonly unknown[]).length < size || found.length >= limit) return found;
      }
    };
    return (await Promise.all(Array.from({ length: this.#count }, (_, shard) => collect(shard)))).flat();
  }

  /** Adds up what all shards say of the keys below a prefix, page by page. */
  async sum(name: RedisFunction, prefix: string): Promise<number> {
    let total = 0;
    for (let shard = 0; shard < this.#count; shard++) {
      for (let after = `${prefix}:`; after !== "";) {
        const page = await this.at(shard, name, [prefix, after, WALKED]);
        const [next, amount] = page as readonly [string, number];
        total += amount;
        after = next;
      }
    }
    return total;
  }

  /** Walks all items of all shards: `[shard, page]` each. */
  async *walk(name: RedisFunction, args: readonly Argument[]): AsyncGenerator<readonly [number, readonly unknown[]]> {
    for (let shard = 0; shard < this.#count; shard++) {
      for (let before = "+inf"; before !== "";) {
        const [next, items] = await this.#page(shard, name, [...args, before, WALKED]);
        yield [shard, items];
        before = next;
      }
    }
  }

  async #page(
    shard: number,
    name: RedisFunction,
    args: readonly Argument[],
  ): Promise<readonly [string, readonly unknown[]]> {
    return (await this.at(shard, name, [...args, SCANNED])) as readonly [string, readonly unknown[]];
  }

  /**
   * Takes up to `limit` things from whichever shards have some. Several shards are asked first how many they have, and each time
   * another one is the first to be taken from.
   */
  async take<T>(
    what: "sessions" | "sends",
    limit: number,
    ask: (shard: number, limit: number) => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    if (limit <= 0) return [];
    if (this.#count === 1) return ask(0, limit);
    const counts = (await this.all("waiting", [what, limit])).map(Number);
    this.#first = (this.#first + 1) % this.#count;
    let left = limit;
    const asked: Promise<readonly T[]>[] = [];
    for (let n = 0; n < this.#count && left > 0; n++) {
      const shard = (this.#first + n) % this.#count;
      const share = Math.min(left, counts[shard] ?? 0);
      left -= share;
      if (share > 0) asked.push(ask(shard, share));
    }
    return (await Promise.all(asked)).flat();
  }

  /** Groups things by the shard of their sessions. */
  group<T>(things: readonly T[], keyOf: (thing: T) => string): ReadonlyMap<number, readonly T[]> {
    return Map.groupBy(things, (thing) => shardOf(keyOf(thing), this.#count));
  }

  /** The key that names a shard's slot; all its other keys begin with it. */
  base(shard: number): string {
    return `${this.#prefix}:{${SHARD_TAGS[shard] ?? ""}}`;
  }

  /** Walks the names of a tenant's keys: `[shard, kind, rest]` each. */
  async *keysOf(whose: { readonly env: string; readonly tenant: string }): AsyncGenerator<readonly KeyName[]> {
    const pattern = `${this.#prefix}:{*}:?:${whose.env}:${whose.tenant}:*`;
    for await (const page of this.#link.scan(pattern)) yield page.flatMap((key) => this.#nameOf(key));
  }

  close(): Promise<void> {
    return this.#link.close();
  }

  #nameOf(key: string): KeyName[] {
    const from = this.#prefix.length + 2;
    const to = key.indexOf("}", from);
    const shard = SHARD_TAGS.indexOf(key.slice(from, to) as (typeof SHARD_TAGS)[number]);
    return shard < 0 ? [] : [{ shard, kind: key.slice(to + 2, to + 3), rest: key.slice(to + 4) }];
  }

  #clock(nowMs?: number): { readonly clock?: readonly [number, number] } {
    if (this.#world === undefined) return {};
    return { clock: [nowMs ?? this.#world.nowMs(), this.#world.monotonicMs()] };
  }
}

/** The name of a key: its shard, the letter of its kind and whose it is. */
export interface KeyName {
  readonly shard: number;
  readonly kind: string;
  readonly rest: string;
}
