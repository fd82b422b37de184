import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { GreenticError, quote } from "../types/index.ts";
import { storeFailure } from "./sqlite-failure.ts";
import { restoreLog } from "./sqlite-kept-log.ts";
import { isSmall, structureFault } from "./sqlite-scrub.ts";
import { defineRowSum, MARK_SQL, SUMMED, sumSql2 } from "./sqlite-sum.ts";
import type { SummedTable } from "./sqlite-sum.ts";

/** "GTCS": marks the file as a session store. */
const APPLICATION_ID = 0x47544353;

// A flush writes each page that changed, so what a turn writes is kept together: inbox, answers and outbox grow at their end, in the
// order of arrival. What a session keeps is keyed by the id of its row, which it has only while it keeps something; a key of 60 to
// 100 bytes is stored there once. `session` is the only table that grows with the number of waiting sessions. The outbox has no index by id but of what was given up or is in doubt: one of all rows would cost
// each turn a third of its time.
const VERSION_1 = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE channel (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE delivery (
  channel INTEGER NOT NULL, dedupe TEXT NOT NULL, expires INTEGER NOT NULL, ord INTEGER NOT NULL, log_index INTEGER,
  PRIMARY KEY (channel, dedupe)) WITHOUT ROWID;
CREATE TABLE answer (ord INTEGER PRIMARY KEY, expires INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE session (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, expires INTEGER, has_state INTEGER NOT NULL DEFAULT 0, body TEXT);
CREATE TABLE inbox (
  ord INTEGER PRIMARY KEY, key TEXT NOT NULL, dedupe TEXT NOT NULL, forget INTEGER NOT NULL, received INTEGER NOT NULL,
  trace TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE state (
  session INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (session, key)) WITHOUT ROWID;
CREATE TABLE timer (
  session INTEGER NOT NULL, once TEXT NOT NULL, due INTEGER NOT NULL, payload TEXT NOT NULL,
  PRIMARY KEY (session, once)) WITHOUT ROWID;
CREATE INDEX timer_due ON timer (due, session);
CREATE TABLE step (
  session INTEGER NOT NULL, turn INTEGER NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (session, turn, seq)) WITHOUT ROWID;
CREATE TABLE outbox (
  ord INTEGER PRIMARY KEY, id TEXT NOT NULL, key TEXT NOT NULL, status INTEGER NOT NULL, attempts INTEGER NOT NULL,
  was_unknown INTEGER NOT NULL, not_before INTEGER NOT NULL, created INTEGER NOT NULL, ended INTEGER, provider TEXT NOT NULL,
  sink TEXT NOT NULL, trace TEXT NOT NULL, error TEXT, receipt TEXT, payload TEXT NOT NULL);
CREATE INDEX outbox_given_up ON outbox (id) WHERE status >= 3;
CREATE TABLE dead_letter (
  ord INTEGER PRIMARY KEY, key TEXT NOT NULL, reason TEXT NOT NULL, died INTEGER NOT NULL, dedupe TEXT NOT NULL,
  received INTEGER NOT NULL, trace TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE conversation (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, touched INTEGER NOT NULL);
CREATE TABLE log (
  conversation INTEGER NOT NULL, idx INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (conversation, idx)) WITHOUT ROWID;
INSERT INTO meta VALUES ('sequence', 1);
`;

// The turns that operators are shown form a chain a session, newest first, so that they too grow at the end of their table and need
// no index: `journal` of the session names the newest, each names the one before. The session's row stays as long as there is a
// journal or a log, since it's the only trace of whose they are. `opening` tells how often the file was opened after a process that
// didn't close it, and from which number on.
const VERSION_2 = `
ALTER TABLE session ADD COLUMN journal INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN turns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE answer ADD COLUMN key TEXT;
CREATE TABLE journal (
  ord INTEGER PRIMARY KEY, session INTEGER NOT NULL, before INTEGER NOT NULL, n INTEGER NOT NULL, revision INTEGER NOT NULL,
  at INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE opening (ord INTEGER PRIMARY KEY, at INTEGER NOT NULL);
INSERT INTO meta VALUES ('is_open', 0);
${sums()}`;

/** SQL: gives every table a column for its rows' checksums, and the rows that are there theirs. */
function sums(): string {
  const tables = Object.keys(SUMMED) as SummedTable[];
  const added = tables.map(
    (table) => `ALTER TABLE ${table} ADD COLUMN sum INTEGER; UPDATE ${table} SET sum = ${sumSql2(table)};`,
  );
  return [...added, `ALTER TABLE outbox ADD COLUMN mark INTEGER; UPDATE outbox SET mark = ${MARK_SQL};`].join("\n");
}

// How long a log keeps each entry (null: as long as the log), what it counts on from where none is left, and when each entry was
// made: of those that are there, when the last one was, which the file knows to the hour. Rows that are damaged stay so.
const VERSION_3 = `
ALTER TABLE conversation ADD COLUMN keep INTEGER;
ALTER TABLE conversation ADD COLUMN base INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
UPDATE log SET at = c.touched + 3600000, sum = row_sum(conversation, idx, body, c.touched + 3600000)
FROM conversation c WHERE c.id = log.conversation AND log.sum = ${sumSql2("log")};
UPDATE conversation SET sum = row_sum(id, key, touched, keep, base) WHERE sum = ${sumSql2("conversation")};
`;

/** Brings a file from version `index` to `index + 1`; never changed once released, only added to. */
const UPGRADES: readonly string[] = [VERSION_1, VERSION_2, VERSION_3];

/**
 * Opens a store's file, made or upgraded as needed, for this process alone. The write-ahead log is flushed at each commit; no
 * shared memory is used, as the exclusive lock keeps every other process out. Frames of the log carry SQLite's checksums, so a
 * torn tail is cut off at the last whole commit; `cell_size_check` refuses pages of impossible structure.
 * @throws STORE_UNAVAILABLE, STORE_READ_ONLY, STORE_SCHEMA_NEWER, STORE_DATA_CORRUPT
 */
export function openDatabase(file: string): DatabaseSync {
  const doing = `Open session store ${quote(file)}`;
  let db: DatabaseSync | undefined;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    // It holds what people wrote: nobody else's to read, whatever the directory allows. SQLite gives its log the same mode.
    closeSync(openSync(file, "a", 0o600));
    restoreLog(file);
    db = new DatabaseSync(file, { timeout: 0 });
    defineRowSum(db);
    db.exec(
      "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY;",
    );
    checkVersion(db, doing);
    // What is deleted is overwritten: it costs nothing measurable, and little is left over for an erasure to find.
    db.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32768; PRAGMA secure_delete=ON;");
    db.exec("PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=33554432;");
    const fault = isSmall(db) ? structureFault(db) : undefined;
    if (fault !== undefined) throw new GreenticError("STORE_DATA_CORRUPT", `${doing}: ${fault}`);
    upgrade(db);
    checkTables(db, doing);
    syncDirectory(dirname(file));
    return db;
  } catch (error) {
    db?.close();
    throw storeFailure(error, doing);
  }
}

function checkVersion(db: DatabaseSync, doing: string): void {
  const version = pragma(db, "user_version");
  const application = pragma(db, "application_id");
  const tables = Number(db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"]);
  if (application !== APPLICATION_ID && (application !== 0 || tables > 0)) {
    throw new GreenticError("STORE_DATA_CORRUPT", `${doing}: it is a database of another kind`);
  }
  if (version > UPGRADES.length) {
    throw new GreenticError(
      "STORE_SCHEMA_NEWER",
      `${doing}: expected schema version ${UPGRADES.length} or older, got ${version}`,
    );
  }
}

/** A file that says it is of this version and has other tables was made by an unreleased build, or damaged. */
function checkTables(db: DatabaseSync, doing: string): void {
  const there = schemaOf(db);
  using fresh = freshSchema();
  for (const [name, sql] of schemaOf(fresh.db)) {
    const state = there.has(name) ? "is not as it was made" : "is missing";
    if (there.get(name) !== sql)
      throw new GreenticError("STORE_DATA_CORRUPT", `${doing}: table ${quote(name)} ${state}`);
  }
}

function freshSchema(): { readonly db: DatabaseSync } & Disposable {
  const db = new DatabaseSync(":memory:");
  defineRowSum(db);
  upgrade(db);
  return { db, [Symbol.dispose]: () => db.close() };
}

function schemaOf(db: DatabaseSync): Map<string, string> {
  const rows = db.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema").all();
  return new Map(rows.map((row) => [String(row["name"]), JSON.stringify(row)]));
}

function upgrade(db: DatabaseSync): void {
  for (let version = pragma(db, "user_version"); version < UPGRADES.length; version++) {
    db.exec(
      `BEGIN IMMEDIATE; ${UPGRADES[version]} PRAGMA application_id=${APPLICATION_ID}; PRAGMA user_version=${version + 1}; COMMIT;`,
    );
  }
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}

/** A new file is only as durable as its name in the directory. */
function syncDirectory(dir: string): void {
  const fd = openSync(dir, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
