import { array, assert, constantFrom, integer, property } from "fast-check";
import { expect, test } from "vitest";
import { MemoryRecords, memorySpace } from "../../../conformance/memory-space.ts";
import type { FaultPlan } from "../../../conformance/memory-space.ts";
import {
  entryOf,
  KEY,
  leaseOf,
  ManualWorld,
  recordOf,
  rowOf,
  turnOf,
} from "../../../conformance/session-store/fixtures.ts";
import { verifies } from "../../../test/verifies.ts";
import { envId, tenantId } from "../../types/index.ts";
import { conversationOf, LEASE_TTL_MS } from "../store.ts";
import type { SessionStore, TurnCommit } from "../store.ts";
import { openRecordStore } from "./record-store.ts";
import { cut, spillOf, withoutSpill } from "./spill.ts";

const CONVERSATION = conversationOf(KEY);
/** Rows of one commit, more than fit into one write with all that belongs to them. */
const ROWS = 130;
const LARGE = "grüß dich 👋".repeat(6_000);
/** Narrower than any database is, so that less is large. */
const LIMITS = { changes: 100, bytes: 400_000, recordBytes: 39_000 };

function openOver(records: MemoryRecords, world: ManualWorld, fault?: FaultPlan): SessionStore {
  const space = memorySpace(records, fault === undefined ? { limits: LIMITS } : { limits: LIMITS, fault });
  return openRecordStore(space, { world, clock: "world" });
}

/** A turn that no database of records takes in one write. */
function largeTurn(revision: number): Partial<TurnCommit> {
  return {
    session: recordOf(revision, { snapshot: { text: LARGE, revision } }),
    state: [
      { key: "flow/a", value: `${revision} ${LARGE}` },
      { key: "flow/b", value: LARGE },
    ],
    outbox: Array.from({ length: ROWS }, (_, n) => rowOf(`${revision}-${n}`, n === 7 ? { payload: LARGE } : {})),
    log: [`${revision}`, LARGE, ...Array.from({ length: 120 }, (_, n) => n)],
    journal: [revision, LARGE],
  };
}

/** Parts that no record refers to. */
function orphans({ records }: MemoryRecords): string[] {
  const used = new Set([...records.values()].flatMap(({ body }) => spillOf(body)?.name ?? []));
  const parts = [...records.values()].flatMap(({ partition }) =>
    partition.startsWith("k:") ? partition.slice(2) : [],
  );
  return parts.filter((name) => !used.has(name));
}

test("what is larger than a record or a write can be is kept as it is, and goes without a trace", async () => {
  verifies("stores.records.parts");
  const world = new ManualWorld();
  const records = new MemoryRecords();
  await using store = openOver(records, world);
  const envelope = { ...entryOf("m1").envelope, text: LARGE };
  for (const name of ["m1", "m2", "m3", "m4", "m5"]) await store.accept(entryOf(name, { envelope, log: LARGE }));
  const lease = await leaseOf(store);
  expect(lease.inbox.every((entry) => entry.envelope.text === LARGE)).toBe(true);
  const step = { turn: 1, seq: 0, node: "n", inputHash: "h", outcome: LARGE };
  await store.record(lease, step);
  expect(await store.record(lease, { ...step, outcome: 1 })).toEqual(step);
  const answers = lease.inbox.slice(1).map(({ order }) => ({ order, answer: LARGE }));
  const deadLetters = lease.inbox.slice(0, 2).map(({ order }) => ({ order, reason: "X" }));
  await store.commit(lease, turnOf(lease, { ...largeTurn(1), answers, deadLetters }));
  expect(orphans(records)).toEqual([]);
  for (const record of records.records.values())
    expect(Buffer.byteLength(record.body)).toBeLessThan(LIMITS.recordBytes);

  await using other = openOver(records, world);
  expect((await other.read(KEY))?.session?.snapshot).toEqual({ text: LARGE, revision: 1 });
  expect((await other.listDeadLetters({})).map((letter) => letter.envelope.text === LARGE)).toEqual([true, true]);
  expect(await other.accept(entryOf("m2"))).toMatchObject({ kind: "duplicate", answer: LARGE });
  expect((await other.readJournal(KEY, { limit: 1 }))[0]?.turn).toEqual([1, LARGE]);
  const rows = await other.listOutbox({ limit: 1_000 });
  expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: ROWS }, (_, n) => `1-${ROWS - 1 - n}`));
  const log = await other.readLog(CONVERSATION, { after: 4, limit: 2 });
  expect(log.map(({ activity }) => activity)).toEqual(["1", LARGE]);
  for (let n = 0; n < 10; n++) {
    const [row] = await other.claimSends("s1", { limit: 1 });
    if (row === undefined) throw new Error("expected a row");
    expect(row.payload).toEqual(n === 7 ? LARGE : { text: `1-${n}` });
    await other.beginSend(row, "s1");
    await other.endSend(row, "s1", { kind: "sent" });
  }
  expect(await other.retrySend(`1-${ROWS - 1}`)).toBe(false);
  expect(await other.abandonSend(`1-${ROWS - 1}`)).toBe(true);
  expect(orphans(records)).toEqual([]);

  const erased = await store.erase({ env: envId("prod"), tenant: tenantId("acme") });
  expect(erased).toEqual({ sessions: 1, deadLetters: 2, rows: ROWS, logs: 1 });
  expect([...records.records.values()].filter(({ partition }) => partition.startsWith("k:"))).toEqual([]);
  expect([...records.records.values()].some(({ body }) => body.includes("grüß"))).toBe(false);
});

test("a commit of many rows refuses the id of a row that is yet to be sent", async () => {
  await using store = openOver(new MemoryRecords(), new ManualWorld());
  await store.accept(entryOf("m1"));
  const lease = await leaseOf(store);
  const kept = await store.commit(lease, turnOf(lease, { ...largeTurn(1), consumed: [] }), { keep: true });
  if (kept === undefined) throw new Error("expected to keep the lease");
  const outbox = [...(largeTurn(2).outbox ?? []), rowOf("1-99")];
  await expect(store.commit(kept, turnOf(kept, { outbox }))).rejects.toMatchObject({ code: "STORE_ROW_DUPLICATE" });
  expect(await store.listOutbox({ limit: 1_000 })).toHaveLength(ROWS);
});

test("a session with more unread messages than one write can drop goes whole", async () => {
  const world = new ManualWorld();
  const records = new MemoryRecords();
  await using store = openOver(records, world);
  for (let n = 0; n < 250; n++) await store.accept(entryOf(`m${n}`));
  expect(await store.end(KEY)).toBe(true);
  expect([...records.records.values()].filter(({ sort }) => sort.startsWith("i"))).toEqual([]);
  await store.accept(entryOf("new"));
  expect((await leaseOf(store)).inbox.map(({ dedupeKey }) => dedupeKey)).toEqual(["new"]);
});

test(
  "a process that ends at any write of a large turn leaves the turn whole or not at all",
  { timeout: 60_000 },
  async () => {
    verifies("stores.records.parts");
    let writes = Number.POSITIVE_INFINITY;
    for (let at = 0; at < writes; at++) {
      for (const fault of ["before", "after"] as const) {
        const world = new ManualWorld();
        const records = new MemoryRecords();
        await using store = openOver(records, world);
        await store.accept(entryOf("m1"));
        const first = await leaseOf(store);
        await store.commit(first, turnOf(first, largeTurn(1)));
        await store.accept(entryOf("m2"));

        // Writes of the turn so far; the lease has its own.
        let n = Number.NEGATIVE_INFINITY;
        let isDead = false;
        const { promise: ended, resolve: end } = Promise.withResolvers<boolean>();
        const dying = openOver(records, world, (request) => {
          if (!isDead && (request !== "write" || n++ !== at)) return undefined;
          const isLast = !isDead && fault === "after";
          isDead = true;
          if (isLast) return "unanswered";
          end(false);
          return new Promise(() => undefined);
        });
        const lease = await leaseOf(dying);
        n = 0;
        const committed = dying.commit(lease, turnOf(lease, largeTurn(2)));
        if (await Promise.race([committed.then(() => true), ended])) writes = at;

        world.advance(LEASE_TTL_MS);
        const revision = (await store.read(KEY))?.session?.revision ?? 0;
        const rows = await store.listOutbox({ limit: 1_000 });
        const log = await store.readLog(CONVERSATION, { after: -1, limit: 1_000 });
        expect(rows).toHaveLength(revision * ROWS);
        expect(log).toHaveLength(revision * 122);
        expect(await store.readJournal(KEY, { limit: 9 })).toHaveLength(revision);
        const unread = (await store.read(KEY))?.unread ?? 0;
        expect(unread).toBe(2 - revision);
        if (unread > 0) {
          const again = await leaseOf(store, KEY, "w2");
          expect(again.state.get("flow/a")).toBe(`1 ${LARGE}`);
          await store.commit(again, turnOf(again, largeTurn(2)));
        }
        const [row] = await store.claimSends("s1", { limit: 1 });
        expect(row?.id).toBe("1-0");
        for (let sweeps = 0; sweeps < 3; sweeps++) {
          world.advance(3_600_000);
          await store.sweep(world.nowMs());
        }
        expect(orphans(records)).toEqual([]);
        expect((await store.listOutbox({ limit: 1_000 })).map(({ id }) => id)).toContain(`2-${ROWS - 1}`);
      }
    }
    expect(writes).toBeGreaterThan(5);
  },
);

test("cut() makes parts that are small enough and together the same", () => {
  assert(
    property(array(constantFrom("a", "ß", "€", "👋")), integer({ min: 6, max: 40 }), (characters, bytes) => {
      const body = characters.join("");
      const parts = cut(body, bytes);
      expect(parts.map(withoutSpill).join("")).toBe(body);
      expect(parts.every((part) => Buffer.byteLength(part) <= bytes)).toBe(true);
    }),
  );
});
