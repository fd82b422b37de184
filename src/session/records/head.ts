import type { JsonValue } from "../../types/index.ts";
import { LEASE_INBOX_MAX } from "../store.ts";
import type { InboxEntry, Lease, SessionRecord, Step, Timer } from "../store.ts";
import { pad, short } from "./names.ts";
import type { Name, SessionNames } from "./names.ts";
import type { Orders } from "./orders.ts";
import type { Unit } from "./unit.ts";
import type { StoreClock } from "./units.ts";

/** Where an index names a session or a lane, and what it says of it. */
export type Mark = readonly [partition: string, sort: string, body: JsonValue];
/** The marks of a session or a lane, by what they are for. */
export type Marks = Readonly<Record<string, Mark>>;

/** Who holds something until when, by the monotonic clock. */
export interface Held {
  readonly untilMs: number;
  readonly sinceMs: number;
}

/** Who holds a session. */
interface Hold extends Held {
  readonly worker: string;
  readonly fence: number;
  readonly ttlMs: number;
}

/** A session's one record that every write of it changes: who read an older one writes nothing. */
export interface Head {
  /** The greatest order or fence that was ever drawn for the session. */
  readonly last: number;
  readonly hold?: Hold;
  readonly attempt: number;
  /** Orders of unread messages, with the times of their arrival. */
  readonly inbox: readonly (readonly [order: number, receivedAtMs: number])[];
  /** The open turn's steps, each with the order that names its record. */
  readonly steps: readonly (readonly [step: string, order: number])[];
  readonly timers: readonly Timer[];
  /** Version of the body; absent where there is neither a record nor state. */
  readonly body?: string;
  readonly hasRecord: boolean;
  /** What the record and the state take, in bytes of their texts. */
  readonly bytes?: number;
  readonly expiresAtMs?: number;
  /** Serial of the next journal entry. */
  readonly journal?: number;
  readonly marks: Marks;
}

/** A session's record and state. */
export interface Body {
  readonly session: SessionRecord | null;
  readonly state: readonly (readonly [key: string, value: JsonValue])[];
}

/** How long a session that is gone is remembered, so that its numbers rise; far more than clocks differ. */
export const GONE_MS = 3_600_000;
/** What is held from a time on that is yet to come by more than this was held before the clock was set back. */
const SET_BACK_MS = 5_000;

const NEW_HEAD: Head = { last: 0, attempt: 0, inbox: [], steps: [], timers: [], hasRecord: false, marks: {} };

/** Whether something that was held can be taken. */
export function isFree(held: Held | undefined, clock: StoreClock): boolean {
  const nowMs = clock.monotonicMs();
  return held === undefined || held.untilMs <= nowMs || held.sinceMs > nowMs + SET_BACK_MS;
}

function dueTimers({ timers }: Head, nowMs: number): Timer[] {
  const due = timers.filter(({ dueAtMs }) => dueAtMs <= nowMs);
  return due.sort((a, b) => a.dueAtMs - b.dueAtMs || (a.onceKey < b.onceKey ? -1 : 1));
}

export function hasWork(head: Head, nowMs: number): boolean {
  return head.inbox.length > 0 || head.timers.some(({ dueAtMs }) => dueAtMs <= nowMs);
}

/** Whether nothing would be lost without it. */
export function isEmpty({ hasRecord, inbox, timers }: Head): boolean {
  return !hasRecord && inbox.length === 0 && timers.length === 0;
}

/** Reads a session's head, and with it what else the unit needs: `guesses` are probably missing. */
export async function loadHead(
  unit: Unit,
  names: SessionNames,
  also: { readonly keys?: readonly Name[]; readonly guesses?: readonly Name[] } = {},
): Promise<Head> {
  await unit.load([names.head, ...(also.keys ?? [])], [...(also.guesses ?? []), names.floor]);
  const head = unit.value(names.head) as Head | undefined;
  if (head !== undefined) return head;
  return { ...NEW_HEAD, last: (unit.value(names.floor) as { readonly last: number } | undefined)?.last ?? 0 };
}

/** Reads the body that goes with a head. */
export async function loadBody(unit: Unit, names: SessionNames, head: Head): Promise<Body> {
  const none: Body = { session: null, state: [] };
  if (head.body === undefined) return none;
  await unit.load([names.body]);
  if (unit.versionOf(names.body) !== head.body) await unit.reload(names.body);
  return (unit.value(names.body) as Body | undefined) ?? none;
}

/** Writes marks where they differ from those before. */
export function putMarks(unit: Unit, before: Marks, after: Marks): void {
  for (const [name, [partition, sort, body]] of Object.entries(after)) {
    const old = before[name];
    const isSame = old !== undefined && old[0] === partition && old[1] === sort;
    if (old !== undefined && !isSame) unit.delete({ partition: old[0], sort: old[1] });
    if (!isSame || JSON.stringify(old[2]) !== JSON.stringify(body)) unit.put({ partition, sort }, body);
  }
  for (const [name, [partition, sort]] of Object.entries(before)) {
    if (after[name] === undefined) unit.delete({ partition, sort });
  }
}

/** What every session's files say of it. */
export interface HeadMark {
  readonly key: string;
  readonly unread: number;
  readonly oldestMs?: number;
  readonly sinceMs?: number;
}

/** What filing a session needs. */
export interface Filing {
  readonly names: SessionNames;
  readonly orders: Orders;
  readonly clock: StoreClock;
}

/** Writes a head and files it where it belongs now. Returns it as it was written. */
export function putHead(unit: Unit, head: Head, filing: Filing): Head {
  const filed = fileHead(head, filing);
  putMarks(unit, head.marks, filed.marks);
  unit.put(filing.names.head, filed);
  return filed;
}

/** Files a session anew where time has moved it. */
export function refile(unit: Unit, head: Head, filing: Filing): void {
  if (JSON.stringify(fileHead(head, filing).marks) !== JSON.stringify(head.marks)) putHead(unit, head, filing);
}

function fileHead(head: Head, { names: { key, shard }, orders, clock }: Filing): Head {
  const nowMs = clock.nowMs();
  const { hold, inbox } = head;
  const [oldest] = inbox;
  const mark = {
    key,
    unread: inbox.length,
    ...(oldest === undefined ? {} : { oldestMs: oldest[1] }),
    ...(hold === undefined ? {} : { sinceMs: hold.sinceMs }),
  } satisfies HeadMark;
  const marks: Record<string, Mark> = {};
  let { last } = head;
  if (hold !== undefined) {
    marks["held"] = [`held:${shard}`, `${pad(hold.untilMs)}${pad(hold.fence)}`, mark];
  } else if (hasWork(head, nowMs)) {
    const since = head.marks["ready"]?.[1] ?? pad((last = orders.draw(shard, last)));
    marks["ready"] = [`ready:${shard}`, since, mark];
  }
  const nextMs = Math.min(...head.timers.map(({ dueAtMs }) => dueAtMs).filter((dueAtMs) => dueAtMs > nowMs));
  if (nextMs < Number.POSITIVE_INFINITY) marks["timer"] = [`timer:${shard}`, `${pad(nextMs)} ${short(key)}`, key];
  if (!isEmpty(head)) marks["listed"] = [`keys:${shard}`, short(key), [key, head.hasRecord ? 1 : 0]];
  const review = reviewOf(head, { key, shard }, nowMs);
  if (review !== undefined) marks["review"] = review;
  return { ...head, last, marks };
}

/** When a sweep shall look at a session; one that is looked at too early is filed anew then. */
function reviewOf(head: Head, { key, shard }: Pick<SessionNames, "key" | "shard">, nowMs: number): Mark | undefined {
  const old = head.marks["review"];
  const atMs = isEmpty(head) ? nowMs + GONE_MS : head.expiresAtMs;
  if (atMs === undefined) return old;
  const mark: Mark = [`x:${shard}`, `${pad(atMs)} s${short(key)}`, key];
  return old !== undefined && old[1] <= mark[1] ? old : mark;
}

/** Drops all that is only a session's own; what is left of it remembers its numbers. */
export async function forget(unit: Unit, names: SessionNames, head: Head): Promise<Head> {
  const gone = [
    ...(head.body === undefined ? [] : [names.body]),
    ...head.inbox.map(([order]) => names.entry(order)),
    ...head.steps.map(([, order]) => names.step(order)),
  ];
  await unit.load(gone);
  for (const name of gone) unit.discard(name);
  const { last, marks, journal } = head;
  return { ...NEW_HEAD, last, marks, ...(journal === undefined ? {} : { journal }) };
}

/** Everything that a lease carries. */
export async function carry(
  unit: Unit,
  names: SessionNames,
  { head, body, nowMs }: { readonly head: Head; readonly body: Body; readonly nowMs: number },
): Promise<Lease> {
  const entries = head.inbox.slice(0, LEASE_INBOX_MAX).map(([order]) => names.entry(order));
  const steps = head.steps.map(([, order]) => names.step(order));
  await unit.load([...entries, ...steps]);
  const { worker = "", fence = 0 } = head.hold ?? {};
  return {
    key: names.key,
    worker,
    fence,
    session: body.session ?? undefined,
    inbox: entries.flatMap((name) => (unit.value(name) as InboxEntry | undefined) ?? []),
    timers: dueTimers(head, nowMs),
    state: new Map(body.state),
    steps: steps
      .flatMap((name) => (unit.value(name) as Step | undefined) ?? [])
      .sort((a, b) => a.turn - b.turn || a.seq - b.seq),
    attempt: head.attempt,
  };
}
