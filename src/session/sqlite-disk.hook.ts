// Loaded before the test's process and its threads: makes a flush fail as a disk does, at the statement that its address names, the n-th time.
import { DatabaseSync } from "node:sqlite";
import type { StatementSync } from "node:sqlite";

const [statement = "", at = ""] = decodeURIComponent(new URL(import.meta.url).search.slice(1)).split("@");
type Prepare = (this: DatabaseSync, sql: string) => StatementSync;
const prepare: Prepare = Reflect.get(DatabaseSync.prototype, "prepare");
let count = 0;

DatabaseSync.prototype.prepare = function (this: DatabaseSync, sql: string): StatementSync {
  const prepared = prepare.call(this, sql);
  if (sql !== statement) return prepared;
  for (const name of ["run", "get"] as const) {
    const original = prepared[name].bind(prepared);
    prepared[name] = ((...values: never[]) => {
      // SQLITE_IOERR_FSYNC, as node:sqlite throws it. Once: the next flush would succeed, as the kernel has it.
      if (++count === Number(at))
        throw Object.assign(new Error("disk I/O error"), { code: "ERR_SQLITE_ERROR", errcode: 1034 });
      return original(...values);
    }) as never;
  }
  return prepared;
};
