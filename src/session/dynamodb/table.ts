import type { World } from "../../types/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import type { SpaceLink } from "../space-link.ts";
import { unavailable } from "../unavailable.ts";
import type { DynamoClient, Fields } from "./client.ts";

const MAKING_MS = 60_000;
const LOOK_MS = 50;
const LOOK_MAX_MS = 2_000;

/** The table of a store, and what is to be done where it is missing. */
export interface TableOptions {
  readonly table: string;
  /** Whether it is made where it is missing. Default true; without it the host needs no right to. */
  readonly create?: boolean | undefined;
  /** What a table that is made is tagged with. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

const KEYS = [
  ["pk", "HASH"],
  ["sk", "RANGE"],
] as const;

/**
 * Finds the table, or makes it and waits until it is there; hosts that start at once make one together. It is billed by use.
 * @throws STORE_UNAVAILABLE, STORE_SERVER_UNFIT where a table of that name has other keys
 */
export async function findTable(
  link: SpaceLink,
  client: DynamoClient,
  { table, create = true, tags = {}, world }: TableOptions & { readonly world: World },
): Promise<void> {
  const startedMs = world.monotonicMs();
  let isMade = false;
  for (let lookMs = LOOK_MS; ; lookMs = Math.min(2 * lookMs, LOOK_MAX_MS)) {
    const found = await link.ask("open", (signal) =>
      unlessNamed("ResourceNotFoundException", client.send("DescribeTable", { TableName: table }, signal)),
    );
    const description = found?.["Table"] as Fields | undefined;
    if (description !== undefined) checkKeys(table, description);
    if (description?.["TableStatus"] === "ACTIVE" || description?.["TableStatus"] === "UPDATING") return;
    if (description === undefined && !create) {
      throw unavailable("Open DynamoDB store", `there is no table ${quote(table)}`);
    }
    if (description === undefined && !isMade) {
      await link.ask("create its table", (signal) =>
        unlessNamed("ResourceInUseException", client.send("CreateTable", tableOf(table, tags), signal)),
      );
      isMade = true;
    }
    if (world.monotonicMs() - startedMs > MAKING_MS) {
      throw unavailable("Open DynamoDB store", `table ${quote(table)} isn't ready after ${MAKING_MS / 1_000} s`);
    }
    await new Promise<void>((later) => void world.schedule(lookMs, later));
  }
}

function tableOf(table: string, tags: Readonly<Record<string, string>>): Fields {
  const all = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  return {
    TableName: table,
    AttributeDefinitions: KEYS.map(([AttributeName]) => ({ AttributeName, AttributeType: "S" })),
    KeySchema: KEYS.map(([AttributeName, KeyType]) => ({ AttributeName, KeyType })),
    BillingMode: "PAY_PER_REQUEST",
    ...(all.length > 0 && { Tags: all }),
  };
}

function checkKeys(table: string, description: Fields): void {
  const keys = (description["KeySchema"] ?? []) as readonly Fields[];
  const types = (description["AttributeDefinitions"] ?? []) as readonly Fields[];
  const isFit =
    keys.length === KEYS.length &&
    KEYS.every(
      ([name, type]) =>
        keys.some((key) => key["AttributeName"] === name && key["KeyType"] === type) &&
        types.some((one) => one["AttributeName"] === name && one["AttributeType"] === "S"),
    );
  if (isFit) return;
  const state = `expected table ${quote(table)} with the keys pk and sk, both strings, got others`;
  throw new GreenticError("STORE_SERVER_UNFIT", `Check DynamoDB table: ${state}`);
}

/** Gives undefined where it fails by that name. */
async function unlessNamed<T>(name: string, asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Error && error.name === name) return undefined;
    throw error;
  }
}
