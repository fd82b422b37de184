import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Lease, SessionStore } from "../../src/session/index.ts";
import { openFaultProxy } from "../../test/stand-ins/fault-proxy.ts";
import type { FaultProxy } from "../../test/stand-ins/fault-proxy.ts";
import { entryOf, KEY, keyOf, leaseOf, rowOf, turnOf } from "./fixtures.ts";

const UNAVAILABLE = { code: "STORE_UNAVAILABLE", kind: "unavailable" };

/** A server of a store that processes share, as these cases drive it. */
export interface LinkedServer extends AsyncDisposable {
  readonly port: number;
  /** Opens a store over the server, at a port that leads to it. */
  open(port: number, prefix: string): Promise<SessionStore>;
  /** Moves with each operation that the server has carried out. */
  written(): Promise<unknown>;
}

export interface BrokenLinkOptions {
  readonly start: () => Promise<LinkedServer>;
  /** How long a connection lives in the last case, and how many turns each conversation has there. */
  readonly storm: { readonly resetAfterMs: (n: number) => number; readonly turns: number; readonly timeoutMs: number };
  /** Cites what the last case shows. */
  readonly verify: () => void;
}

/** Cases of a store whose connections answer nothing, break, slow down or slice: nothing is lost, and nothing is done twice. */
export function brokenLinkCases({ start, storm, verify }: BrokenLinkOptions): void {
  let server: LinkedServer;
  let proxy: FaultProxy;
  let serial = 0;
  beforeAll(async () => {
    server = await start();
    proxy = await openFaultProxy(server);
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  /** Two stores over the same data: one through the proxy, one that isn't disturbed. */
  async function openPair(): Promise<AsyncDisposable & { readonly far: SessionStore; readonly near: SessionStore }> {
    const prefix = `f${++serial}`;
    proxy.set({ kind: "none" });
    const far = await server.open(proxy.port, prefix);
    const near = await server.open(server.port, prefix);
    return {
      far,
      near,
      async [Symbol.asyncDispose]() {
        proxy.set({ kind: "none" });
        await far[Symbol.asyncDispose]();
        await near[Symbol.asyncDispose]();
      },
    };
  }

  /** Lets the server do what is asked, loses its answer, and gives what the second asking brings. */
  async function unanswered<T>(ask: () => Promise<T>): Promise<T> {
    const before = await server.written();
    proxy.set({ kind: "unanswered" });
    const answer = ask();
    while ((await server.written()) === before) await sleep(5);
    proxy.set({ kind: "none" });
    return answer;
  }

  async function lastLease(store: SessionStore, ...names: readonly string[]): Promise<Lease> {
    for (const name of names) await store.accept(entryOf(name));
    return leaseOf(store);
  }

  test("accept() whose answer was lost is told that it was accepted, with its lease and the index of its log", async () => {
    await using stores = await openPair();
    const { far, near } = stores;
    const options = { leaseTo: { worker: "w1" } };
    const first = await unanswered(() => far.accept(entryOf("m1", { log: "m1" }), options));
    expect(first).toMatchObject({ kind: "accepted", logIndex: 0, lease: { worker: "w1", attempt: 0 } });
    expect(first.lease?.inbox).toHaveLength(1);
    expect((await near.accept(entryOf("m1"))).kind).toBe("duplicate");
    if (first.lease === undefined) throw new Error("expected a lease");
    await far.commit(first.lease, turnOf(first.lease));
    // What chance named isn't remembered; its lease tells.
    const unnamed = await unanswered(() => far.accept(entryOf("m2", { isUnnamed: true, log: "m2" }), options));
    expect(unnamed).toMatchObject({ kind: "accepted", logIndex: 1 });
    expect(unnamed.lease?.inbox.map(({ dedupeKey }) => dedupeKey)).toEqual(["m2"]);
    expect((await near.read(KEY))?.unread).toBe(1);
  });

  test("lease() whose answer was lost brings the same leases, by name and without", async () => {
    await using stores = await openPair();
    const { far, near } = stores;
    await near.accept(entryOf("m1"));
    const [named] = await unanswered(() => far.lease("w1", { limit: 1, keys: [KEY] }));
    if (named === undefined) throw new Error("expected a lease");
    expect(named.attempt).toBe(0);
    await far.commit(named, turnOf(named));
    for (const n of [1, 2, 3]) await near.accept(entryOf(`n${n}`, { key: keyOf({ conversation: `n${n}` }) }));
    const any = await unanswered(() => far.lease("w1", { limit: 2 }));
    expect(any.map(({ key }) => key)).toEqual([keyOf({ conversation: "n1" }), keyOf({ conversation: "n2" })]);
    for (const lease of any) expect(await near.renew(lease, 1_000)).toBe(true);
  });

  test("record() and commit() whose answers were lost are told the same, and nothing is done twice", async () => {
    await using stores = await openPair();
    const { far, near } = stores;
    const lease = await lastLease(near, "m1");
    const step = { turn: 1, seq: 0, node: "pay", inputHash: "h", outcome: 1 };
    expect(await unanswered(() => far.record(lease, step))).toEqual(step);
    const turn = turnOf(lease, { outbox: [rowOf("r1")], log: ["l1"], journal: { turn: 1 } });
    expect(await unanswered(() => far.commit(lease, turn))).toBeUndefined();
    // A turn that consumes nothing looks the same the second time.
    const timers = await lastLease(near, "m2", "m3");
    const kept = await unanswered(() =>
      far.commit(timers, turnOf(timers, { consumed: [], log: ["l2"], outbox: [rowOf("r2")] }), { keep: true }),
    );
    expect(kept?.inbox.map(({ dedupeKey }) => dedupeKey)).toEqual(["m2", "m3"]);
    expect(kept?.fence).toBe(timers.fence);
    if (kept === undefined) throw new Error("expected to keep the lease");
    // And one that leaves nothing behind to know it by.
    expect(await unanswered(() => far.commit(kept, turnOf(kept, { session: null })))).toBeUndefined();
    expect(await near.read(KEY)).toBeUndefined();
    expect((await near.listOutbox({})).map(({ id }) => id)).toEqual(["r2", "r1"]);
    const log = await near.readLog(KEY.slice(0, KEY.lastIndexOf(":")), { after: -1, limit: 9 });
    expect(log.map(({ activity }) => activity)).toEqual(["l1", "l2"]);
    expect(await near.readJournal(KEY, { limit: 9 })).toHaveLength(1);
    await expect(near.commit(kept, turnOf(kept))).rejects.toMatchObject({ code: "STORE_FENCE_STALE" });
  });

  test("sends whose answers were lost are begun and ended once", async () => {
    await using stores = await openPair();
    const { far, near } = stores;
    const lease = await lastLease(near, "m1");
    await near.commit(lease, turnOf(lease, { outbox: [rowOf("r1"), rowOf("r2")] }));
    const [row] = await unanswered(() => far.claimSends("s1", { limit: 1 }));
    if (row === undefined) throw new Error("expected a row");
    await unanswered(() => far.beginSend(row, "s1"));
    expect((await near.listOutbox({ status: "sending" })).map(({ attempts }) => attempts)).toEqual([1]);
    await unanswered(() => far.endSend(row, "s1", { kind: "failed", error: "HTTP_403" }));
    expect(await unanswered(() => far.retrySend("r1"))).toBe(true);
    expect(await far.retrySend("r1")).toBe(false);
    expect((await near.claimSends("s2", { limit: 9 })).map(({ id, attempts }) => [id, attempts])).toEqual([["r1", 1]]);
    await expect(far.endSend(row, "s1", { kind: "sent" })).rejects.toMatchObject({ code: "STORE_CLAIM_LOST" });
  });

  test("what operators do is done once where its answer was lost", async () => {
    await using stores = await openPair();
    const { far, near } = stores;
    const lease = await lastLease(near, "m1", "m2");
    const deadLetters = lease.inbox.map(({ order }) => ({ order, reason: "X" }));
    await near.commit(lease, turnOf(lease, { consumed: [], deadLetters }));
    const [first, second] = deadLetters;
    expect(await unanswered(() => far.redrive(first?.order ?? 0))).toBe(true);
    expect(await unanswered(() => far.dropDeadLetter(second?.order ?? 0))).toBe(true);
    expect((await near.read(KEY))?.unread).toBe(1);
    expect(await unanswered(() => far.end(KEY))).toBe(true);
    expect(await near.read(KEY)).toBeUndefined();
  });

  test("a server that is gone is refused at once after a while, and is there again soon after it heals", async () => {
    await using stores = await openPair();
    const { far, near } = stores;
    const lease = await lastLease(far, "m0");
    proxy.set({ kind: "down" });
    // A turn that has run waits for longer than who can be told to come again.
    const committed = far.commit(lease, turnOf(lease));
    // All at once: some are refused before others.
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => expect(far.accept(entryOf(`w${n}`))).rejects.toMatchObject(UNAVAILABLE)),
    );
    for (let n = 0; n < 100; n++) await expect(far.accept(entryOf(`o${n}`))).rejects.toMatchObject(UNAVAILABLE);
    expect((await near.read(KEY))?.session).toBeUndefined();
    proxy.set({ kind: "none" });
    expect(await committed).toBeUndefined();
    let isBack = false;
    while (!isBack) {
      isBack = await far.accept(entryOf("m1")).then(
        () => true,
        () => sleep(20, false),
      );
    }
    expect(await near.read(KEY)).toMatchObject({ session: { revision: 1 }, unread: 1 });
  });

  test("a store that is closed gives up what a server that is gone can't take", async () => {
    await using stores = await openPair();
    const { far, near } = stores;
    const lease = await lastLease(far, "m0");
    proxy.set({ kind: "down" });
    const refused = expect(far.commit(lease, turnOf(lease))).rejects.toMatchObject(UNAVAILABLE);
    await far[Symbol.asyncDispose]();
    await refused;
    expect((await near.read(KEY))?.unread).toBe(1);
  });

  test("a server that says nothing is given up, and what it did meanwhile is not done again", async () => {
    await using stores = await openPair();
    const { far, near } = stores;
    // What a process asks for once is over then: what follows is one request.
    await far.accept(entryOf("m0"));
    proxy.set({ kind: "unanswered" });
    const accepted = far.accept(entryOf("m1")).catch((error: unknown) => error);
    await expect.poll(async () => (await near.read(KEY))?.unread).toBe(2);
    // Nobody heals it before the store gives the connection up.
    expect(await accepted).toMatchObject(UNAVAILABLE);
    proxy.set({ kind: "none" });
    await expect
      .poll(() => far.accept(entryOf("m1")).then(({ kind }) => kind, String), { timeout: 10_000 })
      .toBe("duplicate");
    expect((await near.read(KEY))?.unread).toBe(2);
  });

  test("slow and sliced connections change nothing but the time", async () => {
    await using stores = await openPair();
    const { far } = stores;
    for (const fault of [
      { kind: "slow", delayMs: 50 },
      { kind: "sliced", sliceBytes: 7 },
    ] as const) {
      proxy.set(fault);
      const lease = await lastLease(far, `m-${fault.kind}`);
      await far.commit(lease, turnOf(lease, { log: ["ü".repeat(2_000)] }));
    }
    expect((await far.read(KEY))?.session?.revision).toBe(2);
  });

  test(
    "under resets in the middle of everything no turn is lost and none is done twice",
    { timeout: storm.timeoutMs },
    async () => {
      verify();
      await using stores = await openPair();
      const { far, near } = stores;
      const over = new AbortController();
      const resets = (async () => {
        for (let n = 0; !over.signal.aborted; n++) {
          await sleep(storm.resetAfterMs(n));
          proxy.reset();
        }
        return true;
      })();
      const { turns } = storm;
      const talk = async (who: number): Promise<void> => {
        const key = keyOf({ conversation: `c${who}`, channel: `channel-${who % 3}` });
        for (let n = 1; n <= turns; n++) {
          const entry = entryOf(`${who}-${n}`, { key });
          let { lease: held } = await untilTaken(() =>
            far.accept(entry, { leaseTo: { worker: `w${who}`, ttlMs: 500 } }),
          );
          // Whoever asked too often is told of a duplicate, and the lease of the first time has to end.
          while (held === undefined) [held] = await untilTaken(() => far.lease(`w${who}`, { limit: 1, keys: [key] }));
          const given = held;
          const sum = Number(given.state.get("flow/sum") ?? 0) + n;
          await untilTaken(() =>
            far.commit(given, turnOf(given, { state: [{ key: "flow/sum", value: sum }], log: [n] })),
          );
        }
      };
      await Promise.all(Array.from({ length: 8 }, (_, who) => talk(who)));
      over.abort();
      await resets;
      for (let who = 0; who < 8; who++) {
        const key = keyOf({ conversation: `c${who}`, channel: `channel-${who % 3}` });
        expect((await near.read(key))?.session?.revision).toBe(turns);
        await near.accept(entryOf("last", { key, dedupeKey: `last-${who}` }));
        expect((await leaseOf(near, key)).state.get("flow/sum")).toBe((turns * (turns + 1)) / 2);
        const log = await near.readLog(key.slice(0, key.lastIndexOf(":")), { after: -1, limit: 99 });
        expect(log.map(({ activity }) => activity)).toEqual(Array.from({ length: turns }, (_, n) => n + 1));
      }
      expect(proxy.connections()).toBeGreaterThan(10);
    },
  );

  /** Asks again where the store says that it can't be reached: what a platform does that got no 2xx. */
  async function untilTaken<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        expect(error).toMatchObject(UNAVAILABLE);
        await sleep(10);
      }
    }
  }
}
