import type { JsonValue } from "../../types/index.ts";
import type { Attempt } from "../patience.ts";
import { LOG_ENTRIES_MAX, logStaysMs } from "../store.ts";
import type { LogEntry, LogRange } from "../store.ts";
import type { RecordCore } from "./core.ts";
import { pad, short } from "./names.ts";
import type { RecordKey } from "./space.ts";
import type { Unit } from "./unit.ts";

/** A conversation's log lies in pages, one a write, each named by its last index; this says which of them count. */
export interface LogHead {
  readonly conversation: string;
  /** The index of the next entry. */
  readonly next: number;
  /** What is below is past its time. */
  readonly from: number;
  readonly touchedAtMs: number;
  /** How long each entry is kept; absent where nobody said. */
  readonly keepMs?: number;
  /** What makes a sweep look at the log. */
  readonly review: RecordKey;
}

interface LogPage {
  readonly first: number;
  readonly atMs: number;
  readonly activities: readonly JsonValue[];
}

interface Appended {
  readonly conversation: string;
  readonly activities: readonly JsonValue[];
  readonly keepMs: number | undefined;
}

/** Pages that are over are looked for each time so many entries have come. */
const TRIM_EACH = 64;
const TRIM_PAGES = 2 * TRIM_EACH;

/** Appends to a log whose head was loaded; returns the index of the first entry. */
export async function appendLog(
  unit: Unit,
  core: RecordCore,
  { conversation, activities, keepMs }: Appended,
): Promise<number> {
  const { names, clock } = core;
  const nowMs = clock.nowMs();
  const old = unit.value(names.log(conversation)) as LogHead | undefined;
  const first = old?.next ?? 0;
  const next = first + activities.length;
  const from = old === undefined || isOver(old, nowMs) ? first : old.from;
  // A time that is new counts for what is there: a sweep shall look at it now.
  const lookAtMs = keepMs === undefined ? nowMs + logStaysMs(keepMs) : nowMs + (keepMs === old?.keepMs ? keepMs : 0);
  const head = { conversation, next, from, touchedAtMs: nowMs, ...(keepMs === undefined ? {} : { keepMs }) };
  putHead(unit, core, { head, old, lookAtMs });
  unit.put(names.logPage(conversation, next - 1), { first, atMs: nowMs, activities } satisfies LogPage);
  if (Math.floor(next / TRIM_EACH) > Math.floor(first / TRIM_EACH)) {
    const before = names.logPage(conversation, Math.max(from, next - LOG_ENTRIES_MAX)).sort;
    const pages = await pagesOf(unit, core, { conversation, before, limit: TRIM_PAGES });
    for (const page of pages) unit.discard(page);
  }
  return first;
}

/** Reads entries after an index, oldest first. */
export async function readLog(
  { units, names, clock }: RecordCore,
  attempt: Attempt,
  { conversation, after, limit, keepMs }: LogRange & { readonly conversation: string },
): Promise<readonly LogEntry[]> {
  const nowMs = clock.nowMs();
  const [found] = await units.records.get(attempt, [names.log(conversation)]);
  const head = found === undefined ? undefined : (JSON.parse(found.body) as LogHead);
  if (head === undefined || isOver(head, nowMs)) return [];
  const from = Math.max(after + 1, head.from, head.next - LOG_ENTRIES_MAX);
  const pages = await units.records.scan(attempt, {
    ...pageRange(conversation, names.log(conversation).partition),
    ...(from === 0 ? {} : { after: names.logPage(conversation, from - 1).sort }),
    limit: head.keepMs === undefined && keepMs === undefined ? Math.min(limit, LOG_ENTRIES_MAX) : LOG_ENTRIES_MAX,
  });
  const entries = pages.flatMap(({ body }) => {
    const page = JSON.parse(body) as LogPage;
    return isKept(page, head, nowMs) && isKept(page, { keepMs }, nowMs)
      ? page.activities.map((activity, n) => ({ index: page.first + n, activity }))
      : [];
  });
  return entries.filter(({ index }) => index >= from).slice(0, Math.max(0, limit));
}

/** Drops what is past its time of a log, and says when to look again. */
export async function reviewLog(unit: Unit, core: RecordCore, conversation: string): Promise<void> {
  const nowMs = core.clock.nowMs();
  const head = await unit.read<LogHead>(core.names.log(conversation));
  if (head === undefined) return;
  if (isOver(head, nowMs)) {
    await dropLog(unit, core, conversation);
    return;
  }
  let lookAtMs = head.touchedAtMs + logStaysMs(head.keepMs);
  if (head.keepMs !== undefined) {
    for (const record of await pagesOf(unit, core, { conversation, limit: TRIM_PAGES })) {
      const page = JSON.parse(record.body) as LogPage;
      if (isKept(page, head, nowMs)) {
        lookAtMs = Math.min(lookAtMs, page.atMs + head.keepMs);
        break;
      }
      unit.discard(record);
      lookAtMs = nowMs;
    }
  }
  const { review: _review, ...rest } = head;
  // The note that led here goes in any case.
  putHead(unit, core, { head: rest, old: undefined, lookAtMs });
}

/** Drops a log, if there is one; its pages go with it or, where there are many, behind it. */
export async function dropLog(unit: Unit, core: Pick<RecordCore, "names">, conversation: string): Promise<boolean> {
  const name = core.names.log(conversation);
  const head = await unit.read<LogHead>(name);
  if (head === undefined) return false;
  unit.delete(name);
  unit.delete(head.review);
  for (const page of await pagesOf(unit, core, { conversation, limit: 10 * LOG_ENTRIES_MAX })) unit.discard(page);
  return true;
}

/** Writes a head; a sweep looks at it when it would have anyway, or at `lookAtMs` where that is sooner. */
function putHead(
  unit: Unit,
  { names }: RecordCore,
  {
    head,
    old,
    lookAtMs,
  }: { readonly head: Omit<LogHead, "review">; readonly old: LogHead | undefined; readonly lookAtMs: number },
): void {
  const { conversation } = head;
  const name = names.log(conversation);
  const wanted = { partition: `x${name.partition.slice(1)}`, sort: `${pad(lookAtMs)} g${short(conversation)}` };
  const isSooner = old === undefined || wanted.sort < old.review.sort;
  if (isSooner) {
    if (old !== undefined) unit.delete(old.review);
    unit.put(wanted, conversation);
  }
  unit.put(name, { ...head, review: isSooner ? wanted : old.review } satisfies LogHead);
}

function pagesOf(
  unit: Unit,
  { names }: Pick<RecordCore, "names">,
  { conversation, before, limit }: { readonly conversation: string; readonly before?: string; readonly limit: number },
): ReturnType<Unit["scan"]> {
  const range = pageRange(conversation, names.log(conversation).partition);
  return unit.scan({ ...range, ...(before === undefined ? {} : { before }), limit });
}

function pageRange(conversation: string, partition: string): { partition: string; after: string; before: string } {
  return { partition, after: `${short(conversation)} p`, before: `${short(conversation)} q` };
}

function isKept({ atMs }: LogPage, { keepMs }: { readonly keepMs?: number | undefined }, nowMs: number): boolean {
  return keepMs === undefined || atMs > nowMs - keepMs;
}

function isOver({ touchedAtMs, keepMs }: LogHead, nowMs: number): boolean {
  return touchedAtMs + logStaysMs(keepMs) <= nowMs;
}
