import type { SessionKeyText } from "../../types/index.ts";
import type { Attempt } from "../patience.ts";
import { conversationOf } from "../store.ts";
import type { NewOutboxRow, OutboxRow, OutboxStatus } from "../store.ts";
import type { RecordCore } from "./core.ts";
import { putMarks } from "./head.ts";
import type { Held, Mark, Marks } from "./head.ts";
import { bundleName, idName, pad, rowName, short } from "./names.ts";
import type { Name, SessionNames } from "./names.ts";
import type { Unit } from "./unit.ts";

/** A row that is yet to leave its lane. */
export interface LaneRow {
  readonly order: number;
  readonly notBeforeMs: number;
  readonly status: OutboxStatus;
  readonly createdAtMs: number;
  /** Where it lies together with others: the order of the first. */
  readonly bundle?: number;
}

/** Who holds a lane's first row; the attempts tell this claim from a later one by the same sender. */
export interface Claim extends Held {
  readonly sender: string;
  readonly order: number;
  readonly attempts: number;
  readonly hasBegun: boolean;
}

/** What a conversation has to send, by order: only the first may leave. Every write of one of its pending rows changes it. */
export interface Lane {
  readonly conversation: string;
  readonly rows: readonly LaneRow[];
  readonly claim?: Claim;
  readonly marks: Marks;
}

/** What a lane's file says of it. */
export interface LaneMark {
  readonly conversation: string;
  readonly order: number;
  readonly queued: number;
  readonly unknown: number;
  readonly oldestMs?: number;
  readonly sinceMs?: number;
}

/** What is known of a row by its id. */
export interface RowId {
  readonly order: number;
  readonly key: SessionKeyText;
}

/** How much of a write may be rows: each has an id beside it, and sixteen messages may have an answer and a letter each. */
const OWN_RECORDS = 1 / 5;
/** Rows that are taken out of a bundle at once. */
const UNPACKED = 40;

/** Reads a lane; a new one where there is none. */
export async function loadLane(
  unit: Unit,
  core: RecordCore,
  conversation: string,
  also: readonly Name[] = [],
): Promise<Lane> {
  const name = core.names.lane(conversation);
  await unit.load([name, ...also]);
  return (unit.value(name) as Lane | undefined) ?? { conversation, rows: [], marks: {} };
}

/** Writes a lane and files it where it belongs now; one that has nothing goes. */
export function putLane(unit: Unit, { names, clock }: RecordCore, lane: Lane): void {
  const name = names.lane(lane.conversation);
  const place = placeOf(lane, names.shardOf(lane.conversation), clock.nowMs());
  const marks: Marks = place === undefined ? {} : { place };
  putMarks(unit, lane.marks, marks);
  if (place === undefined) unit.delete(name);
  else unit.put(name, { ...lane, marks } satisfies Lane);
}

function placeOf({ conversation, rows, claim }: Lane, shard: number, nowMs: number): Mark | undefined {
  const [first] = rows;
  if (first === undefined && claim === undefined) return undefined;
  const waiting = rows.filter(({ status }) => status !== "unknown");
  const oldestMs = Math.min(...waiting.map(({ createdAtMs }) => createdAtMs));
  const mark = {
    conversation,
    order: first?.order ?? 0,
    queued: waiting.length,
    unknown: rows.length - waiting.length,
    ...(waiting.length === 0 ? {} : { oldestMs }),
    ...(claim === undefined ? {} : { sinceMs: claim.sinceMs }),
  } satisfies LaneMark;
  if (claim !== undefined) return [`claim:${shard}`, `${pad(claim.untilMs)} ${short(conversation)}`, mark];
  const notBeforeMs = first?.notBeforeMs ?? 0;
  if (notBeforeMs > nowMs) return [`rest:${shard}`, `${pad(notBeforeMs)} ${short(conversation)}`, mark];
  return [`go:${shard}`, pad(mark.order), mark];
}

/** Puts a row where its order belongs. */
export function insertRow(lane: Lane, row: LaneRow): Lane {
  const behind = lane.rows.findIndex((other) => other.order > row.order);
  const at = behind < 0 ? lane.rows.length : behind;
  return { ...lane, rows: lane.rows.toSpliced(at, 0, row) };
}

export function withoutRow(lane: Lane, order: number): Lane {
  return { ...lane, rows: lane.rows.filter((row) => row.order !== order) };
}

export function replaceRow(lane: Lane, { order, notBeforeMs, status }: OutboxRow): Lane {
  const rows = lane.rows.map((row) => (row.order === order ? { ...row, notBeforeMs, status } : row));
  return { ...lane, rows };
}

/** Takes a lane from whoever held it for too long; what had begun is unknown for ever. */
export async function expireClaim(unit: Unit, lane: Lane): Promise<Lane> {
  const { claim, ...free } = lane;
  if (claim === undefined) return lane;
  const name = rowName("p", claim.order);
  const row = await unit.read<OutboxRow>(name);
  // It was erased under its holder.
  if (row === undefined) return withoutRow(free, claim.order);
  if (!claim.hasBegun) return free;
  const unknown: OutboxRow = { ...row, status: "unknown", wasUnknown: true };
  unit.put(name, unknown);
  return replaceRow(free, unknown);
}

/** Whether a row of that id, whose name was loaded, is yet to be sent. */
export async function isIdTaken(unit: Unit, core: RecordCore, id: string): Promise<boolean> {
  const known = unit.value(idName(id)) as RowId | undefined;
  if (known === undefined) return false;
  const { rows } = await loadLane(unit, core, conversationOf(known.key));
  return rows.some(({ order }) => order === known.order);
}

/** Whether a turn's rows are too many for one write. The write then doesn't look at their ids, so that these must have been read. */
export function areMany({ units }: RecordCore, rows: readonly NewOutboxRow[]): boolean {
  return rows.length > units.records.limits.changes * OWN_RECORDS;
}

/**
 * Puts a turn's rows into its lane. What is too much for one write lies in one record at first. Returns the last order drawn and
 * whether there is something to unpack.
 */
export async function addRows(
  unit: Unit,
  core: RecordCore,
  {
    names,
    rows,
    after,
  }: { readonly names: SessionNames; readonly rows: readonly NewOutboxRow[]; readonly after: number },
): Promise<{ readonly last: number; readonly isPacked: boolean }> {
  if (rows.length === 0) return { last: after, isPacked: false };
  const createdAtMs = core.clock.nowMs();
  let last = after;
  const added = rows.map(({ id, provider, sinkClass, payload, traceId }): OutboxRow => {
    const order = (last = core.orders.draw(names.shard, last));
    const fate = { status: "queued", attempts: 0, wasUnknown: false, notBeforeMs: 0 } as const;
    return { id, provider, sinkClass, payload, traceId, key: names.key, order, ...fate, createdAtMs };
  });
  const first = added[0]?.order ?? 0;
  const isPacked = areMany(core, rows);
  if (isPacked) unit.create(bundleName(first), added);
  else for (const row of added) putRow(unit, row);
  let lane = await loadLane(unit, core, names.conversation);
  for (const { order } of added) {
    const row: LaneRow = { order, notBeforeMs: 0, status: "queued", createdAtMs };
    lane = { ...lane, rows: [...lane.rows, isPacked ? { ...row, bundle: first } : row] };
  }
  putLane(unit, core, lane);
  return { last, isPacked };
}

function putRow(unit: Unit, row: OutboxRow): void {
  unit.create(rowName("p", row.order), row);
  unit.put(idName(row.id), { order: row.order, key: row.key } satisfies RowId);
}

/** Gives each row that lies together with others a record of its own. */
export async function unpackRows(core: RecordCore, attempt: Attempt, conversation: string): Promise<void> {
  let isLeft = true;
  while (isLeft) {
    isLeft = await core.units.run(attempt, conversation, async (unit) => {
      const lane = await loadLane(unit, core, conversation);
      const bundle = lane.rows.find((row) => row.bundle !== undefined)?.bundle;
      if (bundle === undefined) return false;
      const packed = (await unit.read<readonly OutboxRow[]>(bundleName(bundle))) ?? [];
      const unpacked = packed.slice(0, UNPACKED);
      for (const row of unpacked) putRow(unit, row);
      if (packed.length > UNPACKED) unit.put(bundleName(bundle), packed.slice(UNPACKED));
      else unit.delete(bundleName(bundle));
      const own = new Set(unpacked.map(({ order }) => order));
      const rows = lane.rows.map((row): LaneRow => {
        if (row.bundle !== bundle || (packed.length > 0 && !own.has(row.order))) return row;
        const { bundle: _bundle, ...unbundled } = row;
        return unbundled;
      });
      putLane(unit, core, { ...lane, rows });
      return true;
    });
  }
}
