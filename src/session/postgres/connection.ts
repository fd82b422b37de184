import { Socket } from "node:net";
import type { Client, QueryResult } from "pg";
import { remedyFor } from "./failure.ts";
import type { PostgresFunction, PostgresLibrary } from "./library.ts";
import type { PostgresPlace } from "./postgres-url.ts";
import { checkVersion, install, schemasOf } from "./schema.ts";
import { checkSettings, SETTINGS } from "./server-check.ts";
import type { Settings } from "./server-check.ts";

/** What a connection is opened for. */
export interface Purpose {
  readonly place: PostgresPlace;
  readonly prefix: string;
  readonly durability: "strict" | "relaxed";
  readonly library: PostgresLibrary;
}

const CONNECT_MS = 5_000;
/** What a broken connection left running ends by itself. */
const STATEMENT_MS = 10_000;

// Every statement finds its rows by a key or in the order of an index. What the planner has learnt of tables that were empty when
// it looked must not talk it into reading them whole.
const PLANS = ["seqscan", "bitmapscan", "sort", "hashjoin", "mergejoin", "hashagg", "material"];

/** One connection: one request at a time. */
export class Connection {
  readonly #client: Client;
  readonly #socket: Socket;
  readonly #library: PostgresLibrary;
  isOpen = true;

  private constructor(client: Client, socket: Socket, library: PostgresLibrary) {
    this.#client = client;
    this.#socket = socket;
    this.#library = library;
  }

  /**
   * Connects, holds the server to the demands and installs tables and functions where they are missing. `onEnd` is told once when it is
   * no use any more. @throws STORE_DURABILITY_WEAK, STORE_SERVER_UNFIT, STORE_SCHEMA_NEWER; what client and server throw
   */
  static async open(purpose: Purpose, onEnd: (connection: Connection) => void): Promise<Connection> {
    const { place, library } = purpose;
    // Hosts over another store don't load it.
    const { default: pg } = await import("pg");
    const socket = new Socket();
    const client = new pg.Client({
      host: place.host,
      port: place.port,
      database: place.database,
      user: place.user,
      ...(place.password !== undefined && { password: place.password }),
      ssl: place.tls ?? false,
      stream: () => socket,
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_MS,
      application_name: "greentic",
    });
    const connection = new Connection(client, socket, library);
    const end = (): void => {
      if (!connection.isOpen) return;
      connection.isOpen = false;
      onEnd(connection);
    };
    client.on("error", end).on("end", end);
    // A server that says nothing while it is asked for all this is given up as well.
    const late = setTimeout(() => socket.destroy(), 2 * CONNECT_MS);
    try {
      await client.connect();
      await prepare(client, purpose);
      return connection;
    } catch (error) {
      connection.isOpen = false;
      connection.destroy();
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  /** Runs one operation and gives what it says. @throws what client and server throw */
  async run(name: PostgresFunction, values: readonly unknown[]): Promise<unknown> {
    const query = { name, text: this.#library.callOf(name), values: [...values], rowMode: "array" as const };
    const { rows } = await this.#client.query(query);
    return (rows as unknown as readonly (readonly unknown[])[])[0]?.[0];
  }

  /** Ends it after what is under way. */
  async close(): Promise<void> {
    this.isOpen = false;
    await this.#client.end().catch(() => undefined);
  }

  /** Breaks it off. */
  destroy(): void {
    this.#socket.destroy();
  }
}

async function prepare(client: Client, purpose: Purpose): Promise<void> {
  try {
    await checkAll(client, purpose);
  } catch (error) {
    if (remedyFor(error) !== "install") throw error;
    const { rows } = await client.query<Settings>(SETTINGS);
    checkSettings(rows[0], purpose.durability);
    await install(client, purpose.prefix, purpose.library);
    await checkAll(client, purpose);
  }
}

/** Sets the connection up and holds the server to the demands, all in one round trip. */
async function checkAll(client: Client, { prefix, durability, library }: Purpose): Promise<void> {
  const [tables, functions] = schemasOf(prefix, library);
  const statements = [
    `SET search_path = ${functions}, ${tables}`,
    "SET default_transaction_isolation = 'read committed'",
    `SET statement_timeout = ${STATEMENT_MS}`,
    "SET plan_cache_mode = force_generic_plan",
    "SET jit = off",
    ...PLANS.map((kind) => `SET enable_${kind} = off`),
    SETTINGS,
    "SELECT ready() AS version",
  ];
  const results = (await client.query(statements.join("; "))) as unknown as readonly QueryResult[];
  checkSettings(results.at(-2)?.rows[0] as Settings | undefined, durability);
  checkVersion((results.at(-1)?.rows[0] as { readonly version: number } | undefined)?.version ?? 0, prefix);
}
