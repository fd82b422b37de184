import { encodeKeyToken } from "../../types/index.ts";
import type { ChannelMessageEnvelope, JsonValue, SessionKeyText } from "../../types/index.ts";
import { STATUSES } from "../outbox-rules.ts";
import { LEASE_TTL_MS } from "../store.ts";
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
  TurnCommit,
} from "../store.ts";

/** `[dedupe key, trace, envelope]` */
type RawBody = readonly [string, string, ChannelMessageEnvelope];
/** `[order, is forgotten, received, body]` */
type RawEntry = readonly [number, boolean, number, RawBody];
/** `[key, fence, record, unread, due timers, state, steps, attempt]`; null where there are none. */
export type RawLease = readonly [
  string,
  number,
  SessionRecord | null,
  readonly RawEntry[] | null,
  readonly (readonly [string, number, JsonValue])[] | null,
  readonly (readonly [string, JsonValue])[] | null,
  readonly Step[] | null,
  number,
];
/** `["new", log index[, lease]]` or `["known", log index[, answer]]` */
export type RawAccepted =
  | readonly ["new", number | null, RawLease?]
  | readonly ["known", number | null, (JsonValue | undefined)?];
/** What `commit` says. */
export type RawCommitted =
  | readonly ["ok", RawLease?]
  | readonly ["fence"]
  | readonly ["unread", number]
  | readonly ["row", string];
/** `[body, key, status, attempts, was unknown, not before, created, error, order, ended]` */
export type RawRow = readonly [
  {
    readonly id: string;
    readonly provider: string;
    readonly sinkClass: SinkClass;
    readonly payload: JsonValue;
    readonly traceId: string;
  },
  string,
  number,
  number,
  boolean,
  number,
  number,
  string | null,
  number,
  number | null,
];
/** `[key, record, unread]` */
export type RawSummary = readonly [string, SessionRecord | null, number];
/** `[key, reason, died, order, received, body]` */
export type RawLetter = readonly [string, string, number, number, number, RawBody];

const json = (value: unknown): string => JSON.stringify(value);
const whole = (value: number): number => Math.min(Number.MAX_SAFE_INTEGER, Math.ceil(value));

/** Writes a message as `accept` takes it. */
export function rawIngress(entry: IngressEntry, to: LeaseTo | undefined): unknown[] {
  return [
    entry.key,
    encodeKeyToken(entry.dedupeKey),
    json([entry.dedupeKey, entry.traceId, entry.envelope]),
    whole(entry.dedupeTtlMs),
    entry.isUnnamed === true,
    entry.log === undefined ? null : json(entry.log),
    entry.logKeepMs === undefined ? null : whole(entry.logKeepMs),
    to !== undefined,
    whole(to?.ttlMs ?? LEASE_TTL_MS),
  ];
}

/** Writes a turn as `commit` takes it. */
export function rawTurn(lease: Lease, turn: TurnCommit, keep: boolean): unknown[] {
  const { session, deadLetters: dead = [], answers = [] } = turn;
  return [
    lease.key,
    lease.fence,
    keep,
    session === null ? null : json(session),
    session?.expiresAtMs === undefined ? null : whole(session.expiresAtMs),
    session?.revision ?? (lease.session?.revision ?? 0) + 1,
    turn.journal === undefined ? null : json(turn.journal),
    turn.consumed,
    dead.map(({ order }) => order),
    dead.map(({ reason }) => reason),
    answers.map(({ order }) => order),
    answers.map(({ answer }) => json(answer)),
    turn.state.map(({ key }) => key),
    turn.state.map(({ value }) => (value === undefined ? null : json(value))),
    turn.timersDone,
    turn.timersNew.map(({ onceKey }) => onceKey),
    turn.timersNew.map(({ dueAtMs }) => whole(dueAtMs)),
    turn.timersNew.map(({ payload }) => json(payload)),
    turn.outbox.map(({ id }) => id),
    turn.outbox.map(({ id, provider, sinkClass, payload, traceId }) =>
      json({ id, provider, sinkClass, payload, traceId }),
    ),
    turn.log.map(json),
    turn.logKeepMs === undefined ? null : whole(turn.logKeepMs),
  ];
}

/** Reads what `accept` said. */
export function acceptedOf(raw: RawAccepted, worker: string | undefined): Accepted {
  const logIndex = raw[1] === null ? {} : { logIndex: raw[1] };
  if (raw[0] === "known") {
    return { kind: "duplicate", ...logIndex, ...(raw.length > 2 && { answer: raw[2] as JsonValue }) };
  }
  const lease = raw[2] === undefined ? {} : { lease: leaseOf(raw[2], worker ?? "") };
  return { kind: "accepted", ...logIndex, ...lease };
}

/** Reads a lease. */
export function leaseOf(raw: RawLease, worker: string): Lease {
  const [key, fence, record, inbox, timers, state, steps, attempt] = raw;
  return {
    key: key as SessionKeyText,
    worker,
    fence,
    session: record ?? undefined,
    inbox: (inbox ?? []).map(entryOf),
    timers: (timers ?? [])
      .map(([onceKey, dueAtMs, payload]) => ({ onceKey, dueAtMs, payload }))
      .sort((a, b) => a.dueAtMs - b.dueAtMs || (a.onceKey < b.onceKey ? -1 : 1)),
    state: new Map(state),
    steps: (steps ?? []).toSorted((a, b) => a.turn - b.turn || a.seq - b.seq),
    attempt,
  };
}

function entryOf([order, isForgotten, receivedAtMs, [dedupeKey, traceId, envelope]]: RawEntry): InboxEntry {
  return { order, dedupeKey, receivedAtMs, traceId, envelope, ...(isForgotten && { isForgotten }) };
}

/** Reads an outbox row. */
export function rowOf([
  body,
  key,
  status,
  attempts,
  wasUnknown,
  notBeforeMs,
  createdAtMs,
  error,
  order,
  endedAtMs,
]: RawRow): OutboxRow {
  const known = STATUSES[status];
  if (known === undefined) throw new RangeError(`Read outbox row: expected a status of 0 to 5, got ${status}`);
  return {
    ...body,
    key: key as SessionKeyText,
    order,
    status: known,
    attempts,
    wasUnknown,
    notBeforeMs,
    createdAtMs,
    ...(error === null ? {} : { lastError: error }),
    ...(endedAtMs === null ? {} : { endedAtMs }),
  };
}

/** Reads a session as operators see it. */
export function summaryOf([key, record, unread]: RawSummary): SessionSummary {
  return { key: key as SessionKeyText, session: record ?? undefined, unread };
}

/** Reads a dead letter. */
export function letterOf([key, reason, diedAtMs, order, receivedAtMs, body]: RawLetter): DeadLetter {
  return { ...entryOf([order, false, receivedAtMs, body]), key: key as SessionKeyText, reason, diedAtMs };
}
