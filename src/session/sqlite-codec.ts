import type { ChannelMessageEnvelope, JsonValue, SessionKeyText } from "../types/index.ts";
import { isPending, STATUSES } from "./outbox-rules.ts";
// Bodies were written by this module, as JSON of the type that they are read as.
import type {
  RawAccepted,
  RawDeadLetter,
  RawIngress,
  RawLease,
  RawNewRow,
  RawRow,
  RawState,
  RawSummary,
  RawTimer,
  RawTurn,
} from "./sqlite-protocol.ts";
import type {
  Accepted,
  DeadLetter,
  InboxEntry,
  IngressEntry,
  Lease,
  LeaseTo,
  OutboxRow,
  SessionRecord,
  SessionSummary,
  SinkClass,
  Step,
  Timer,
  TurnCommit,
} from "./store.ts";

/** Writes what is to be accepted. */
export function rawIngress(entry: IngressEntry, to: LeaseTo | undefined): RawIngress {
  return [
    entry.key,
    entry.dedupeKey,
    entry.receivedAtMs,
    entry.traceId,
    JSON.stringify(entry.envelope),
    entry.dedupeTtlMs,
    entry.isUnnamed === true,
    entry.log === undefined ? undefined : JSON.stringify(entry.log),
    to?.worker,
    to?.ttlMs,
    entry.logKeepMs ?? null,
  ];
}

/** Reads what became of a message that was to be accepted. */
export function acceptedOf(raw: RawAccepted, entry: IngressEntry, to: LeaseTo | undefined): Accepted {
  const [isNew, logIndex, lease, answer] = raw;
  if (lease !== undefined && to !== undefined && logIndex === undefined) {
    return { kind: "accepted", lease: leaseOf(lease, to.worker, entry) };
  }
  return {
    kind: isNew ? "accepted" : "duplicate",
    ...(logIndex === undefined ? undefined : { logIndex }),
    ...(answer === undefined ? undefined : { answer: JSON.parse(answer) as JsonValue }),
    ...(lease === undefined || to === undefined ? undefined : { lease: leaseOf(lease, to.worker, entry) }),
  };
}

/** Reads a lease. `accepted` is the message that it was given for, which the worker then does not send back. */
export function leaseOf(raw: RawLease, worker: string, accepted?: IngressEntry): Lease {
  const [key, fence, body, inbox, timers, state, steps, attempt] = raw;
  return {
    key: key as SessionKeyText,
    worker,
    fence,
    session: body === null ? undefined : (JSON.parse(body) as SessionRecord),
    inbox: inboxOf(inbox, accepted),
    timers: timers === undefined ? NONE : timers.map(timerOf),
    state: state === undefined ? NO_STATE : new Map(state.map(stateOf)),
    steps: steps === undefined ? NONE : steps.map((step) => JSON.parse(step) as Step),
    attempt,
  };
}

const NONE: readonly never[] = [];
const NO_STATE: Lease["state"] = new Map();

function timerOf([onceKey, dueAtMs, payload]: RawTimer): Timer {
  return { onceKey, dueAtMs, payload: JSON.parse(payload) as JsonValue };
}

function stateOf([key, value]: RawState): readonly [string, JsonValue] {
  return [key, JSON.parse(value ?? "null") as JsonValue];
}

function inboxOf(raw: RawLease[3], accepted: IngressEntry | undefined): readonly InboxEntry[] {
  if (typeof raw !== "number") {
    return raw.map(([order, dedupeKey, receivedAtMs, traceId, body, forgetMs]) => {
      const envelope = JSON.parse(body) as ChannelMessageEnvelope;
      const entry = { order, dedupeKey, receivedAtMs, traceId, envelope };
      return forgetMs === 0 ? { ...entry, isForgotten: true } : entry;
    });
  }
  if (accepted === undefined) throw new TypeError("Read lease: expected the accepted message");
  const { dedupeKey, receivedAtMs, traceId, envelope } = accepted;
  const entry = { order: raw, dedupeKey, receivedAtMs, traceId, envelope };
  return [accepted.isUnnamed === true ? { ...entry, isForgotten: true } : entry];
}

/** Writes a turn. */
export function rawTurn(lease: Lease, turn: TurnCommit, keep: boolean): RawTurn {
  return [
    lease.key,
    lease.fence,
    keep,
    turn.session === null ? null : JSON.stringify(turn.session),
    turn.session?.expiresAtMs ?? null,
    some(turn.consumed),
    some(turn.deadLetters),
    some(turn.state)?.map(({ key, value }): RawState => [key, value === undefined ? null : JSON.stringify(value)]),
    some(turn.timersDone),
    some(turn.timersNew)?.map(({ onceKey, dueAtMs, payload }): RawTimer => [onceKey, dueAtMs, JSON.stringify(payload)]),
    some(turn.outbox)?.map((row): RawNewRow => [
      row.id,
      row.provider,
      row.sinkClass,
      JSON.stringify(row.payload),
      row.traceId,
    ]),
    some(turn.log)?.map((activity) => JSON.stringify(activity)),
    some(turn.answers)?.map(({ order, answer }) => [order, JSON.stringify(answer)] as const),
    turn.journal === undefined
      ? undefined
      : [turn.session?.revision ?? (lease.session?.revision ?? 0) + 1, JSON.stringify(turn.journal)],
    turn.logKeepMs ?? null,
  ];
}

/** Reads an outbox row. */
export function rowOf(raw: RawRow): OutboxRow {
  const status = STATUSES[raw.status];
  if (status === undefined) throw new RangeError(`Read outbox row: expected a known status, got ${raw.status}`);
  const row: OutboxRow = {
    id: raw.id,
    provider: raw.provider,
    sinkClass: raw.sink as SinkClass,
    payload: JSON.parse(raw.payload) as JsonValue,
    traceId: raw.trace,
    key: raw.key as SessionKeyText,
    order: raw.ord,
    status,
    attempts: raw.attempts,
    wasUnknown: raw.was_unknown === 1,
    notBeforeMs: raw.not_before,
    createdAtMs: raw.created,
  };
  return {
    ...row,
    ...(raw.error === null ? {} : { lastError: raw.error }),
    // A row that is sent again keeps the time of its last end.
    ...(raw.ended === null || isPending(status) ? {} : { endedAtMs: raw.ended }),
  };
}

/** Reads a dead letter. */
export function deadLetterOf(raw: RawDeadLetter): DeadLetter {
  return {
    key: raw.key as SessionKeyText,
    reason: raw.reason,
    diedAtMs: raw.died,
    order: raw.ord,
    dedupeKey: raw.dedupe,
    receivedAtMs: raw.received,
    traceId: raw.trace,
    envelope: JSON.parse(raw.body) as ChannelMessageEnvelope,
  };
}

/** Reads a summary. */
export function summaryOf([key, body, unread]: RawSummary): SessionSummary {
  return {
    key: key as SessionKeyText,
    session: body === null ? undefined : (JSON.parse(body) as SessionRecord),
    unread,
  };
}

function some<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list;
}
