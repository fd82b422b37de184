import { GreenticError } from "../../types/index.ts";

const VERSION = 140_000;

/** What a server tells of itself, as it answers a connection's user. */
export interface Settings {
  readonly version: number;
  readonly is_standby: boolean;
  readonly encoding: string;
  readonly fsync: string;
  readonly full_page_writes: string;
  readonly synchronous_commit: string;
  readonly is_read_only: string;
}

/** Asks for them. */
export const SETTINGS = `SELECT current_setting('server_version_num')::integer AS version, pg_is_in_recovery() AS is_standby,
  current_setting('server_encoding') AS encoding, current_setting('fsync') AS fsync,
  current_setting('full_page_writes') AS full_page_writes, current_setting('synchronous_commit') AS synchronous_commit,
  current_setting('default_transaction_read_only') AS is_read_only`;

/**
 * Holds a server to what a store needs. @throws STORE_SERVER_UNFIT, STORE_DURABILITY_WEAK;
 * an Error where it is a standby: the one to write to is another
 */
export function checkSettings(found: Settings | undefined, durability: "strict" | "relaxed"): void {
  if (found === undefined) throw new Error("no settings");
  if (found.version < VERSION) {
    throw unfit(`expected version ${VERSION / 10_000} or newer, got ${Math.floor(found.version / 10_000)}`);
  }
  if (found.encoding !== "UTF8") throw unfit(`expected a database in encoding UTF8, got ${found.encoding}`);
  // It may be about to take over, or somebody else has.
  if (found.is_standby || found.is_read_only === "on") throw new Error("the server takes no writes");
  if (durability === "relaxed") return;
  for (const name of ["fsync", "full_page_writes"] as const) {
    if (found[name] !== "on") throw weak(`expected ${name} "on", got "${found[name]}"`);
  }
  if (!["on", "remote_apply"].includes(found.synchronous_commit)) {
    throw weak(`expected synchronous_commit "on" or "remote_apply", got "${found.synchronous_commit}"`);
  }
}

function weak(state: string): GreenticError {
  return new GreenticError("STORE_DURABILITY_WEAK", `Check PostgreSQL server for durability "strict": ${state}`);
}

function unfit(state: string): GreenticError {
  return new GreenticError("STORE_SERVER_UNFIT", `Check PostgreSQL server: ${state}`);
}
