import { mkdtempSync, rmSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { entryOf, KEY, keyOf, recordOf, rowOf, turnOf } from "../../conformance/session-store/fixtures.ts";
import type { SessionKeyText } from "../types/index.ts";
import { leaseOf, rawIngress, rawTurn } from "./sqlite-codec.ts";
import type { RawAccepted, RawCall, RawLease } from "./sqlite-protocol.ts";
import { openDatabase } from "./sqlite-schema.ts";
import { SqliteWriter } from "./sqlite-writer.ts";
import type { Lease, TurnCommit } from "./store.ts";

const root = mkdtempSync(join(tmpdir(), "greentic-writer-"));
afterAll(() => rmSync(root, { recursive: true }));
const clock = { nowMs: 1_800_000_000_000, monotonicMs: 0 };

function openWriter(): { readonly db: DatabaseSync; readonly writer: SqliteWriter } & Disposable {
  const db = openDatabase(join(mkdtempSync(join(root, "db-")), "sessions.db"));
  const writer = new SqliteWriter(db, clock.nowMs);
  return { db, writer, [Symbol.dispose]: () => db.isOpen && writer.close() };
}

const accept = (name: string, key: SessionKeyText = KEY, text = ""): RawCall => {
  const entry = entryOf(name, { key });
  const raw = rawIngress({ ...entry, envelope: { ...entry.envelope, text } }, { worker: "w" });
  return ["accept", [raw]];
};
const commit = (lease: Lease, extra: Partial<TurnCommit> = {}): RawCall => [
  "commit",
  [rawTurn(lease, turnOf(lease, extra), false)],
];
const read = (key: SessionKeyText = KEY): RawCall => ["read", [key]];

function granted(result: unknown, name: string, key: SessionKeyText = KEY): Lease {
  const [, , lease] = result as RawAccepted;
  if (lease === undefined) throw new Error("expected a lease");
  return leaseOf(lease, "w", entryOf(name, { key }));
}

/** Lets the file not grow by more than some pages, as a disk does that is full. */
function limitPages(db: DatabaseSync, more: number): void {
  const pages = Number(db.prepare("PRAGMA page_count").get()?.["page_count"]);
  db.exec(`PRAGMA max_page_count=${pages + more}`);
}

test("run() answers refusals beside the answers of their neighbours, in one transaction", () => {
  using opened = openWriter();
  const { writer } = opened;
  const other = keyOf({ conversation: "c2" });
  const first = writer.run(
    [
      accept("m1"),
      accept("m1"),
      accept("m2", other),
      ["commit", [rawTurn(fakeLease(), turnOf(fakeLease()), false)]],
      read(),
    ],
    clock,
  );
  expect(first.results.slice(0, 4).map((result) => (result as RawAccepted | undefined)?.[0])).toEqual([
    true,
    false,
    true,
    undefined,
  ]);
  expect(first.failures).toEqual([
    { index: 3, code: "STORE_FENCE_STALE", message: expect.stringContaining("fence 0 is stale") },
  ]);
  expect(first.results[4]).toMatchObject([KEY, null, 1]);
});

test("run() lets a call that the disk has no room for fail alone, and the store resumes when there is room", () => {
  using opened = openWriter();
  const { db, writer } = opened;
  const other = keyOf({ conversation: "c2" });
  const [first] = writer.run([accept("m1")], clock).results;
  const lease = granted(first, "m1");
  limitPages(db, 8);
  const large = "x".repeat(200_000);
  const answers = writer.run(
    [
      accept("small", other),
      accept("large", keyOf({ conversation: "c3" }), large),
      commit(lease, { outbox: [rowOf("r1")] }),
      read(),
    ],
    clock,
  );
  expect(answers.failures).toEqual([
    { index: 1, code: "STORE_READ_ONLY", message: "Write session store: the disk is full" },
  ]);
  // The neighbours' work was done over, with the leases as they were before.
  expect((answers.results[0] as RawAccepted)[2]?.[0]).toBe(other);
  expect(answers.results[3]).toMatchObject([KEY, expect.stringContaining('"revision":1'), 0]);

  db.exec("PRAGMA max_page_count=1000000");
  const again = writer.run(
    [accept("large", keyOf({ conversation: "c3" }), large), ["claimSends", ["s", 9, 1_000]]],
    clock,
  );
  expect(again.failures).toBeUndefined();
  expect((again.results[0] as RawAccepted)[0]).toBe(true);
  expect(again.results[1]).toMatchObject([{ id: "r1" }]);
});

test("run() refuses writes untried for a moment when many found the disk full, and reads go on", () => {
  using opened = openWriter();
  const { db, writer } = opened;
  writer.run([accept("m1")], clock);
  limitPages(db, 0);
  const large = Array.from({ length: 6 }, (_, n) =>
    accept(`large-${n}`, keyOf({ conversation: `c${n}` }), "x".repeat(100_000)),
  );
  const full = writer.run([...large, read()], clock);
  expect(full.failures?.map(({ code }) => code)).toEqual(Array.from({ length: 6 }, () => "STORE_READ_ONLY"));
  expect(full.results[6]).toMatchObject([KEY, null, 1]);
  db.exec("PRAGMA max_page_count=1000000");
  expect(writer.run([accept("m2"), read()], clock).failures).toMatchObject([{ index: 0, code: "STORE_READ_ONLY" }]);
  expect(writer.run([accept("m2")], { ...clock, monotonicMs: 500 }).failures).toBeUndefined();
});

test("run() keeps leases, claims and unread messages through a failed transaction", () => {
  using opened = openWriter();
  const { db, writer } = opened;
  const [first] = writer.run([accept("m1")], clock).results;
  writer.run([commit(granted(first, "m1"), { outbox: [rowOf("r1"), rowOf("r2")] })], clock);
  const [second] = writer.run([accept("m2"), ["claimSends", ["s", 9, 1_000]]], clock).results;
  const lease = granted(second, "m2");
  limitPages(db, 0);
  const full = writer.run([accept("m3", KEY, "x".repeat(500_000))], clock);
  expect(full.failures).toMatchObject([{ code: "STORE_READ_ONLY" }]);
  db.exec("PRAGMA max_page_count=1000000");
  // The claim stands, so nobody else gets the row; the lease stands, so its turn commits; the message that failed is not there.
  const claim = { id: "r1", conversation: KEY.slice(0, KEY.lastIndexOf(":")), order: 0, attempts: 0, sender: "s" };
  const [claims, rows] = writer.run(
    [
      ["claimSends", ["s2", 9, 1_000]],
      ["listOutbox", [{ tenant: undefined, limit: 9 }, undefined]],
    ],
    clock,
  ).results;
  expect(claims).toEqual([]);
  const order = (rows as { readonly ord: number; readonly id: string }[]).find(({ id }) => id === "r1")?.ord ?? -1;
  const after = writer.run([["beginSend", [{ ...claim, order }]], commit(lease), accept("m3"), read()], clock);
  expect(after.failures).toBeUndefined();
  expect((after.results[2] as RawAccepted)[0]).toBe(true);
  expect(after.results[3]).toMatchObject([KEY, expect.stringContaining('"revision":2'), 1]);
});

test("run() shuts the store for good when a flush fails", () => {
  const dir = mkdtempSync(join(root, "db-"));
  const db = openDatabase(join(dir, "sessions.db"));
  let isBroken = false;
  const prepare = db.prepare.bind(db);
  db.prepare = (sql, options) => {
    const statement = prepare(sql, options);
    if (sql !== "COMMIT") return statement;
    const run = statement.run.bind(statement);
    statement.run = (...values: never[]) => {
      // What node:sqlite throws for SQLITE_IOERR_FSYNC.
      if (isBroken) throw Object.assign(new Error("disk I/O error"), { code: "ERR_SQLITE_ERROR", errcode: 1034 });
      return run(...values);
    };
    return statement;
  };
  const writer = new SqliteWriter(db, clock.nowMs);
  expect(writer.run([accept("m1")], clock).failures).toBeUndefined();
  isBroken = true;
  const down = (index: number): unknown => ({
    index,
    code: "STORE_DISK_FAILED",
    message: expect.stringContaining("Write session store"),
  });
  expect(writer.run([accept("m2"), read()], clock).failures).toEqual([down(0), down(1)]);
  isBroken = false;
  expect(writer.run([read()], clock).failures).toEqual([down(0)]);
  db.close();
});

test("a waiting session takes at most 2 KB, however many turns it had", () => {
  using opened = openWriter();
  const { db, writer } = opened;
  const keys = Array.from({ length: 1_000 }, (_, n) => keyOf({ conversation: `conversation-${n}`, user: `user-${n}` }));
  const bytes = (): number =>
    Number(
      db
        .prepare(
          `SELECT sum(pgsize) AS bytes FROM dbstat
           WHERE name NOT IN ('delivery', 'outbox', 'outbox_given_up', 'log', 'conversation', 'sqlite_schema')`,
        )
        .get()?.["bytes"],
    );
  const round = (n: number): void => {
    const accepted = writer.run(
      keys.map((key, k) => accept(`${n}-${k}`, key)),
      clock,
    ).results;
    const commits = accepted.map((result, k) => {
      const lease = granted(result, `${n}-${k}`, keys[k]);
      const snapshot = {
        frames: [{ flow: "returns", node: "ask-order-number", answers: { name: "Ann", reason: "too small" } }],
        prev: { text: "Which order is it about?" },
      };
      return commit(lease, {
        session: recordOf(n, { snapshot }),
        state: ["name", "order", "reason"].map((key) => ({ key: `flow/${key}`, value: `value of ${key}` })),
        timersDone: ["timeout"],
        timersNew: [{ onceKey: "timeout", dueAtMs: clock.nowMs + 60_000 + n, payload: { node: "remind" } }],
        outbox: [rowOf(`${n}-${k}`)],
        log: ["hello"],
      });
    });
    expect(writer.run(commits, clock).failures).toBeUndefined();
  };
  round(1);
  const after1 = bytes() / keys.length;
  for (let n = 2; n <= 8; n++) round(n);
  const after8 = bytes() / keys.length;
  expect(after1).toBeLessThanOrEqual(2_048);
  expect(after8).toBeLessThanOrEqual(2_048);
  expect(after8).toBeLessThanOrEqual(after1 * 1.25);
});

function fakeLease(): Lease {
  const raw: RawLease = [KEY, 0, null, [], undefined, undefined, undefined, 0];
  return leaseOf(raw, "w");
}
