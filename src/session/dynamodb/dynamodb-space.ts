import { checkWrite } from "../records/check-write.ts";
import { recordName } from "../records/space.ts";
import type { RecordChange, RecordKey, RecordRange, RecordSpace, SpaceLimits, StoredRecord } from "../records/space.ts";
import { ServerClock } from "../server-clock.ts";
import { SpaceLink } from "../space-link.ts";
import { createDynamoClient } from "./client.ts";
import type { DynamoClient, DynamoClientOptions, Fields } from "./client.ts";
import { dynamoFailures, isUnmet, throttled } from "./failure.ts";
import { findTable } from "./table.ts";
import type { TableOptions } from "./table.ts";

/** The table of a store in DynamoDB, and how to get at it. */
export interface DynamoPlaceOptions extends DynamoClientOptions, TableOptions {}

type Value = { readonly S: string };
type Item = Readonly<Record<"pk" | "sk" | "v" | "b", Value>>;

// The service's: 100 records, 4 MB and 400 KB, names of attributes and versions counted in.
const OVERHEAD = 128;
const CHANGES = 100;
const LIMITS: SpaceLimits = {
  changes: CHANGES,
  bytes: (4 << 20) - CHANGES * OVERHEAD,
  recordBytes: (400 << 10) - OVERHEAD,
};
const KEYS_AT_ONCE = 100;
const PARTITION_BYTES = 2_048;
const SORT_BYTES = 1_024;

/** Opens a database of records in DynamoDB. @throws STORE_UNAVAILABLE, STORE_SERVER_UNFIT, SECRETS_SDK_MISSING */
export async function openDynamoSpace(options: DynamoPlaceOptions): Promise<RecordSpace> {
  const { table, world } = options;
  const clock = new ServerClock(world);
  const client = await createDynamoClient(options, clock);
  const link = new SpaceLink(world, dynamoFailures);
  const space = new DynamoSpace({ table, clock, client, link });
  try {
    await findTable(link, client, options);
    return space;
  } catch (error) {
    await space[Symbol.asyncDispose]();
    throw error;
  }
}

interface Parts {
  readonly table: string;
  readonly clock: ServerClock;
  readonly client: DynamoClient;
  readonly link: SpaceLink;
}

class DynamoSpace implements RecordSpace {
  readonly limits = LIMITS;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  nowMs(): number {
    return this.#parts.clock.nowMs();
  }

  async get(keys: readonly RecordKey[]): Promise<readonly (StoredRecord | undefined)[]> {
    // It refuses to be asked for the same one twice.
    const wanted = [...new Map(keys.map((key) => [recordName(key), keyOf(key)])).values()];
    const found = new Map<string, StoredRecord>();
    for (let at = 0; at < wanted.length; at += KEYS_AT_ONCE) {
      for (const record of await this.#read(wanted.slice(at, at + KEYS_AT_ONCE))) found.set(recordName(record), record);
    }
    return keys.map((key) => found.get(recordName(key)));
  }

  async scan({
    partition,
    after = "",
    before,
    limit,
    isBackwards = false,
  }: RecordRange): Promise<readonly StoredRecord[]> {
    const isEmpty = before !== undefined && Buffer.compare(Buffer.from(after), Buffer.from(before)) >= 0;
    if (limit <= 0 || isEmpty) return [];
    // Its ranges of two ends hold both of them.
    const isBetween = after !== "" && before !== undefined;
    const records: StoredRecord[] = [];
    let start: unknown;
    do {
      const answer = await this.#ask("scan", "Query", {
        KeyConditionExpression: `pk = :p${rangeOf(after, before)}`,
        ExpressionAttributeValues: {
          ":p": textOf(partition),
          ...(after !== "" && { ":a": textOf(after) }),
          ...(before !== undefined && { ":b": textOf(before) }),
        },
        ConsistentRead: true,
        ScanIndexForward: !isBackwards,
        Limit: limit - records.length + (isBetween ? 2 : 0),
        ...(start !== undefined && { ExclusiveStartKey: start }),
      });
      for (const item of answer["Items"] as readonly Item[]) {
        if (item.sk.S !== after && item.sk.S !== before) records.push(recordOf(item));
      }
      start = answer["LastEvaluatedKey"];
    } while (start !== undefined && records.length < limit);
    return records.slice(0, limit);
  }

  async write(changes: readonly RecordChange[], version: string): Promise<boolean> {
    checkWrite(changes, LIMITS);
    const TransactItems = changes.flatMap((change) => this.#operationOf(change, version));
    if (TransactItems.length === 0) return true;
    // Even a single record is written by a transaction: the service knows a repetition by its token.
    const input = { TransactItems, ClientRequestToken: version };
    return this.#parts.link.ask("write", async (signal) => {
      try {
        await this.#parts.client.send("TransactWriteItems", input, signal);
        return true;
      } catch (error) {
        if (isUnmet(error)) return false;
        throw error;
      }
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#parts.link.close();
    this.#parts.client.close();
    return Promise.resolve();
  }

  #operationOf({ body, expected, ...key }: RecordChange, version: string): readonly Fields[] {
    const TableName = this.#parts.table;
    const condition =
      expected === undefined
        ? {}
        : expected === null
          ? { ConditionExpression: "attribute_not_exists(pk)" }
          : { ConditionExpression: "v = :v", ExpressionAttributeValues: { ":v": textOf(expected) } };
    if (body === undefined) {
      return expected === undefined ? [] : [{ ConditionCheck: { TableName, Key: keyOf(key), ...condition } }];
    }
    if (body === null) return [{ Delete: { TableName, Key: keyOf(key), ...condition } }];
    return [{ Put: { TableName, Item: { ...keyOf(key), v: textOf(version), b: textOf(body) }, ...condition } }];
  }

  /** Reads up to 100 items; the service may leave some for another time. */
  async #read(keys: readonly Fields[]): Promise<readonly StoredRecord[]> {
    const { table, client, link } = this.#parts;
    const records: StoredRecord[] = [];
    let left = keys;
    while (left.length > 0) {
      const asked = left;
      left = await link.ask("get", async (signal) => {
        const RequestItems = { [table]: { Keys: asked, ConsistentRead: true } };
        const answer = await client.send("BatchGetItem", { RequestItems }, signal);
        const items = (answer["Responses"] as Readonly<Record<string, readonly Item[]>>)[table] ?? [];
        const unprocessed = answer["UnprocessedKeys"] as Readonly<Record<string, { readonly Keys: readonly Fields[] }>>;
        const rest = unprocessed[table]?.Keys ?? [];
        if (rest.length === asked.length) throw throttled();
        records.push(...items.map(recordOf));
        return rest;
      });
    }
    return records;
  }

  #ask(name: string, command: "Query", input: Fields): Promise<Fields> {
    const { table, client, link } = this.#parts;
    return link.ask(name, (signal) => client.send(command, { TableName: table, ...input }, signal));
  }
}

function textOf(text: string): Value {
  return { S: text };
}

/** @throws RangeError for a name that the service takes for none */
function keyOf({ partition, sort }: RecordKey): Pick<Item, "pk" | "sk"> {
  for (const [name, most] of [
    [partition, PARTITION_BYTES],
    [sort, SORT_BYTES],
  ] as const) {
    const bytes = Buffer.byteLength(name);
    if (bytes === 0 || bytes > most) throw new RangeError(`Name record: expected 1 to ${most} bytes, got ${bytes}`);
  }
  return { pk: textOf(partition), sk: textOf(sort) };
}

function rangeOf(after: string, before: string | undefined): string {
  if (after === "") return before === undefined ? "" : " AND sk < :b";
  return before === undefined ? " AND sk > :a" : " AND sk BETWEEN :a AND :b";
}

function recordOf({ pk, sk, v, b }: Item): StoredRecord {
  return { partition: pk.S, sort: sk.S, version: v.S, body: b.S };
}
