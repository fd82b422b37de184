import type { SessionKeyText } from "../../types/index.ts";
import type { Attempt } from "../patience.ts";
import { JOURNAL_RETENTION_MS } from "../store.ts";
import type { Overdue } from "../store.ts";
import { bucketNote } from "./admin.ts";
import type { Bucket } from "./admin.ts";
import { filingOf } from "./core.ts";
import type { RecordCore } from "./core.ts";
import { forget, GONE_MS, isEmpty, isFree, loadHead, putHead, putMarks, refile } from "./head.ts";
import type { Head, HeadMark, Mark } from "./head.ts";
import type { Delivery } from "./intake.ts";
import type { LaneMark } from "./lanes.ts";
import { reviewLog } from "./logs.ts";
import { bucketName, floorOf, pad, prefixed, rowName, short } from "./names.ts";
import { keyIn, scanEach } from "./pick.ts";
import { freeLane } from "./sends.ts";
import type { StoredRecord } from "./space.ts";
import type { KeptTurn } from "./turns.ts";
import type { Garbage, Unit } from "./unit.ts";

const OVERDUE_MAX = 1_000;
/** Timers that one call finds due in each shard. */
const DUE_MAX = 200;
/** Notes that one call looks at in each shard. */
const NOTES_MAX = 80;
/** Notes of small records that one write settles. */
const NOTES_AT_ONCE = 40;
/** What is done at the same time. */
const WIDTH = 8;
/** When a session is looked at again that is expired and busy. */
const BUSY_AGAIN_MS = 60_000;
/** How old a floor must be before heads go that it stands for: who read before it was raised is done by then. */
const FLOOR_MS = 60_000;

/** What a note's name begins with, behind its time. */
type NoteKind = "d" | "r" | "g" | "j" | "s" | "b" | "k";
/** The orders of sessions that are gone are below this. */
interface Floor {
  readonly last: number;
  readonly atMs: number;
}

/** Tells what is overdue and drops what is past its time, some of it. */
export async function sweep(core: RecordCore, attempt: Attempt): Promise<Overdue> {
  await core.orders.prepare(attempt);
  await lookAtNotes(core, attempt);
  const { clock } = core;
  const due = await scanEach(core, attempt, { index: "timer", before: pad(clock.nowMs() + 1), limit: DUE_MAX });
  await inTurns(due.records, (record) => fileAnew(core, attempt, keyIn(record)));
  const claims = await setBack(core, attempt, "claim");
  await inTurns(claims, ({ body }) => freeLane(core, attempt, (JSON.parse(body) as LaneMark).conversation));
  const [held, ready, back, timers, ...sends] = await Promise.all([
    scanEach(core, attempt, { index: "held", before: pad(clock.monotonicMs() + 1), limit: OVERDUE_MAX }),
    scanEach(core, attempt, { index: "ready", limit: OVERDUE_MAX }),
    setBack(core, attempt, "held"),
    scanEach(core, attempt, { index: "timer", after: `${pad(clock.nowMs())}~`, limit: 1 }),
    scanEach(core, attempt, { index: "go", limit: 1 }),
    scanEach(core, attempt, { index: "rest", before: pad(clock.nowMs() + 1), limit: 1 }),
    scanEach(core, attempt, { index: "claim", before: pad(clock.monotonicMs() + 1), limit: 1 }),
  ]);
  const [timer] = timers.records;
  return {
    sessions: [...new Set([...held.records, ...back, ...ready.records].map(keyIn))].slice(0, OVERDUE_MAX),
    sends: sends.some(({ records }) => records.length > 0),
    ...(timer === undefined ? {} : { nextTimerAtMs: Number(timer.sort.slice(0, pad(0).length)) }),
  };
}

/** What is held from a time on that is yet to come, since a clock was set back, is among what is held the longest. */
async function setBack(
  { units, names, clock }: RecordCore,
  attempt: Attempt,
  index: "held" | "claim",
): Promise<StoredRecord[]> {
  const pages = await Promise.all(
    names.shards.map((shard) =>
      units.records.scan(attempt, { partition: `${index}:${shard}`, isBackwards: true, limit: WIDTH }),
    ),
  );
  return pages.flat().filter(({ body }) => {
    const { sinceMs = 0 } = JSON.parse(body) as HeadMark | LaneMark;
    return isFree({ sinceMs, untilMs: Number.POSITIVE_INFINITY }, clock);
  });
}

async function fileAnew(core: RecordCore, attempt: Attempt, key: SessionKeyText): Promise<void> {
  const names = core.names.session(key);
  await core.units.run(attempt, names.conversation, async (unit) => {
    refile(unit, await loadHead(unit, names), filingOf(core, names));
  });
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += WIDTH) await Promise.all(items.slice(from, from + WIDTH).map(work));
}

/** Looks at what is to be looked at by now. Each note goes once that is done, so that nothing is forgotten. */
async function lookAtNotes(core: RecordCore, attempt: Attempt): Promise<void> {
  const before = pad(core.clock.nowMs() + 1);
  const { records } = await scanEach(core, attempt, { index: "x", before, limit: NOTES_MAX });
  const byKind = Map.groupBy(records, ({ sort }) => sort.charAt(pad(0).length + 1) as NoteKind);
  for (const [kind, notes] of byKind) {
    switch (kind) {
      case "d":
      case "r":
        await inBatches(core, attempt, { notes, drop: kind === "d" ? dropDeliveries : dropSentRows });
        break;
      case "k":
        await inTurns(notes, (note) => core.units.collect(attempt, JSON.parse(note.body) as Garbage[], note));
        break;
      default:
        await inTurns(notes, (note) => lookAt(core, attempt, { kind, note }));
    }
  }
}

async function inBatches(
  core: RecordCore,
  attempt: Attempt,
  {
    notes,
    drop,
  }: {
    readonly notes: readonly StoredRecord[];
    readonly drop: (unit: Unit, core: RecordCore, notes: readonly StoredRecord[]) => Promise<void>;
  },
): Promise<void> {
  for (let from = 0; from < notes.length; from += NOTES_AT_ONCE) {
    const batch = notes.slice(from, from + NOTES_AT_ONCE);
    await core.units.run(attempt, "notes", async (unit) => {
      await drop(unit, core, batch);
      for (const note of batch) unit.delete({ partition: note.partition, sort: note.sort });
    });
  }
}

async function dropDeliveries(unit: Unit, { clock }: RecordCore, notes: readonly StoredRecord[]): Promise<void> {
  const names = notes.map(({ partition, body }) => {
    return { partition: `d${partition.slice(1)}`, sort: JSON.parse(body) as string };
  });
  await unit.load(names);
  for (const name of names) {
    const delivery = unit.value(name) as Delivery | undefined;
    if (delivery !== undefined && delivery.untilMs <= clock.nowMs()) unit.delete(name);
  }
}

async function dropSentRows(unit: Unit, _core: RecordCore, notes: readonly StoredRecord[]): Promise<void> {
  const names = notes.map(({ body }) => rowName("s", JSON.parse(body) as number));
  await unit.load(names);
  for (const name of names) if (unit.versionOf(name) !== undefined) unit.delete(name);
}

async function lookAt(
  core: RecordCore,
  attempt: Attempt,
  { kind, note }: { readonly kind: Exclude<NoteKind, "d" | "r" | "k">; readonly note: StoredRecord },
): Promise<void> {
  const what = JSON.parse(note.body) as string;
  const { partition, sort } = note;
  const lane =
    kind === "g"
      ? what
      : kind === "b"
        ? bucketName(what).partition
        : core.names.session(what as SessionKeyText).conversation;
  await core.units.run(attempt, lane, async (unit) => {
    unit.delete({ partition, sort });
    if (kind === "g") await reviewLog(unit, core, what);
    else if (kind === "j") await reviewJournal(unit, core, what as SessionKeyText);
    else if (kind === "b") await reviewBucket(unit, core, what);
    else await reviewSession(unit, core, { key: what as SessionKeyText, sort });
  });
}

/** Drops turns that are too old, and says when to look again. */
async function reviewJournal(unit: Unit, { names, clock }: RecordCore, key: SessionKeyText): Promise<void> {
  const { partition } = names.session(key).journal(0);
  const turns = await unit.scan({ ...prefixed(partition, `${short(key)} `), limit: NOTES_MAX });
  for (const turn of turns) {
    const endsAtMs = (JSON.parse(turn.body) as KeptTurn).atMs + JOURNAL_RETENTION_MS;
    if (endsAtMs <= clock.nowMs()) unit.discard(turn);
    else {
      unit.put({ partition: `x${partition.slice(1)}`, sort: `${pad(endsAtMs)} j${short(key)}` }, key);
      return;
    }
  }
}

/** Drops a bucket that is full, which says nothing, or says when it may be. */
async function reviewBucket(unit: Unit, { clock }: RecordCore, name: string): Promise<void> {
  const bucket = await unit.read<Bucket>(bucketName(name));
  if (bucket === undefined) return;
  if (bucket.fullAtMs <= clock.nowMs()) unit.delete(bucketName(name));
  else unit.put(bucketNote(name, bucket.fullAtMs), name);
}

/** Drops a session that is expired, free and has nothing unread, and in time what its head still remembers. */
async function reviewSession(
  unit: Unit,
  core: RecordCore,
  { key, sort }: { readonly key: SessionKeyText; readonly sort: string },
): Promise<void> {
  const nowMs = core.clock.nowMs();
  const names = core.names.session(key);
  const head = await loadHead(unit, names);
  const { review, ...others } = head.marks;
  if (review?.[1] !== sort) return;
  const again = (atMs: number): void => {
    const mark: Mark = [review[0], `${pad(atMs)} s${short(key)}`, key];
    putMarks(unit, others, { ...others, review: mark });
    unit.put(names.head, { ...head, marks: { ...others, review: mark } } satisfies Head);
  };
  if (isEmpty(head)) {
    if (await isBelowFloor(unit, core, { shard: names.shard, last: head.last })) unit.delete(names.head);
    else again(nowMs + 2 * FLOOR_MS);
    return;
  }
  const isExpired = (head.expiresAtMs ?? Number.POSITIVE_INFINITY) <= nowMs;
  if (!isExpired) putHead(unit, { ...head, marks: others }, filingOf(core, names));
  else if (head.inbox.length === 0 && isFree(head.hold, core.clock)) {
    const gone = await forget(unit, names, head);
    putHead(unit, { ...gone, marks: others }, filingOf(core, names));
  } else again(nowMs + BUSY_AGAIN_MS);
}

/** Whether new heads begin above a number for sure; sees to it that they will. */
async function isBelowFloor(
  unit: Unit,
  { orders, clock }: RecordCore,
  { shard, last }: { readonly shard: number; readonly last: number },
): Promise<boolean> {
  const nowMs = clock.nowMs();
  const floor = await unit.read<Floor>(floorOf(shard));
  if (floor !== undefined && floor.last >= last) return floor.atMs + FLOOR_MS <= nowMs || floor.atMs > nowMs + GONE_MS;
  unit.put(floorOf(shard), { last: orders.draw(shard, Math.max(last, floor?.last ?? 0)), atMs: nowMs } satisfies Floor);
  return false;
}
