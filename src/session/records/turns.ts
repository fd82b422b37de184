import type { SessionKeyText } from "../../types/index.ts";
import type { Attempt } from "../patience.ts";
import { JOURNAL_RETENTION_MS, JOURNAL_TURNS_MAX } from "../store.ts";
import type { DeadLetter, InboxEntry, JournalEntry, Lease, TurnCommit } from "../store.ts";
import { fenceStale, notUnread, rowDuplicate } from "../turn-rules.ts";
import { filingOf } from "./core.ts";
import type { RecordCore } from "./core.ts";
import { carry, hasWork, isEmpty, loadBody, loadHead, putHead } from "./head.ts";
import type { Body, Head } from "./head.ts";
import type { Delivery } from "./intake.ts";
import { addRows, areMany, isIdTaken, unpackRows } from "./lanes.ts";
import { appendLog } from "./logs.ts";
import { idName, letterName, pad, short } from "./names.ts";
import type { Name, SessionNames } from "./names.ts";
import type { Unit } from "./unit.ts";

/** A turn as its journal keeps it. */
export interface KeptTurn extends JournalEntry {
  readonly key: SessionKeyText;
}

/** A turn that is being committed. */
interface Committing {
  readonly names: SessionNames;
  readonly lease: Lease;
  readonly turn: TurnCommit;
}

/** A journal is looked through for what is too much each time so many turns have come. */
const TRIM_EACH = 25;

/** Commits a turn; with `keep`, the lease goes on where there is something to do. */
export async function commit(
  core: RecordCore,
  attempt: Attempt,
  { lease, turn, keep }: { readonly lease: Lease; readonly turn: TurnCommit; readonly keep: boolean },
): Promise<Lease | undefined> {
  await core.orders.prepare(attempt);
  const names = core.names.session(lease.key);
  const done = await core.units.run(attempt, names.conversation, async (unit) => {
    const found = await load(unit, core, { names, lease, turn });
    await check(unit, core, { names, lease, turn, head: found });
    const body = await changedBody(unit, { names, turn, head: found });
    await settleEntries(unit, core, { names, lease, turn });
    let head = await changedHead(unit, { names, turn, head: found, body });
    head = await writeJournal(unit, core, { names, lease, turn, head });
    if (turn.log.length > 0) {
      await appendLog(unit, core, {
        conversation: names.conversation,
        activities: turn.log,
        keepMs: turn.logKeepMs,
      });
    }
    const { last, isPacked } = await addRows(unit, core, { names, rows: turn.outbox, after: head.last });
    return { isPacked, lease: await finish(unit, core, { names, keep, body, head: { ...head, last } }) };
  });
  if (done.isPacked) await unpackRows(core, attempt, names.conversation);
  return done.lease;
}

/** Reads all that the turn touches, in one request if nothing is remembered. */
async function load(unit: Unit, core: RecordCore, { names, lease, turn }: Committing): Promise<Head> {
  const { log, outbox } = turn;
  const entries = entriesOf(turn).map((order) => names.entry(order));
  const answered = (turn.answers ?? []).flatMap(({ order }) => {
    const entry = lease.inbox.find((unread) => unread.order === order);
    return entry === undefined || entry.isForgotten === true ? [] : [core.names.delivery(names.key, entry.dedupeKey)];
  });
  const keys: Name[] = [...entries, ...answered, ...(log.length === 0 ? [] : [core.names.log(names.conversation)])];
  if (outbox.length > 0) keys.push(core.names.lane(names.conversation));
  const ids = outbox.map(({ id }) => idName(id));
  return loadHead(
    unit,
    names,
    areMany(core, outbox)
      ? { keys: [...keys, ...ids], guesses: [names.body] }
      : { keys, guesses: [names.body, ...ids] },
  );
}

/** The orders that a turn names, each once. */
function entriesOf({ consumed, deadLetters = [], answers = [] }: TurnCommit): number[] {
  return [...new Set([...consumed, ...deadLetters.map(({ order }) => order), ...answers.map(({ order }) => order)])];
}

/** Everything that can refuse a turn, before anything changes. */
async function check(
  unit: Unit,
  core: RecordCore,
  { names, lease, turn, head }: Committing & { readonly head: Head },
): Promise<void> {
  if (head.hold?.fence !== lease.fence) throw fenceStale("Commit turn", lease);
  const unread = new Set(head.inbox.map(([order]) => order));
  for (const order of entriesOf(turn)) if (!unread.has(order)) throw notUnread(names.key, order);
  const ids = new Set<string>();
  for (const { id } of turn.outbox) {
    if (ids.has(id)) throw rowDuplicate(names.key, id);
    ids.add(id);
    if (unit.versionOf(idName(id)) !== undefined && (await isIdTaken(unit, core, id)))
      throw rowDuplicate(names.key, id);
  }
}

async function changedBody(
  unit: Unit,
  { names, turn, head }: { readonly names: SessionNames; readonly turn: TurnCommit; readonly head: Head },
): Promise<Body> {
  const old = await loadBody(unit, names, head);
  if (turn.session === null) {
    if (head.body !== undefined) unit.delete(names.body);
    return { session: null, state: [] };
  }
  const state = new Map(old.state);
  for (const { key, value } of turn.state) {
    if (value === undefined) state.delete(key);
    else state.set(key, value);
  }
  const body: Body = { session: turn.session, state: [...state] };
  unit.put(names.body, body);
  return body;
}

/** Takes what the turn consumed out of the inbox: answered, and buried where it could not be handled. */
async function settleEntries(unit: Unit, core: RecordCore, { names, turn }: Committing): Promise<void> {
  const nowMs = core.clock.nowMs();
  const { consumed, deadLetters = [], answers = [] } = turn;
  for (const { order, answer } of answers) {
    const entry = unit.value(names.entry(order)) as InboxEntry | undefined;
    if (entry === undefined || entry.isForgotten === true) continue;
    const name = core.names.delivery(names.key, entry.dedupeKey);
    const delivery = await unit.read<Delivery>(name);
    if (delivery?.order === order && delivery.untilMs > nowMs) unit.put(name, { ...delivery, answer: [answer] });
  }
  for (const { order, reason } of deadLetters) {
    const entry = unit.value(names.entry(order)) as InboxEntry | undefined;
    if (entry === undefined) continue;
    const { isForgotten: _isForgotten, ...died } = entry;
    unit.put(letterName(order), { ...died, key: names.key, reason, diedAtMs: nowMs } satisfies DeadLetter);
  }
  for (const order of new Set([...consumed, ...deadLetters.map((letter) => letter.order)])) {
    unit.discard(names.entry(order));
  }
}

async function changedHead(
  unit: Unit,
  {
    names,
    turn,
    head,
    body,
  }: { readonly names: SessionNames; readonly turn: TurnCommit; readonly head: Head; readonly body: Body },
): Promise<Head> {
  const steps = head.steps.map(([, order]) => names.step(order));
  await unit.load(steps);
  for (const step of steps) unit.discard(step);
  const gone = new Set([...turn.consumed, ...(turn.deadLetters ?? []).map(({ order }) => order)]);
  const replaced = new Set([...turn.timersDone, ...turn.timersNew.map(({ onceKey }) => onceKey)]);
  const kept = turn.session === null ? [] : head.timers.filter(({ onceKey }) => !replaced.has(onceKey));
  const timersNew = new Map(turn.timersNew.map((timer) => [timer.onceKey, timer]));
  const { body: _body, bytes: _bytes, expiresAtMs: _expiresAtMs, ...rest } = head;
  return {
    ...rest,
    ...(body.session === null ? {} : { body: unit.version, bytes: bytesOf(body) }),
    ...(body.session?.expiresAtMs === undefined ? {} : { expiresAtMs: body.session.expiresAtMs }),
    hasRecord: body.session !== null,
    attempt: 0,
    inbox: head.inbox.filter(([order]) => !gone.has(order)),
    steps: [],
    timers: [...kept, ...timersNew.values()],
  };
}

/** The bytes of a body as they count: the record's text, and the names and texts of the state. */
function bytesOf({ session, state }: Body): number {
  const texts = [JSON.stringify(session), ...state.flatMap(([key, value]) => [key, JSON.stringify(value)])];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

async function writeJournal(
  unit: Unit,
  core: RecordCore,
  { names, lease, turn, head }: Committing & { readonly head: Head },
): Promise<Head> {
  if (turn.journal === undefined) return head;
  const atMs = core.clock.nowMs();
  // Orders rise, and by more than one a turn: what a head begins with comes behind all that one before it wrote.
  const serial = head.journal ?? core.orders.draw(names.shard, head.last);
  const revision = turn.session?.revision ?? (lease.session?.revision ?? 0) + 1;
  const kept = { key: names.key, revision, atMs, turn: turn.journal } satisfies KeptTurn;
  unit.put(names.journal(serial), kept);
  if (head.journal === undefined) {
    const sort = `${pad(atMs + JOURNAL_RETENTION_MS)} j${short(names.key)}`;
    unit.put({ partition: `x:${names.shard}`, sort }, names.key);
  }
  if (serial % TRIM_EACH === 0) {
    const { partition, sort: before } = names.journal(serial - JOURNAL_TURNS_MAX + 1);
    const over = await unit.scan({ partition, after: `${short(names.key)} `, before, limit: 2 * TRIM_EACH });
    for (const entry of over) unit.discard(entry);
  }
  return { ...head, journal: serial + 1, last: Math.max(head.last, serial) };
}

/** Goes on with the lease where that is wanted and there is something to do, else gives it back. */
async function finish(
  unit: Unit,
  core: RecordCore,
  {
    names,
    keep,
    body,
    head,
  }: { readonly names: SessionNames; readonly keep: boolean; readonly body: Body; readonly head: Head },
): Promise<Lease | undefined> {
  const nowMs = core.clock.nowMs();
  const { hold, ...free } = head;
  if (!keep || hold === undefined || !hasWork(head, nowMs) || isEmpty(head)) {
    putHead(unit, free, filingOf(core, names));
    return undefined;
  }
  const sinceMs = core.clock.monotonicMs();
  const held = { ...head, hold: { ...hold, sinceMs, untilMs: sinceMs + hold.ttlMs } };
  return carry(unit, names, { head: putHead(unit, held, filingOf(core, names)), body, nowMs });
}
