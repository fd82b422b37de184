import { encodeKeyToken } from "../../types/index.ts";
import type { ChannelMessageEnvelope, JsonValue, SessionKeyText } from "../../types/index.ts";
import { STATUSES } from "../outbox-rules.ts";
import { LEASE_TTL_MS } from "../store.ts";
import type {
  Accepted,
  DeadLetter,
  InboxEntry,
  IngressEntry,
  JournalEntry,
  Lease,
  LeaseTo,
  LogEntry,
  OutboxRow,
  SessionRecord,
  SessionSummary,
  SinkClass,
  Step,
  Timer,
  TurnCommit,
} from "../store.ts";

/** What goes to a function: Redis knows texts only. */
export type Argument = string | number;
type Text = string | null;

/** `[key, fence, record, inbox, due timers, state, steps, attempt]`; pairs and triples lie flat. */
export type RawLease = readonly [string, string, Text, string[], string[], string[], string[], number];
/** `["new" | "known", log index, lease or answer]` */
export type RawAccepted = readonly ["new" | "known", string | number | null, RawLease | string | null];
/** `[body, key, status, attempts, was unknown, not before, created, error, ended, order]` */
export type RawRow = readonly [string, string, string, string, string, string, string, Text, Text, string];
/** `[key, record, unread]` */
export type RawSummary = readonly [string, Text, number];
/** `[key, reason, died, entry]` */
export type RawLetter = readonly [string, string, string, string];

interface RowBody {
  readonly id: string;
  readonly provider: string;
  readonly sinkClass: SinkClass;
  readonly payload: JsonValue;
  readonly traceId: string;
}

const json = (value: unknown): string => JSON.stringify(value);
/** Fills a list with its length in front. */
function counted<T>(list: readonly T[] | undefined, each: (item: T) => readonly Argument[]): Argument[] {
  return [list?.length ?? 0, ...(list ?? []).flatMap(each)];
}

/** Writes a message as `accept` takes it. */
export function rawIngress(entry: IngressEntry, to: LeaseTo | undefined): Argument[] {
  return [
    entry.key,
    encodeKeyToken(entry.dedupeKey),
    json([entry.dedupeKey, entry.traceId, entry.envelope]),
    entry.dedupeTtlMs,
    entry.isUnnamed === true ? 1 : 0,
    entry.log === undefined ? 0 : 1,
    entry.log === undefined ? "" : json(entry.log),
    to?.worker ?? "",
    to === undefined ? "" : (to.ttlMs ?? LEASE_TTL_MS),
    entry.logKeepMs ?? "",
  ];
}

/** Writes a turn as `commit` takes it. */
export function rawTurn(lease: Lease, turn: TurnCommit, keep: boolean): Argument[] {
  const { session } = turn;
  return [
    lease.key,
    lease.fence,
    keep ? 1 : 0,
    session === null ? "" : json(session),
    session?.expiresAtMs ?? "",
    session?.revision ?? (lease.session?.revision ?? 0) + 1,
    turn.journal === undefined ? "" : json(turn.journal),
    ...counted(turn.consumed, (order) => [order]),
    ...counted(turn.deadLetters, ({ order, reason }) => [order, reason]),
    ...counted(turn.answers, ({ order, answer }) => [order, json(answer)]),
    ...counted(turn.state, ({ key, value }) => [key, value === undefined ? "" : json(value)]),
    ...counted(turn.timersDone, (once) => [once]),
    ...counted(turn.timersNew, ({ onceKey, dueAtMs, payload }) => [onceKey, dueAtMs, json(payload)]),
    ...counted(turn.outbox, ({ id, provider, sinkClass, payload, traceId }) => [
      id,
      json({ id, provider, sinkClass, payload, traceId }),
    ]),
    ...counted(turn.log, (activity) => [json(activity)]),
    turn.logKeepMs ?? "",
  ];
}

/** Reads what `accept` said. */
export function acceptedOf([kind, index, rest]: RawAccepted, worker: string | undefined): Accepted {
  const logIndex = index === null ? {} : { logIndex: Number(index) };
  if (kind === "known") {
    return {
      kind: "duplicate",
      ...logIndex,
      ...(typeof rest === "string" ? { answer: JSON.parse(rest) as JsonValue } : {}),
    };
  }
  const lease = rest === null || typeof rest === "string" ? {} : { lease: leaseOf(rest, worker ?? "") };
  return { kind: "accepted", ...logIndex, ...lease };
}

/** Reads a lease. */
export function leaseOf(raw: RawLease, worker: string): Lease {
  const [key, fence, record, inbox, timers, state, steps, attempt] = raw;
  return {
    key: key as SessionKeyText,
    worker,
    fence: Number(fence),
    session: recordOf(record),
    inbox: inbox.map(entryOf),
    timers: timersOf(timers),
    state: new Map(groups(state, 2).map(([name = "", value = ""]) => [name, JSON.parse(value) as JsonValue])),
    steps: steps.map((step) => JSON.parse(step) as Step).sort((a, b) => a.turn - b.turn || a.seq - b.seq),
    attempt,
  };
}

function recordOf(text: Text): SessionRecord | undefined {
  return text === null ? undefined : (JSON.parse(text) as SessionRecord);
}

/** Reads `<order> <is forgotten> <dedupe> <received> <json>`. */
function entryOf(text: string): InboxEntry {
  const [order = "", isForgotten = "", , received = "", body = ""] = words(text, 4);
  const [dedupeKey, traceId, envelope] = JSON.parse(body) as [string, string, ChannelMessageEnvelope];
  const entry = { order: Number(order), dedupeKey, receivedAtMs: Number(received), traceId, envelope };
  return isForgotten === "1" ? { ...entry, isForgotten: true } : entry;
}

function timersOf(flat: readonly string[]): Timer[] {
  return groups(flat, 3)
    .map(([onceKey = "", due = "", payload = ""]) => {
      return { onceKey, dueAtMs: Number(due), payload: JSON.parse(payload) as JsonValue };
    })
    .sort((a, b) => a.dueAtMs - b.dueAtMs || (a.onceKey < b.onceKey ? -1 : 1));
}

/** Reads an outbox row. */
export function rowOf([
  body,
  key,
  status,
  attempts,
  wasUnknown,
  notBefore,
  created,
  error,
  ended,
  order,
]: RawRow): OutboxRow {
  const { id, provider, sinkClass, payload, traceId } = JSON.parse(body) as RowBody;
  const known = STATUSES[Number(status)];
  if (known === undefined) throw new RangeError(`Read outbox row: expected a status of 0 to 5, got ${status}`);
  return {
    id,
    provider,
    sinkClass,
    payload,
    traceId,
    key: key as SessionKeyText,
    order: Number(order),
    status: known,
    attempts: Number(attempts),
    wasUnknown: wasUnknown === "1",
    notBeforeMs: Number(notBefore),
    createdAtMs: Number(created),
    ...(error === null ? {} : { lastError: error }),
    ...(ended === null ? {} : { endedAtMs: Number(ended) }),
  };
}

/** Reads a session as operators see it. */
export function summaryOf([key, record, unread]: RawSummary): SessionSummary {
  return { key: key as SessionKeyText, session: recordOf(record), unread };
}

/** Reads a dead letter. */
export function letterOf([key, reason, died, entry]: RawLetter): DeadLetter {
  const { isForgotten: _isForgotten, ...message } = entryOf(entry);
  return { ...message, key: key as SessionKeyText, reason, diedAtMs: Number(died) };
}

/** Reads `<index> <at> <json>`. */
export function logEntryOf(text: string): LogEntry {
  const [index = "", , body = ""] = words(text, 2);
  return { index: Number(index), activity: JSON.parse(body) as JsonValue };
}

/** Reads `<revision> <at> <json>`. */
export function journalEntryOf(text: string): JournalEntry {
  const [revision = "", at = "", body = ""] = words(text, 2);
  return { revision: Number(revision), atMs: Number(at), turn: JSON.parse(body) as JsonValue };
}

/** Splits off the first `count` words; the rest, spaces and all, is the last part. */
function words(text: string, count: number): string[] {
  const parts: string[] = [];
  let from = 0;
  for (let n = 0; n < count; n++) {
    const to = text.indexOf(" ", from);
    parts.push(text.slice(from, to));
    from = to + 1;
  }
  return [...parts, text.slice(from)];
}

function groups(flat: readonly string[], size: number): string[][] {
  const found: string[][] = [];
  for (let at = 0; at < flat.length; at += size) found.push(flat.slice(at, at + size));
  return found;
}
