import type { JsonValue, SessionKeyText } from "../../types/index.ts";
import type { Attempt } from "../patience.ts";
import { LEASE_TTL_MS } from "../store.ts";
import type { Accepted, InboxEntry, IngressEntry, Lease, LeaseTo, Step } from "../store.ts";
import { fenceStale } from "../turn-rules.ts";
import { filingOf } from "./core.ts";
import type { RecordCore } from "./core.ts";
import { carry, hasWork, isFree, loadBody, loadHead, putHead, refile } from "./head.ts";
import type { Head } from "./head.ts";
import { appendLog } from "./logs.ts";
import { pad } from "./names.ts";
import type { Name, SessionNames } from "./names.ts";
import type { Unit } from "./unit.ts";

/** A delivery that is remembered. */
export interface Delivery {
  /** Whose it is; absent once that was erased. */
  readonly key?: SessionKeyText;
  readonly order: number;
  readonly untilMs: number;
  readonly logIndex?: number;
  /** What its turn answered, in a list, since an answer may be anything. */
  readonly answer?: readonly [JsonValue];
}

/** Who is granted what. */
interface Grant {
  readonly worker: string;
  readonly ttlMs: number;
}

/** Appends a message to its session's inbox. */
export async function accept(core: RecordCore, attempt: Attempt, entry: IngressEntry, to?: LeaseTo): Promise<Accepted> {
  await core.orders.prepare(attempt);
  const names = core.names.session(entry.key);
  return core.units.run(attempt, names.conversation, (unit) => acceptIn(unit, core, { names, entry, to }));
}

async function acceptIn(
  unit: Unit,
  core: RecordCore,
  {
    names,
    entry,
    to,
  }: { readonly names: SessionNames; readonly entry: IngressEntry; readonly to: LeaseTo | undefined },
): Promise<Accepted> {
  const nowMs = core.clock.nowMs();
  const { dedupeKey, traceId, envelope } = entry;
  const delivery = core.names.delivery(entry.key, dedupeKey);
  const log = core.names.log(names.conversation);
  let head = await loadHead(unit, names, {
    keys: entry.log === undefined ? [] : [log],
    guesses: to === undefined ? [delivery] : [delivery, names.body],
  });
  const first = unit.value(delivery) as Delivery | undefined;
  if (first !== undefined && first.untilMs > nowMs) return duplicateOf(first);

  const order = core.orders.draw(names.shard, head.last);
  const isLeased = to !== undefined && isFree(head.hold, core.clock);
  const isForgotten = entry.isUnnamed === true && isLeased;
  const unread: InboxEntry = { order, dedupeKey, receivedAtMs: nowMs, traceId, envelope };
  unit.put(names.entry(order), isForgotten ? { ...unread, isForgotten } : unread);
  head = { ...head, last: order, inbox: [...head.inbox, [order, nowMs]] };
  const logIndex =
    entry.log === undefined
      ? undefined
      : await appendLog(unit, core, {
          conversation: names.conversation,
          activities: [entry.log],
          keepMs: entry.logKeepMs,
        });
  const indexed = logIndex === undefined ? {} : { logIndex };
  if (!isForgotten && entry.dedupeTtlMs > 0) {
    const untilMs = nowMs + entry.dedupeTtlMs;
    unit.put(delivery, { key: entry.key, order, untilMs, ...indexed } satisfies Delivery);
    unit.put(deliveryNote(delivery, untilMs), delivery.sort);
  }
  if (!isLeased) {
    putHead(unit, head, filingOf(core, names));
    return { kind: "accepted", ...indexed };
  }
  const lease = await grant(unit, core, { names, head, worker: to.worker, ttlMs: to.ttlMs ?? LEASE_TTL_MS });
  return { kind: "accepted", ...indexed, lease };
}

/** What lets a sweep find a delivery that is over. */
function deliveryNote({ partition, sort }: Name, untilMs: number): Name {
  return { partition: `x${partition.slice(1)}`, sort: `${pad(untilMs)} d${sort}` };
}

function duplicateOf({ logIndex, answer }: Delivery): Accepted {
  return {
    kind: "duplicate",
    ...(logIndex === undefined ? {} : { logIndex }),
    ...(answer === undefined ? {} : { answer: answer[0] }),
  };
}

/** Hands a session to a worker, whoever held it before. */
async function grant(
  unit: Unit,
  core: RecordCore,
  { names, head, worker, ttlMs }: Grant & { readonly names: SessionNames; readonly head: Head },
): Promise<Lease> {
  const body = await loadBody(unit, names, head);
  const fence = core.orders.draw(names.shard, head.last);
  const sinceMs = core.clock.monotonicMs();
  const hold = { worker, fence, ttlMs, sinceMs, untilMs: sinceMs + ttlMs };
  // Whoever held it neither committed nor gave it back.
  const attempt = head.attempt + (head.hold === undefined ? 0 : 1);
  const held = putHead(unit, { ...head, last: fence, hold, attempt }, filingOf(core, names));
  return carry(unit, names, { head: held, body, nowMs: core.clock.nowMs() });
}

/** Leases a session if it is free and has work; files it anew where it was free and had none. */
export async function leaseOne(
  core: RecordCore,
  attempt: Attempt,
  { key, worker, ttlMs }: Grant & { readonly key: SessionKeyText },
): Promise<Lease | undefined> {
  await core.orders.prepare(attempt);
  const names = core.names.session(key);
  return core.units.run(attempt, names.conversation, async (unit) => {
    const head = await loadHead(unit, names, { guesses: [names.body] });
    const canBeTaken = isFree(head.hold, core.clock);
    if (canBeTaken && hasWork(head, core.clock.nowMs())) return grant(unit, core, { names, head, worker, ttlMs });
    if (unit.versionOf(names.head) !== undefined) refile(unit, head, filingOf(core, names));
    return undefined;
  });
}

/** Lets a lease live on; false once its fence has moved on. */
export function renew(core: RecordCore, attempt: Attempt, lease: Lease, ttlMs: number): Promise<boolean> {
  const names = core.names.session(lease.key);
  return core.units.run(attempt, names.conversation, async (unit) => {
    const head = await loadHead(unit, names);
    if (head.hold?.fence !== lease.fence) return false;
    const sinceMs = core.clock.monotonicMs();
    putHead(unit, { ...head, hold: { ...head.hold, sinceMs, untilMs: sinceMs + ttlMs } }, filingOf(core, names));
    return true;
  });
}

/** Gives a lease back. */
export async function release(core: RecordCore, attempt: Attempt, lease: Lease): Promise<void> {
  await core.orders.prepare(attempt);
  const names = core.names.session(lease.key);
  await core.units.run(attempt, names.conversation, async (unit) => {
    const { hold, ...head } = await loadHead(unit, names);
    if (hold?.fence === lease.fence) putHead(unit, head, filingOf(core, names));
  });
}

/** Keeps a step's outcome, or returns the first one of that step. */
export async function record(core: RecordCore, attempt: Attempt, lease: Lease, step: Step): Promise<Step> {
  await core.orders.prepare(attempt);
  const names = core.names.session(lease.key);
  const name = `${step.turn}:${step.seq}`;
  return core.units.run(attempt, names.conversation, async (unit) => {
    const head = await loadHead(unit, names);
    if (head.hold?.fence !== lease.fence) throw fenceStale("Record step", lease);
    const [, first] = head.steps.find(([known]) => known === name) ?? [];
    if (first !== undefined) return (await unit.read<Step>(names.step(first))) ?? step;
    const order = core.orders.draw(names.shard, head.last);
    unit.put(names.step(order), step);
    unit.put(names.head, { ...head, last: order, steps: [...head.steps, [name, order]] } satisfies Head);
    return step;
  });
}
