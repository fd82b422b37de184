import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { SQLInputValue } from "node:sqlite";
import { afterAll, expect, test } from "vitest";
import {
  entryOf,
  KEY,
  keyOf,
  leaseOf,
  ManualWorld,
  recordOf,
  runTurn,
  turnOf,
} from "../../conformance/session-store/fixtures.ts";
import { verifies } from "../../test/verifies.ts";
import { tenantId } from "../types/index.ts";
import { conversationOf, openSqliteStore } from "./index.ts";
import { rowSum } from "./sqlite-sum.ts";

/** What the first released version made; kept as it was. */
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

const root = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "greentic-upgrade-"));
afterAll(() => rmSync(root, { recursive: true }));

/** A file as version 1 left it: something in every table, by its statements. */
function makeVersion1(dir: string, nowMs: number): void {
  const db = new DatabaseSync(join(dir, "sessions.db"));
  db.exec("PRAGMA journal_mode=WAL");
  db.exec(`BEGIN; ${VERSION_1} PRAGMA application_id=1196704595; PRAGMA user_version=1; COMMIT`);
  const run = (sql: string, ...values: (string | number | null)[]): void => void db.prepare(sql).run(...values);
  const body = JSON.stringify(recordOf(7));
  const envelope = JSON.stringify(entryOf("m1").envelope);
  run("UPDATE meta SET value = 1048577 WHERE name = 'sequence'");
  run("INSERT INTO channel VALUES (1, 'prod:acme:support:webchat')");
  run("INSERT INTO delivery VALUES (1, 'm0', ?, 4, 0)", nowMs + 10_000);
  run("INSERT INTO answer VALUES (4, ?, '\"hello\"')", nowMs + 10_000);
  run("INSERT INTO session VALUES (3, ?, NULL, 1, ?)", KEY, body);
  run("INSERT INTO inbox VALUES (5, ?, 'm1', 0, ?, '00', ?)", KEY, nowMs, envelope);
  run("INSERT INTO state VALUES (3, 'flow/a', '{\"b\":1}')");
  run("INSERT INTO timer VALUES (3, 't', ?, '\"due\"')", nowMs - 1);
  run(
    "INSERT INTO step VALUES (3, 8, 0, ?)",
    JSON.stringify({ turn: 8, seq: 0, node: "n", inputHash: "h", outcome: 1 }),
  );
  const row = "INSERT INTO outbox VALUES (?, ?, ?, ?, 1, 0, 0, ?, NULL, 'p', 'C', '00', NULL, NULL, '{}')";
  run(row, 6, "sending", KEY, 1, nowMs);
  run(row, 7, "failed", KEY, 3, nowMs);
  run("INSERT INTO dead_letter VALUES (8, ?, 'X', ?, 'm2', ?, '00', ?)", KEY, nowMs, nowMs, envelope);
  run("INSERT INTO conversation VALUES (1, ?, ?)", conversationOf(KEY), nowMs);
  run("INSERT INTO log VALUES (1, 0, '\"said\"')");
  db.close();
}

test("openSqliteStore() upgrades a file of version 1 with all that is in it", async () => {
  verifies("session.upgrade");
  const world = new ManualWorld();
  const dir = mkdtempSync(join(root, "v1-"));
  makeVersion1(dir, world.nowMs());
  const damage: unknown[] = [];
  for (let opening = 0; opening < 2; opening++) {
    await using store = await openSqliteStore({ dir, world, onDamage: (error) => void damage.push(error) });
    expect((await store.list({ tenant: tenantId("acme") })).map(({ key, unread }) => [key, unread])).toEqual([
      [KEY, 1],
    ]);
    expect(await store.accept(entryOf("m0"))).toEqual({ kind: "duplicate", logIndex: 0, answer: "hello" });
    expect((await store.listDeadLetters({})).map(({ order, reason }) => [order, reason])).toEqual([[8, "X"]]);
    expect((await store.listOutbox({})).map(({ id, status, wasUnknown }) => [id, status, wasUnknown])).toEqual([
      ["failed", "failed", false],
      ["sending", "unknown", true],
    ]);
    expect(await store.readLog(conversationOf(KEY), { after: -1, limit: 9 })).toEqual([{ index: 0, activity: "said" }]);
    expect(await store.stats()).toMatchObject({ unread: 1, unknown: 1, failed: 1, deadLetters: 1, sessions: 1 });
  }
  await using store = await openSqliteStore({ dir, world, onDamage: (error) => void damage.push(error) });
  const lease = await leaseOf(store);
  expect(lease).toMatchObject({ session: { revision: 7 }, timers: [{ onceKey: "t", payload: "due" }], attempt: 0 });
  expect(lease.fence).toBeGreaterThan(1_048_576);
  expect(lease.inbox.map(({ dedupeKey }) => dedupeKey)).toEqual(["m1"]);
  expect(lease.state).toEqual(new Map([["flow/a", { b: 1 }]]));
  expect(lease.steps).toMatchObject([{ turn: 8, outcome: 1 }]);
  await store.commit(lease, turnOf(lease, { journal: "first", log: ["next"], logKeepMs: 3_600_000 }));
  expect(await store.readJournal(KEY, { limit: 9 })).toMatchObject([{ revision: 8, turn: "first" }]);
  await store.accept(entryOf("m3", { key: keyOf({ conversation: "new" }) }));
  // When what was there was said is known to the hour.
  const log = async (): Promise<readonly unknown[]> =>
    (await store.readLog(conversationOf(KEY), { after: -1, limit: 9 })).map(({ activity }) => activity);
  expect(await log()).toEqual(["said", "next"]);
  world.advance(2 * 3_600_000);
  expect(await log()).toEqual([]);
  await store.sweep(world.nowMs());
  expect(damage).toEqual([]);
});

test("openSqliteStore() upgrades the logs of a file of version 2, and takes no damage for whole", async () => {
  verifies("session.upgrade");
  const world = new ManualWorld();
  const dir = mkdtempSync(join(root, "v2-"));
  {
    await using store = await openSqliteStore({ dir, world });
    await runTurn(store, { log: ["whole", "damaged"] });
  }
  const db = new DatabaseSync(join(dir, "sessions.db"));
  db.function("row_sum", { varargs: true }, rowSum as (...columns: readonly SQLInputValue[]) => number);
  db.exec(`ALTER TABLE conversation DROP COLUMN keep; ALTER TABLE conversation DROP COLUMN base; ALTER TABLE log DROP COLUMN at;
    UPDATE conversation SET sum = row_sum(id, key, touched); UPDATE log SET sum = row_sum(conversation, idx, body);
    UPDATE log SET body = '"damagad"' WHERE idx = 1; PRAGMA user_version = 2`);
  db.close();
  const damage: string[] = [];
  await using store = await openSqliteStore({ dir, world, onDamage: ({ message }) => void damage.push(message) });
  expect(damage).toEqual([expect.stringMatching(/log of conversation "1", idx "1": its checksum doesn't fit/)]);
  expect(await store.readLog(conversationOf(KEY), { after: -1, limit: 1 })).toEqual([{ index: 0, activity: "whole" }]);
  await expect(store.readLog(conversationOf(KEY), { after: 0, limit: 9 })).rejects.toMatchObject({
    code: "STORE_DATA_CORRUPT",
  });
  await runTurn(store, { log: ["next"], logKeepMs: 60_000 });
  expect(await store.readLog(conversationOf(KEY), { after: 1, limit: 9 })).toEqual([{ index: 2, activity: "next" }]);
});
