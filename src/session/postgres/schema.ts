import type { Client } from "pg";
import { GreenticError } from "../../types/index.ts";
import type { PostgresLibrary } from "./library.ts";
import { UPGRADES } from "./library.ts";

/** The schemas of a store: its tables', and the functions' of this version of the program. */
export function schemasOf(prefix: string, { version }: PostgresLibrary): readonly [tables: string, functions: string] {
  return [`"${prefix}"`, `"${prefix}_${version}"`];
}

/**
 * Makes or upgrades a store's tables and gives it this version's functions, in one transaction that other hosts wait for. An upgrade
 * takes away the functions of all earlier versions, so that hosts of such a version stop instead of going on over other tables.
 * @throws STORE_SCHEMA_NEWER; what the server answers
 */
export async function install(client: Client, prefix: string, library: PostgresLibrary): Promise<void> {
  const [tables, functions] = schemasOf(prefix, library);
  await client.query("BEGIN");
  try {
    await client.query("SET LOCAL statement_timeout = 0");
    await client.query("SELECT pg_advisory_xact_lock(hashtextextended('greentic install ' || $1, 0))", [prefix]);
    await client.query(`SET LOCAL search_path = ${tables}`);
    if (!(await isThere(client, "to_regnamespace", tables))) await client.query(`CREATE SCHEMA ${tables}`);
    if (!(await isThere(client, "to_regclass", `${tables}.meta`))) {
      await client.query("CREATE TABLE meta (version integer NOT NULL); INSERT INTO meta VALUES (0)");
      await client.query("CREATE TABLE library (name text PRIMARY KEY)");
    }
    await upgrade(client, prefix);
    if (!(await isThere(client, "to_regnamespace", functions))) {
      await client.query(`CREATE SCHEMA ${functions}`);
      await client.query(`SET LOCAL search_path = ${functions}, ${tables}; ${library.code}`);
      await client.query(`INSERT INTO library (name) VALUES ('${functions}') ON CONFLICT DO NOTHING`);
    }
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => undefined);
    throw error;
  }
}

async function upgrade(client: Client, prefix: string): Promise<void> {
  const { rows } = await client.query<{ readonly version: number }>("SELECT version FROM meta");
  const from = rows[0]?.version ?? 0;
  checkVersion(from, prefix);
  if (from === UPGRADES.length) return;
  for (const step of UPGRADES.slice(from)) await client.query(step);
  await client.query("UPDATE meta SET version = $1", [UPGRADES.length]);
  const old = await client.query<{ readonly name: string }>("DELETE FROM library RETURNING name");
  for (const { name } of old.rows) await client.query(`DROP SCHEMA IF EXISTS ${name} CASCADE`);
}

/** @throws STORE_SCHEMA_NEWER */
export function checkVersion(version: number, prefix: string): void {
  if (version <= UPGRADES.length) return;
  throw new GreenticError(
    "STORE_SCHEMA_NEWER",
    `Open PostgreSQL store "${prefix}": expected schema version ${UPGRADES.length} or older, got ${version}`,
  );
}

async function isThere(client: Client, how: "to_regnamespace" | "to_regclass", name: string): Promise<boolean> {
  const { rows } = await client.query<{ readonly found: boolean }>(`SELECT ${how}($1) IS NOT NULL AS found`, [name]);
  return rows[0]?.found === true;
}
