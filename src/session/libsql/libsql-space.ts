import { loadSdk } from "../../secrets/index.ts";
import { GreenticError } from "../../types/index.ts";
import type { World } from "../../types/index.ts";
import { checkWrite } from "../records/check-write.ts";
import { recordName } from "../records/space.ts";
import type { RecordChange, RecordKey, RecordRange, RecordSpace, SpaceLimits, StoredRecord } from "../records/space.ts";
import { ServerClock } from "../server-clock.ts";
import { SpaceLink } from "../space-link.ts";
import { codeOf, libsqlFailures, LibsqlStatus } from "./failure.ts";
import { parseLibsqlUrl } from "./libsql-url.ts";
import { CLOCK, LAYOUT, Tables } from "./tables.ts";
import type { Statement } from "./tables.ts";

/** Where a libSQL database is: Turso's, or of a server of one's own. */
export interface LibsqlPlaceOptions {
  /** `libsql://host`, `https://host` or `http://host`. */
  readonly url: string;
  /** What the server knows this host by; no message repeats it. */
  readonly token?: string | undefined;
  /** Begins the names of the tables; stores of different prefixes share nothing. Default `greentic`. */
  readonly prefix?: string;
  /** The directory below which `@libsql/client` is installed, where it isn't beside the host. */
  readonly sdkDir?: string | undefined;
  readonly world: World;
}

/** What is used of `@libsql/client`. */
interface LibsqlClient {
  batch(statements: readonly Statement[], mode: "write" | "deferred"): Promise<readonly ResultSet[]>;
}
interface LibsqlSdk {
  createClient(options: object): LibsqlClient;
}
interface ResultSet {
  readonly rows: readonly ArrayLike<unknown>[];
}

// This entry speaks HTTP by `fetch` alone; the package's usual one loads a native SQLite.
const SDK = "@libsql/client/http";
const PREFIX = /^[a-z0-9][a-z0-9-]{0,31}$/;
const LIMITS: SpaceLimits = { changes: 1_000, bytes: 4 << 20, recordBytes: 1 << 20 };
const KEYS_AT_ONCE = 500;
/** How often a process looks for old stamps. */
const PRUNE_MS = 60_000;
/** Writes whose fate somebody may still ask for. */
const UNSURE_MAX = 10_000;

/** Opens a database of records in libSQL. @throws STORE_URL_INVALID, STORE_UNAVAILABLE, STORE_SCHEMA_NEWER, STORE_SERVER_UNFIT, SECRETS_SDK_MISSING */
export async function openLibsqlSpace(options: LibsqlPlaceOptions): Promise<RecordSpace> {
  const { prefix = "greentic", token, sdkDir, world } = options;
  if (!PREFIX.test(prefix)) throw new RangeError(`expected a prefix of lower-case letters, digits and "-"`);
  const url = parseLibsqlUrl(options.url);
  const sdk = (await loadSdk(SDK, { sdkDir })) as LibsqlSdk;
  const space = new LibsqlSpace(world, prefix, (fetch) =>
    sdk.createClient({ url, ...(token !== undefined && { authToken: token }), fetch, concurrency: 0 }),
  );
  try {
    await space.make();
    return space;
  } catch (error) {
    await space[Symbol.asyncDispose]();
    throw error;
  }
}

type Fetch = (request: Request) => Promise<Response>;

class LibsqlSpace implements RecordSpace {
  readonly limits = LIMITS;
  readonly #world: World;
  readonly #prefix: string;
  readonly #tables: Tables;
  readonly #link: SpaceLink;
  readonly #clock: ServerClock;
  readonly #connect: (fetch: Fetch) => LibsqlClient;
  /** Writes that were sent and not answered, the oldest first. */
  readonly #unsure = new Set<string>();
  #prunedMs = Number.NEGATIVE_INFINITY;

  constructor(world: World, prefix: string, connect: (fetch: Fetch) => LibsqlClient) {
    this.#world = world;
    this.#prefix = prefix;
    this.#tables = new Tables(prefix);
    this.#link = new SpaceLink(world, libsqlFailures);
    this.#clock = new ServerClock(world);
    this.#connect = connect;
  }

  /** Makes the tables, or finds them made. */
  async make(): Promise<void> {
    const results = await this.#ask("open", this.#tables.make(), "write");
    const [layout = 0, euro] = Array.from(results.at(-1)?.rows[0] ?? []);
    if (Number(layout) > LAYOUT) {
      throw new GreenticError(
        "STORE_SCHEMA_NEWER",
        `Open libSQL store "${this.#prefix}": expected schema version ${LAYOUT} or older, got ${Number(layout)}`,
      );
    }
    if (euro !== 3) {
      throw new GreenticError("STORE_SERVER_UNFIT", "Check libSQL server: expected a database in encoding UTF-8");
    }
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  async get(keys: readonly RecordKey[]): Promise<readonly (StoredRecord | undefined)[]> {
    const found = new Map<string, StoredRecord>();
    for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
      for (const record of await this.#read(keys.slice(at, at + KEYS_AT_ONCE))) found.set(recordName(record), record);
    }
    return keys.map((key) => found.get(recordName(key)));
  }

  async scan(range: RecordRange): Promise<readonly StoredRecord[]> {
    if (range.limit <= 0) return [];
    const records = await this.#records("scan", this.#tables.scan(range));
    if (records !== undefined) return records;
    const first = await this.scan({ ...range, limit: Math.ceil(range.limit / 2) });
    const last = first.at(-1);
    if (last === undefined || first.length < Math.ceil(range.limit / 2)) return first;
    const behind = range.isBackwards === true ? { before: last.sort } : { after: last.sort };
    return [...first, ...(await this.scan({ ...range, ...behind, limit: range.limit - first.length }))];
  }

  async write(changes: readonly RecordChange[], version: string): Promise<boolean> {
    checkWrite(changes, LIMITS);
    const tables = this.#tables;
    const wanted = changes.filter(({ expected }) => expected !== undefined);
    const gone = changes.filter(({ body }) => body === null);
    const put = changes.flatMap(({ body, ...key }) => (typeof body === "string" ? [{ ...key, body }] : []));
    const statements = [
      tables.stamp(version),
      ...(wanted.length > 0 ? [tables.guard(wanted)] : []),
      ...(gone.length > 0 ? [tables.remove(gone)] : []),
      ...(put.length > 0 ? [tables.put(put, version)] : []),
      ...this.#pruning(),
    ];
    const isDone = await this.#link.ask("write", async (signal) => {
      try {
        await this.#send(signal, statements, "write");
        return true;
      } catch (error) {
        const place = constraintOf(error);
        if (place === 0) return true;
        if (place === 1 && wanted.length > 0) return false;
        if (libsqlFailures.remedyFor(error) === "away") this.#remember(version);
        throw error;
      }
    });
    const isSettled = isDone || !this.#unsure.has(version) ? isDone : await this.#settle(version);
    this.#unsure.delete(version);
    return isSettled;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#link.close();
    return Promise.resolve();
  }

  #remember(version: string): void {
    this.#unsure.add(version);
    const [oldest] = this.#unsure;
    if (this.#unsure.size > UNSURE_MAX && oldest !== undefined) this.#unsure.delete(oldest);
  }

  /** What wasn't answered may still be on its way: it must not happen once the write was told to be refused. */
  async #settle(version: string): Promise<boolean> {
    const results = await this.#ask("write", this.#tables.settle(version), "write");
    return results[1]?.rows[0]?.[0] === 1;
  }

  #pruning(): readonly Statement[] {
    const nowMs = this.#world.monotonicMs();
    if (nowMs - this.#prunedMs < PRUNE_MS) return [];
    this.#prunedMs = nowMs;
    return [this.#tables.prune()];
  }

  async #read(keys: readonly RecordKey[]): Promise<readonly StoredRecord[]> {
    const records = await this.#records("get", this.#tables.get(keys));
    if (records !== undefined) return records;
    const half = Math.ceil(keys.length / 2);
    return [...(await this.#read(keys.slice(0, half))), ...(await this.#read(keys.slice(half)))];
  }

  /** Reads records; undefined where the server's answers can't hold as many. */
  async #records(name: string, statement: Statement): Promise<readonly StoredRecord[] | undefined> {
    return this.#link.ask(name, async (signal) => {
      try {
        const [found] = await this.#send(signal, [statement], "deferred");
        return (found?.rows ?? []).map((row) => recordOf(row as ArrayLike<string>));
      } catch (error) {
        if (codeOf(error) === "RESPONSE_TOO_LARGE") return undefined;
        throw error;
      }
    });
  }

  #ask(name: string, statements: readonly Statement[], mode: "write" | "deferred"): Promise<readonly ResultSet[]> {
    return this.#link.ask(name, (signal) => this.#send(signal, statements, mode));
  }

  /** Does all statements in one transaction, or none, and hears the server's time; gives their results. */
  async #send(
    signal: AbortSignal,
    statements: readonly Statement[],
    mode: "write" | "deferred",
  ): Promise<readonly ResultSet[]> {
    const askedMs = this.#world.monotonicMs();
    const client = this.#connect((request) => fetchWhole(request, signal));
    const results = await client.batch([...statements, CLOCK], mode);
    this.#clock.heard(Number(results.at(-1)?.rows[0]?.[0]), { askedMs, precisionMs: 1 });
    return results.slice(0, -1);
  }
}

/** Fetches an answer with its body, so that the signal ends whatever is still under way of it. */
async function fetchWhole(request: Request, signal: AbortSignal): Promise<Response> {
  const response = await fetch(request, { signal });
  if (!response.ok) {
    await response.body?.cancel();
    throw new LibsqlStatus(response.status);
  }
  return new Response(await response.arrayBuffer(), response);
}

/** Which statement failed by a constraint, counted from 0. */
function constraintOf(error: unknown): number | undefined {
  if (codeOf(error)?.startsWith("SQLITE_CONSTRAINT") !== true) return undefined;
  return error instanceof Error && "statementIndex" in error ? Number(error.statementIndex) : undefined;
}

function recordOf(row: ArrayLike<string>): StoredRecord {
  const [partition = "", sort = "", version = "", body = ""] = Array.from(row);
  return { partition, sort, version, body };
}
