import type { Attempt } from "../patience.ts";
import { claimLost, fateOf, isPending } from "../outbox-rules.ts";
import { conversationOf, SEND_GIVEN_UP, SENT_RETENTION_MS } from "../store.ts";
import type { OutboxRow, SendResult } from "../store.ts";
import type { RecordCore } from "./core.ts";
import { isFree } from "./head.ts";
import { expireClaim, insertRow, loadLane, putLane, replaceRow, unpackRows, withoutRow } from "./lanes.ts";
import type { Claim, Lane, RowId } from "./lanes.ts";
import { idName, pad, ROW_PLACES, rowName, shardOfOrder } from "./names.ts";
import type { Name, RowPlace } from "./names.ts";
import type { Unit } from "./unit.ts";

/** Who wants a row for how long. */
export interface Claimant {
  readonly sender: string;
  readonly ttlMs: number;
}

/** Runs a unit on a lane; rows that lie together are unpacked first. */
async function onLane<T>(
  core: RecordCore,
  attempt: Attempt,
  conversation: string,
  work: (unit: Unit, lane: Lane) => Promise<T>,
): Promise<T> {
  for (;;) {
    const done = await core.units.run(attempt, conversation, async (unit) => {
      const lane = await loadLane(unit, core, conversation);
      if (lane.rows.some(({ bundle }) => bundle !== undefined)) return undefined;
      return [await work(unit, lane)] as const;
    });
    if (done !== undefined) return done[0];
    await unpackRows(core, attempt, conversation);
  }
}

/** Claims the first row of a lane, if it may leave now. */
export function claimFirst(
  core: RecordCore,
  attempt: Attempt,
  { conversation, sender, ttlMs }: Claimant & { readonly conversation: string },
): Promise<OutboxRow | undefined> {
  return onLane(core, attempt, conversation, async (unit, found) => {
    if (found.claim !== undefined && !isFree(found.claim, core.clock)) return undefined;
    const lane = await expireClaim(unit, found);
    const [first] = lane.rows;
    const row = first === undefined ? undefined : await unit.read<OutboxRow>(rowName("p", first.order));
    if (first === undefined || row === undefined || first.notBeforeMs > core.clock.nowMs()) {
      // Nothing to claim: it was filed by a clock that was set back, or an expired claim was all that it had.
      if (found.rows.length > 0 || found.claim !== undefined) putLane(unit, core, lane);
      return undefined;
    }
    const sinceMs = core.clock.monotonicMs();
    const { order, attempts } = row;
    const claim: Claim = { sender, order, attempts, hasBegun: false, sinceMs, untilMs: sinceMs + ttlMs };
    putLane(unit, core, { ...lane, claim });
    return row;
  });
}

/** Frees a lane whose claim is over. */
export async function freeLane(core: RecordCore, attempt: Attempt, conversation: string): Promise<void> {
  await onLane(core, attempt, conversation, async (unit, lane) => {
    if (lane.claim !== undefined && isFree(lane.claim, core.clock)) putLane(unit, core, await expireClaim(unit, lane));
  });
}

function heldBy({ claim }: Lane, { order, attempts }: OutboxRow, sender: string): Claim | undefined {
  const isHeld = claim?.sender === sender && claim.order === order && claim.attempts === attempts;
  return isHeld ? claim : undefined;
}

export function beginSend(core: RecordCore, attempt: Attempt, row: OutboxRow, sender: string): Promise<void> {
  const name = rowName("p", row.order);
  return core.units.run(attempt, conversationOf(row.key), async (unit) => {
    const lane = await loadLane(unit, core, conversationOf(row.key), [name]);
    const claim = heldBy(lane, row, sender);
    const stored = unit.value(name) as OutboxRow | undefined;
    if (claim === undefined || claim.hasBegun || stored === undefined) throw claimLost("Begin send", row.id);
    const sending: OutboxRow = { ...stored, status: "sending", attempts: stored.attempts + 1 };
    unit.put(name, sending);
    putLane(unit, core, { ...replaceRow(lane, sending), claim: { ...claim, hasBegun: true } });
  });
}

export function endSend(
  core: RecordCore,
  attempt: Attempt,
  { row, sender, result }: { readonly row: OutboxRow; readonly sender: string; readonly result: SendResult },
): Promise<void> {
  const name = rowName("p", row.order);
  return core.units.run(attempt, conversationOf(row.key), async (unit) => {
    const lane = await loadLane(unit, core, conversationOf(row.key), [name]);
    const held = heldBy(lane, row, sender);
    if (held === undefined) throw claimLost("End send", row.id);
    const { claim: _claim, ...free } = lane;
    const stored = unit.value(name) as OutboxRow | undefined;
    if (stored === undefined) {
      putLane(unit, core, withoutRow(free, row.order));
      return;
    }
    const { lastError, ...fate } = fateOf(stored, delayed(core, result));
    const ended: OutboxRow = { ...stored, ...fate, ...(lastError === undefined ? {} : { lastError }) };
    if (isPending(ended.status)) {
      unit.put(name, ended);
      putLane(unit, core, replaceRow(free, ended));
      return;
    }
    settle(unit, core, ended);
    putLane(unit, core, withoutRow(free, row.order));
  });
}

/** A delay by the store's clock: the sender's needn't agree. */
function delayed({ world, clock }: RecordCore, result: SendResult): SendResult {
  if (!("notBeforeMs" in result) || result.notBeforeMs === undefined || result.notBeforeMs === 0) return result;
  return { ...result, notBeforeMs: clock.nowMs() + Math.ceil(result.notBeforeMs - world.nowMs()) };
}

/** Moves a row that was loaded to where those lie that are over. */
function settle(unit: Unit, { clock }: RecordCore, row: OutboxRow): void {
  const place = placeOf(row);
  unit.delete(rowName("p", row.order));
  unit.put(rowName(place, row.order), { ...row, endedAtMs: clock.nowMs() } satisfies OutboxRow);
  if (place !== "s") return;
  unit.delete(idName(row.id));
  const sort = `${pad(clock.nowMs() + SENT_RETENTION_MS)} r${pad(row.order)}`;
  unit.put({ partition: `x:${shardOfOrder(row.order)}`, sort }, row.order);
}

function placeOf({ status }: OutboxRow): RowPlace {
  if (status === "sent") return "s";
  return status === "failed" ? "f" : status === "abandoned" ? "a" : "p";
}

/** Lets claims of one lane live on; says of which rows, by id. */
export function renewSends(
  core: RecordCore,
  attempt: Attempt,
  { rows, sender, ttlMs }: Claimant & { readonly rows: readonly OutboxRow[] },
): Promise<readonly string[]> {
  const conversation = conversationOf(rows[0]?.key ?? ("" as OutboxRow["key"]));
  return core.units.run(attempt, conversation, async (unit) => {
    const lane = await loadLane(unit, core, conversation);
    const renewed = rows.filter((row) => heldBy(lane, row, sender) !== undefined);
    if (lane.claim === undefined || renewed.length === 0) return [];
    const sinceMs = core.clock.monotonicMs();
    putLane(unit, core, { ...lane, claim: { ...lane.claim, sinceMs, untilMs: sinceMs + ttlMs } });
    return renewed.map(({ id }) => id);
  });
}

/** A row by its id, wherever it lies. */
interface Found {
  readonly unit: Unit;
  readonly lane: Lane;
  readonly row: OutboxRow;
  readonly name: Name;
}

/** Runs a unit on the row of an id; undefined where there is none. */
async function onRow<T>(
  core: RecordCore,
  attempt: Attempt,
  id: string,
  work: (found: Found) => Promise<T>,
): Promise<T | undefined> {
  const [known] = await core.units.records.get(attempt, [idName(id)]);
  if (known === undefined) return undefined;
  const { order, key } = JSON.parse(known.body) as RowId;
  return onLane(core, attempt, conversationOf(key), async (unit, lane) => {
    const found = await findRow(unit, order, ROW_PLACES);
    return found?.row.id === id ? work({ unit, lane, ...found }) : undefined;
  });
}

/** Finds a row in one of several places. */
async function findRow(
  unit: Unit,
  order: number,
  places: readonly RowPlace[],
): Promise<{ readonly row: OutboxRow; readonly name: Name } | undefined> {
  const names = places.map((place) => rowName(place, order));
  await unit.load(names);
  for (const name of names) {
    const row = unit.value(name) as OutboxRow | undefined;
    if (row !== undefined) return { row, name };
  }
  return undefined;
}

/** Puts a row that failed, is unknown or was given up back to `queued`. */
export async function retrySend(core: RecordCore, attempt: Attempt, id: string): Promise<boolean> {
  const isRetried = await onRow(core, attempt, id, async ({ unit, lane, row, name }) => {
    if (row.status !== "failed" && row.status !== "unknown" && row.status !== "abandoned") return false;
    const { endedAtMs: _endedAtMs, ...kept } = row;
    const queued: OutboxRow = { ...kept, status: "queued", notBeforeMs: 0 };
    if (row.status === "unknown") {
      unit.put(name, queued);
      putLane(unit, core, replaceRow(lane, queued));
      return true;
    }
    unit.delete(name);
    unit.put(rowName("p", row.order), queued);
    const { order, createdAtMs } = row;
    putLane(unit, core, insertRow(lane, { order, notBeforeMs: 0, status: "queued", createdAtMs }));
    return true;
  });
  return isRetried === true;
}

/** Gives up a row that waits or is unknown, and that no sender holds. */
export async function abandonSend(core: RecordCore, attempt: Attempt, id: string): Promise<boolean> {
  const isAbandoned = await onRow(core, attempt, id, async ({ unit, lane, row }) => {
    const { claim } = lane;
    const isClaimed = claim?.order === row.order;
    if (!isPending(row.status) || (isClaimed && !isFree(claim, core.clock))) return false;
    const free = isClaimed ? await expireClaim(unit, lane) : lane;
    const stored = (unit.value(rowName("p", row.order)) as OutboxRow | undefined) ?? row;
    settle(unit, core, { ...stored, status: "abandoned", notBeforeMs: 0, lastError: SEND_GIVEN_UP });
    putLane(unit, core, withoutRow(free, row.order));
    return true;
  });
  return isAbandoned === true;
}

/** Forgets a row in one of the places, and its id where that is still its own. A sender that holds it is let end. */
export async function dropRow(
  core: RecordCore,
  attempt: Attempt,
  { order, places }: { readonly order: number; readonly places: readonly RowPlace[] },
): Promise<boolean> {
  const names = places.map((place) => rowName(place, order));
  const record = (await core.units.records.get(attempt, names)).find((found) => found !== undefined);
  if (record === undefined) return false;
  const { key } = JSON.parse(record.body) as OutboxRow;
  return onLane(core, attempt, conversationOf(key), async (unit, lane) => {
    const found = await findRow(unit, order, places);
    if (found === undefined) return false;
    unit.delete(found.name);
    const id = await unit.read<RowId>(idName(found.row.id));
    if (id?.order === order) unit.delete(idName(found.row.id));
    if (!isPending(found.row.status)) return true;
    putLane(unit, core, lane.claim?.order === order ? lane : withoutRow(lane, order));
    return true;
  });
}
