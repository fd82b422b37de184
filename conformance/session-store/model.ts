import { array, assert, asyncProperty, boolean, constant, constantFrom, nat, oneof, record } from "fast-check";
import { expect, test } from "vitest";
import type { Lease, OutboxRow, OutboxStatus, SessionStore } from "../../src/session/index.ts";
import { CLAIM_TTL_MS, LEASE_TTL_MS } from "../../src/session/index.ts";
import type { StoreFactory } from "../session-store.ts";
import { entryOf, keyOf, ManualWorld, rowOf, turnOf } from "./fixtures.ts";

const KEYS = [keyOf(), keyOf({ conversation: "c2" }), keyOf({ tenant: "acme-2" })] as const;
const WORKERS = ["w1", "w2"] as const;

const which = nat(KEYS.length - 1);
/** Anything that a gateway, workers, senders, time or a crash may do next. Numbers pick among what was handed out before. */
const operation = oneof(
  record({ kind: constant("accept"), session: which, name: nat(12), lease: boolean() }),
  record({ kind: constant("lease"), worker: constantFrom(...WORKERS) }),
  record({ kind: constant("release"), pick: nat() }),
  record({ kind: constant("record"), pick: nat(), seq: nat(2) }),
  record({ kind: constant("commit"), pick: nat(), rows: nat(2), keep: boolean(), ends: boolean() }),
  record({ kind: constant("claim"), sender: constantFrom("s1", "s2") }),
  record({ kind: constant("begin"), pick: nat() }),
  record({ kind: constant("end"), pick: nat(), result: constantFrom("sent", "retry", "failed", "unknown") }),
  record({ kind: constant("wait"), ms: constantFrom(1_000, LEASE_TTL_MS, CLAIM_TTL_MS) }),
  record({ kind: constant("sweep") }),
  record({ kind: constant("crash") }),
);
type Operation = typeof operation extends { generate(...args: never[]): { value: infer T } } ? T : never;

interface ModelSession {
  unread: string[];
  revision: number;
  steps: Map<number, number>;
  fence: number | undefined;
  topFence: number;
  expiresAtMs: number;
}

interface ModelRow {
  readonly id: string;
  status: OutboxStatus;
  attempts: number;
  wasUnknown: boolean;
}

interface ModelClaim {
  readonly row: OutboxRow;
  readonly sender: string;
  readonly lane: number;
  readonly expiresAtMs: number;
  hasBegun: boolean;
}

/** The simplest thing that keeps a store's promises, run beside the store. */
class Model {
  readonly world = new ManualWorld();
  readonly sessions: readonly ModelSession[] = KEYS.map(() => {
    return { unread: [], revision: 0, steps: new Map(), fence: undefined, topFence: 0, expiresAtMs: 0 };
  });
  readonly lanes: readonly ModelRow[][] = KEYS.map(() => []);
  readonly claims: (ModelClaim | undefined)[] = KEYS.map(() => undefined);
  readonly seen = new Set<string>();
  /** Every lease and claim that was ever handed out, living or not. */
  readonly leases: { readonly session: number; readonly lease: Lease }[] = [];
  readonly claimed: ModelClaim[] = [];
  count = 0;

  isFree(session: ModelSession): boolean {
    return session.fence === undefined || session.expiresAtMs <= this.world.monotonicMs();
  }

  granted(index: number, lease: Lease): void {
    const session = this.sessions[index];
    if (session === undefined) throw new Error("expected a session");
    expect(this.isFree(session)).toBe(true);
    expect(lease.fence).toBeGreaterThan(session.topFence);
    session.topFence = lease.fence;
    session.fence = lease.fence;
    session.expiresAtMs = this.world.monotonicMs() + LEASE_TTL_MS;
    this.carries(session, lease);
    this.leases.push({ session: index, lease });
  }

  carries(session: ModelSession, lease: Lease): void {
    expect(lease.inbox.map(({ dedupeKey }) => dedupeKey)).toEqual(session.unread.slice(0, 16));
    expect(lease.session?.revision ?? 0).toBe(session.revision);
    expect(lease.state.get("flow/revision") ?? 0).toBe(session.revision);
    expect(lease.steps.map(({ seq, outcome }) => [seq, outcome])).toEqual(
      [...session.steps].sort((a, b) => a[0] - b[0]),
    );
  }

  /** The row that may leave a lane now. */
  head(lane: number): ModelRow | undefined {
    return this.lanes[lane]?.find(({ status }) => status === "queued" || status === "sending" || status === "unknown");
  }

  crash(): void {
    for (const session of this.sessions) session.fence = undefined;
    for (const rows of this.lanes) for (const row of rows) if (row.status === "sending") this.#doubt(row);
    this.claims.fill(undefined);
  }

  expireClaims(): void {
    for (const [lane, claim] of this.claims.entries()) {
      if (claim === undefined || claim.expiresAtMs > this.world.monotonicMs()) continue;
      const row = this.head(lane);
      if (claim.hasBegun && row !== undefined) this.#doubt(row);
      this.claims[lane] = undefined;
    }
  }

  #doubt(row: ModelRow): void {
    row.status = "unknown";
    row.wasUnknown = true;
  }
}

/** Any sequence of operations leaves a store where the model is. */
export function modelContract({ open, crash, holdsOutliveCrash = false }: StoreFactory): void {
  test("a store agrees with a simple model after any sequence of operations", { timeout: 120_000 }, async () => {
    await assert(
      asyncProperty(array(operation, { minLength: 5, maxLength: 60 }), async (operations) => {
        const model = new Model();
        let store = await open(model.world);
        try {
          for (const op of operations) {
            if (op.kind === "crash") {
              if (crash === undefined) continue;
              const crashed = store;
              store = await crash(crashed, model.world);
              await crashed[Symbol.asyncDispose]();
              if (!holdsOutliveCrash) model.crash();
            } else await step(store, model, op);
            await compare(store, model);
          }
        } finally {
          await store[Symbol.asyncDispose]();
        }
      }),
      { numRuns: crash === undefined ? 300 : 20 },
    );
  });
}

async function step(
  store: SessionStore,
  model: Model,
  op: Exclude<Operation, { readonly kind: "crash" }>,
): Promise<void> {
  switch (op.kind) {
    case "accept":
      return accept(store, model, op);
    case "lease": {
      const leases = await store.lease(op.worker, { limit: 2 });
      const expected = model.sessions.filter((session) => session.unread.length > 0 && model.isFree(session)).length;
      expect(leases).toHaveLength(Math.min(2, expected));
      for (const lease of leases) model.granted(KEYS.indexOf(lease.key), lease);
      return;
    }
    case "release":
    case "record":
    case "commit":
      return underLease(store, model, op);
    case "claim": {
      model.expireClaims();
      const rows = await store.claimSends(op.sender, { limit: 2 });
      const ready = KEYS.filter((_, lane) => model.claims[lane] === undefined && model.head(lane) !== undefined);
      expect(rows).toHaveLength(Math.min(2, ready.length));
      for (const row of rows) {
        const lane = KEYS.indexOf(row.key);
        expect(row).toMatchObject({ ...model.head(lane) });
        const expiresAtMs = model.world.monotonicMs() + CLAIM_TTL_MS;
        const claim = { row, sender: op.sender, lane, expiresAtMs, hasBegun: false };
        model.claims[lane] = claim;
        model.claimed.push(claim);
      }
      return;
    }
    case "begin":
    case "end":
      return underClaim(store, model, op);
    case "wait":
      model.world.advance(op.ms);
      return;
    case "sweep": {
      const overdue = await store.sweep(model.world.nowMs());
      const expected = KEYS.filter((_, n) => {
        const session = model.sessions[n];
        return session !== undefined && session.unread.length > 0 && model.isFree(session);
      });
      expect(overdue.sessions.toSorted()).toEqual(expected.toSorted());
      return;
    }
    default:
      throw new TypeError("unknown operation");
  }
}

async function accept(
  store: SessionStore,
  model: Model,
  op: { readonly session: number; readonly name: number; readonly lease: boolean },
): Promise<void> {
  const key = KEYS[op.session] ?? KEYS[0];
  const session = model.sessions[op.session];
  if (session === undefined) return;
  const name = `m${op.name}`;
  const delivery = `${key.split(":").slice(0, 4).join(":")} ${name}`;
  const isNew = !model.seen.has(delivery);
  const isFree = model.isFree(session);
  const entry = entryOf(name, { key, dedupeTtlMs: Number.MAX_SAFE_INTEGER / 4 });
  const accepted = await store.accept(entry, op.lease ? { leaseTo: { worker: "w1" } } : {});
  expect(accepted.kind).toBe(isNew ? "accepted" : "duplicate");
  if (isNew) {
    model.seen.add(delivery);
    session.unread.push(name);
  }
  expect(accepted.lease !== undefined).toBe(isNew && isFree && op.lease);
  if (accepted.lease !== undefined) model.granted(op.session, accepted.lease);
}

async function underLease(
  store: SessionStore,
  model: Model,
  op: Extract<Operation, { readonly kind: "release" | "record" | "commit" }>,
): Promise<void> {
  const held = model.leases[op.pick % Math.max(1, model.leases.length)];
  const session = model.sessions[held?.session ?? -1];
  if (held === undefined || session === undefined) return;
  const { lease } = held;
  const isLiving = session.fence === lease.fence;
  const stale = { code: "STORE_FENCE_STALE" };
  if (op.kind === "release") {
    await store.release(lease);
    if (isLiving) session.fence = undefined;
    return;
  }
  if (op.kind === "record") {
    const outcome = ++model.count;
    const stepped = store.record(lease, {
      turn: session.revision + 1,
      seq: op.seq,
      node: "n",
      inputHash: "h",
      outcome,
    });
    if (!isLiving) return expect(stepped).rejects.toMatchObject(stale);
    const first = session.steps.get(op.seq) ?? outcome;
    session.steps.set(op.seq, first);
    expect((await stepped).outcome).toBe(first);
    return;
  }
  const outbox = Array.from({ length: op.rows }, () => rowOf(`r${++model.count}`, { payload: model.count }));
  const revision = op.ends ? 0 : (lease.session?.revision ?? 0) + 1;
  const extra = op.ends ? { session: null } : { state: [{ key: "flow/revision", value: revision }] };
  // Under a lease that was kept, an older copy of it may name entries that are gone.
  const isOutdated = lease.inbox.some(({ dedupeKey }) => !session.unread.includes(dedupeKey));
  const committed = store.commit(lease, turnOf(lease, { ...extra, outbox }), { keep: op.keep });
  if (!isLiving) return expect(committed).rejects.toMatchObject(stale);
  if (isOutdated) return expect(committed).rejects.toThrow(RangeError);
  const kept = await committed;
  session.unread = session.unread.filter((name) => !lease.inbox.some(({ dedupeKey }) => dedupeKey === name));
  session.revision = revision;
  session.steps = new Map();
  for (const { id } of outbox) {
    model.lanes[held.session]?.push({ id, status: "queued", attempts: 0, wasUnknown: false });
  }
  expect(kept !== undefined).toBe(op.keep && session.unread.length > 0);
  if (kept === undefined) {
    session.fence = undefined;
    return;
  }
  expect(kept.fence).toBe(lease.fence);
  session.expiresAtMs = model.world.monotonicMs() + LEASE_TTL_MS;
  model.carries(session, kept);
  model.leases.push({ session: held.session, lease: kept });
}

async function underClaim(
  store: SessionStore,
  model: Model,
  op: Extract<Operation, { readonly kind: "begin" | "end" }>,
): Promise<void> {
  const claim = model.claimed[op.pick % Math.max(1, model.claimed.length)];
  if (claim === undefined) return;
  const lost = { code: "STORE_CLAIM_LOST" };
  // A claim is its sender's, for one attempt: where that sender claimed the row again for the same one, an older copy is as good.
  const newest = model.claims[claim.lane];
  const isSame = newest?.row.id === claim.row.id && newest.row.attempts === claim.row.attempts;
  const living = isSame && newest.sender === claim.sender ? newest : undefined;
  const row = model.head(claim.lane);
  if (op.kind === "begin") {
    const begun = store.beginSend(claim.row, claim.sender);
    if (living === undefined || living.hasBegun || row === undefined) return expect(begun).rejects.toMatchObject(lost);
    await begun;
    living.hasBegun = true;
    row.status = "sending";
    row.attempts++;
    return;
  }
  const result =
    op.result === "sent"
      ? ({ kind: "sent" } as const)
      : op.result === "retry"
        ? ({ kind: "retry", error: "X", notBeforeMs: 0 } as const)
        : ({ kind: op.result, error: "X" } as const);
  const ended = store.endSend(claim.row, claim.sender, result);
  if (living === undefined || row === undefined) return expect(ended).rejects.toMatchObject(lost);
  if (row.status === "queued" && (op.result === "sent" || op.result === "unknown")) {
    return expect(ended).rejects.toMatchObject({ code: "STORE_SEND_NOT_BEGUN" });
  }
  await ended;
  row.status = op.result === "retry" ? "queued" : op.result;
  row.wasUnknown ||= op.result === "unknown";
  model.claims[claim.lane] = undefined;
}

/** Everything that can be read agrees. */
async function compare(store: SessionStore, model: Model): Promise<void> {
  const [summaries, outbox] = await Promise.all([
    Promise.all(KEYS.map((key) => store.read(key))),
    store.listOutbox({ limit: 10_000 }),
  ]);
  for (const [n, session] of model.sessions.entries()) {
    expect(summaries[n]?.unread ?? 0).toBe(session.unread.length);
    expect(summaries[n]?.session?.revision ?? 0).toBe(session.revision);
    const rows = outbox.filter((row) => row.key === KEYS[n]).toReversed();
    expect(rows.map(({ id, status, attempts, wasUnknown }) => ({ id, status, attempts, wasUnknown }))).toEqual(
      model.lanes[n],
    );
  }
}
