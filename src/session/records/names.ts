import { createHash } from "node:crypto";
import { encodeKeyToken } from "../../types/index.ts";
import type { SessionKeyText } from "../../types/index.ts";
import { channelOf, conversationOf } from "../store.ts";
import type { RecordKey, RecordRange } from "./space.ts";

/*
 * Where everything lies. `n` is a shard, by conversation:
 *   s:<session>  head, body (record and state), i<order> unread messages, e<order> steps
 *   l:<conversation>  the lane of what is to be sent
 *   rows-<p|s|f|a>:n  outbox rows by order: pending, sent, failed, abandoned     id:<row id>  which order has it
 *   dead:n  dead letters by order     d:n  deliveries by channel and name     g:n  logs, j:n journals: whose and number
 *   ready:n, held:n, timer:n  sessions by when they wait, how long they are held, when they want to be woken
 *   go:n, rest:n, claim:n  lanes likewise     keys:n  sessions by key
 *   x:n  what is to be looked at again, by time     k:<write>  parts of what is too large for one record
 *   b:<bucket>  tokens     floor, slots  see orders.ts
 */

/** The name of a record. `isKept` ones are read again soon, so that a process remembers them. */
export interface Name extends RecordKey {
  readonly isKept?: boolean;
}

/** What one record and one range of another name can't be mistaken for. Above this, names are shortened. */
const NAME_MAX = 600;
const NAME_HEAD = 500;
/** Orders name one of so many shards in their low digits. */
export const SHARDS_MAX = 16;

/** Where an outbox row lies, by what has become of it. */
export type RowPlace = "p" | "s" | "f" | "a";
export const ROW_PLACES: readonly RowPlace[] = ["p", "s", "f", "a"];

/** Partitions that every shard has. */
export type Index =
  | "ready"
  | "held"
  | "timer"
  | "go"
  | "rest"
  | "claim"
  | "keys"
  | "dead"
  | "d"
  | "g"
  | "j"
  | "x"
  | `rows-${RowPlace}`;

/** Writes a number so that texts are in the order of numbers. */
export function pad(value: number): string {
  return String(Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Math.floor(value)))).padStart(16, "0");
}

/** A name that fits into a key; what is too long keeps its beginning. Encoded names hold no dot, so that none can pass for a shortened one. */
export function short(name: string): string {
  return name.length <= NAME_MAX ? name : `${name.slice(0, NAME_HEAD)}.${sha256(name)}`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The shard that an order was drawn for. */
export function shardOfOrder(order: number): number {
  return Number.isSafeInteger(order) && order > 0 ? order % SHARDS_MAX : 0;
}

/** Names records of a store that has so many shards. */
export class Names {
  readonly shards: readonly number[];

  constructor(count: number) {
    if (!Number.isInteger(count) || count < 1 || count > SHARDS_MAX)
      throw new RangeError(`Open record store: expected 1 to ${SHARDS_MAX} shards, got ${count}`);
    this.shards = Array.from({ length: count }, (_, shard) => shard);
  }

  shardOf(conversation: string): number {
    return Number.parseInt(sha256(conversation).slice(0, 8), 16) % this.shards.length;
  }

  session(key: SessionKeyText): SessionNames {
    const conversation = conversationOf(key);
    return new SessionNames(key, conversation, this.shardOf(conversation));
  }

  lane(conversation: string): Name {
    return { partition: `l:${short(conversation)}`, sort: "-", isKept: true };
  }

  delivery(key: SessionKeyText, dedupeKey: string): Name {
    const sort = `${channelOf(key)} ${short(encodeKeyToken(dedupeKey))}`;
    return { partition: `d:${this.shardOf(sort)}`, sort, isKept: true };
  }

  log(conversation: string): Name {
    return { partition: `g:${this.shardOf(conversation)}`, sort: `${short(conversation)} h`, isKept: true };
  }

  /** A page of a log, named by the last index that it holds. */
  logPage(conversation: string, lastIndex: number): Name {
    return { partition: `g:${this.shardOf(conversation)}`, sort: `${short(conversation)} p${pad(lastIndex)}` };
  }
}

/** Names the records of one session. */
export class SessionNames {
  readonly key: SessionKeyText;
  readonly conversation: string;
  readonly shard: number;
  readonly #partition: string;

  constructor(key: SessionKeyText, conversation: string, shard: number) {
    this.key = key;
    this.conversation = conversation;
    this.shard = shard;
    this.#partition = `s:${short(key)}`;
  }

  get head(): Name {
    return { partition: this.#partition, sort: "head", isKept: true };
  }

  get body(): Name {
    return { partition: this.#partition, sort: "body", isKept: true };
  }

  get floor(): Name {
    return floorOf(this.shard);
  }

  entry(order: number): Name {
    return { partition: this.#partition, sort: `i${pad(order)}`, isKept: true };
  }

  step(order: number): Name {
    return { partition: this.#partition, sort: `e${pad(order)}`, isKept: true };
  }

  journal(serial: number): Name {
    return { partition: `j:${this.shard}`, sort: `${short(this.key)} ${pad(serial)}` };
  }
}

/** Where the orders of sessions that are gone are remembered. */
export function floorOf(shard: number): Name {
  return { partition: "floor", sort: String(shard) };
}

export function rowName(place: RowPlace, order: number): Name {
  return { partition: `rows-${place}:${shardOfOrder(order)}`, sort: pad(order) };
}

/** Many rows of one commit lie together at first, behind where their first one would. */
export function bundleName(firstOrder: number): Name {
  const { partition, sort } = rowName("p", firstOrder);
  return { partition, sort: `${sort}+` };
}

export function idName(id: string): Name {
  return { partition: `id:${short(encodeKeyToken(id))}`, sort: "-" };
}

export function letterName(order: number): Name {
  return { partition: `dead:${shardOfOrder(order)}`, sort: pad(order) };
}

export function bucketName(bucket: string): Name {
  return { partition: `b:${short(encodeKeyToken(bucket))}`, sort: "-" };
}

/** The records of an index whose names begin with `prefix`. */
export function prefixed(partition: string, prefix: string): Omit<Required<RecordRange>, "limit" | "isBackwards"> {
  const last = prefix.charCodeAt(prefix.length - 1);
  return { partition, after: prefix, before: `${prefix.slice(0, -1)}${String.fromCharCode(last + 1)}` };
}
