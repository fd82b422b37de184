import { expect, test } from "vitest";
import { conversationOf } from "../../src/session/index.ts";
import type { Erasure, OutboxRow, SessionStore } from "../../src/session/index.ts";
import { channelId, conversationId, envId, teamId, tenantId, userId } from "../../src/types/index.ts";
import type { SessionKeyText } from "../../src/types/index.ts";
import type { StoreFactory } from "../session-store.ts";
import { entryOf, KEY, keyOf, leaseOf, ManualWorld, recordOf, rowOf, runTurn, turnOf } from "./fixtures.ts";

const ACME: Erasure = { env: envId("prod"), tenant: tenantId("acme") };

/** Leaves something of a session in every record that a store has. */
async function fill(store: SessionStore, key: SessionKeyText, world: ManualWorld): Promise<void> {
  const name = (what: string): string => `${what} of ${key}`;
  await store.accept(entryOf(name("dead"), { key }));
  const dead = await leaseOf(store, key);
  const order = dead.inbox[0]?.order ?? -1;
  await store.commit(
    dead,
    turnOf(dead, {
      consumed: [],
      deadLetters: [{ order, reason: "X" }],
      answers: [{ order, answer: name("answer") }],
      state: [{ key: "flow/a", value: name("state") }],
      timersNew: [{ onceKey: "t", dueAtMs: world.nowMs() + 3_600_000, payload: name("timer") }],
      outbox: [rowOf(name("row"))],
      log: [name("log")],
      journal: name("journal"),
    }),
  );
  await store.accept(entryOf(name("unread"), { key }));
  const [lease] = await store.lease("w1", { limit: 1, keys: [key] });
  if (lease !== undefined) {
    await store.record(lease, { turn: 2, seq: 0, node: "n", inputHash: "h", outcome: name("step") });
    await store.release(lease);
  }
}

/** Everything of a session that can be read. */
async function traces(store: SessionStore, key: SessionKeyText): Promise<Record<string, boolean>> {
  const answered = await store.accept(entryOf(`dead of ${key}`, { key }));
  expect(answered.kind).toBe("duplicate");
  return {
    session: (await store.read(key)) !== undefined,
    listed: (await store.list({})).some((summary) => summary.key === key),
    row: (await store.listOutbox({})).some((row) => row.key === key),
    dead: (await store.listDeadLetters({})).some((letter) => letter.key === key),
    journal: (await store.readJournal(key, { limit: 1 })).length > 0,
    answer: answered.answer !== undefined,
  };
}

const ALL = { session: true, listed: true, row: true, dead: true, journal: true, answer: true };
const NOTHING = { session: false, listed: false, row: false, dead: false, journal: false, answer: false };

/** Erasing what is kept of people. */
export function eraseContract({ open }: StoreFactory): void {
  const cases: readonly {
    readonly name: string;
    readonly whose: Erasure;
    readonly gone: readonly SessionKeyText[];
    readonly others: readonly SessionKeyText[];
    readonly logs: number;
  }[] = [
    {
      name: "a tenant of one env",
      whose: ACME,
      gone: [KEY, keyOf({ team: "sales" }), keyOf({ user: "ü/:*" })],
      others: [keyOf({ env: "dev" }), keyOf({ tenant: "acme-2" }), keyOf({ tenant: "ac" })],
      logs: 2,
    },
    {
      name: "a team",
      whose: { ...ACME, team: teamId("support") },
      gone: [KEY, keyOf({ channel: "email" })],
      others: [keyOf({ team: "sales" }), keyOf({ team: "support-2" })],
      logs: 2,
    },
    {
      name: "a channel",
      whose: { ...ACME, channel: channelId("webchat") },
      gone: [KEY, keyOf({ team: "sales" })],
      others: [keyOf({ channel: "email" })],
      logs: 2,
    },
    {
      name: "a conversation",
      whose: { ...ACME, team: teamId("support"), channel: channelId("webchat"), conversation: conversationId("c/1:*") },
      gone: [keyOf({ conversation: "c/1:*" }), keyOf({ conversation: "c/1:*", user: "u2" })],
      others: [KEY, keyOf({ conversation: "c/1" })],
      logs: 1,
    },
    {
      name: "a user, whatever the conversation",
      whose: { ...ACME, user: userId("u/1:*") },
      gone: [keyOf({ user: "u/1:*" }), keyOf({ user: "u/1:*", team: "sales", conversation: "c2" })],
      others: [keyOf({ user: "u/1", conversation: "c3" }), keyOf({ tenant: "globex", user: "u/1:*" })],
      logs: 2,
    },
  ];
  for (const { name, whose, gone, others, logs } of cases) {
    test(`erase() leaves nothing of ${name} and everything of others`, async () => {
      const world = new ManualWorld();
      await using store = await open(world);
      for (const key of [...gone, ...others]) await fill(store, key, world);
      const erased = await store.erase(whose);
      expect(erased).toEqual({ sessions: gone.length, deadLetters: gone.length, rows: gone.length, logs });
      for (const key of gone) {
        expect(await traces(store, key)).toEqual(NOTHING);
        expect(await store.readLog(conversationOf(key), { after: -1, limit: 9 })).toEqual([]);
      }
      for (const key of others) {
        expect(await traces(store, key)).toEqual(ALL);
        expect(await store.readLog(conversationOf(key), { after: -1, limit: 9 })).toHaveLength(1);
      }
      expect(await store.erase(whose)).toEqual({ sessions: 0, deadLetters: 0, rows: 0, logs: 0 });
      world.advance(3_600_000);
      const leases = await store.lease("w1", { limit: 99 });
      expect(leases.map(({ key }) => key).sort()).toEqual(others.toSorted());
      const claimed = await store.claimSends("s1", { limit: 99 });
      expect(claimed.every(({ key }) => others.includes(key))).toBe(true);
      // And an erased session begins anew.
      const key = gone[0] ?? KEY;
      await store.accept(entryOf("new", { key }));
      const lease = await leaseOf(store, key);
      expect(lease).toMatchObject({ session: undefined, steps: [], timers: [] });
      expect(lease.inbox).toHaveLength(1);
      expect(lease.state.size).toBe(0);
    });
  }

  test("erase() finds the log of a user whose session has ended", async () => {
    await using store = await open(new ManualWorld());
    await runTurn(store, { log: ["over"], session: null });
    await runTurn(store, { log: ["ended"] }, keyOf({ conversation: "c2" }));
    await store.end(keyOf({ conversation: "c2" }));
    expect(await store.erase({ ...ACME, user: userId("u1") })).toMatchObject({ sessions: 0, logs: 2 });
    expect(await store.readLog(conversationOf(KEY), { after: -1, limit: 9 })).toEqual([]);
  });

  test("erase() turns leases stale", async () => {
    await using store = await open(new ManualWorld());
    await store.accept(entryOf("m1"));
    const lease = await leaseOf(store);
    await store.erase(ACME);
    await expect(store.commit(lease, turnOf(lease))).rejects.toMatchObject({ code: "STORE_FENCE_STALE" });
    expect(await store.renew(lease, 1_000)).toBe(false);
    expect(await store.read(KEY)).toBeUndefined();
  });

  test("erase() lets a send end that is under way, and what comes after it goes out", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    for (const kind of ["sent", "unknown", "retry"] as const) {
      await runTurn(store, { outbox: [rowOf("r1"), rowOf("r2")] });
      const row = await claimOne(store, "r1");
      await store.beginSend(row, "s1");
      expect(await store.erase(ACME)).toMatchObject({ rows: 2 });
      expect(await store.listOutbox({})).toEqual([]);
      await runTurn(store, { session: recordOf(1), outbox: [rowOf("r3")] });
      expect(await store.claimSends("s1", { limit: 9 })).toEqual([]);
      await store.endSend(row, "s1", kind === "sent" ? { kind } : { kind, error: "X", notBeforeMs: 0 });
      const next = await claimOne(store, "r3");
      await store.beginSend(next, "s1");
      await store.endSend(next, "s1", { kind: "sent" });
      await store.erase(ACME);
    }
  });

  test("erase() takes back a row that a sender holds and has not begun to send", async () => {
    const world = new ManualWorld();
    await using store = await open(world);
    await runTurn(store, { outbox: [rowOf("r1")] });
    const row = await claimOne(store, "r1");
    await store.erase(ACME);
    await expect(store.beginSend(row, "s1")).rejects.toMatchObject({ code: "STORE_CLAIM_LOST" });
    world.advance(60_000);
    expect(await store.claimSends("s2", { limit: 9 })).toEqual([]);
    await runTurn(store, { outbox: [rowOf("r1")] });
    await claimOne(store, "r1");
  });
}

async function claimOne(store: SessionStore, id: string): Promise<OutboxRow> {
  const rows = await store.claimSends("s1", { limit: 9 });
  expect(rows.map((row) => row.id)).toEqual([id]);
  const [row] = rows;
  if (row === undefined) throw new Error("expected a row");
  return row;
}
