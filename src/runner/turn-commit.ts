import type { RetentionConfig } from "../config/index.ts";
import { keepTimesOf } from "../config/index.ts";
import type { Provider } from "../messaging/index.ts";
import { longChoices } from "../messaging/index.ts";
import type { IngressEntry, Lease, NewOutboxRow, SessionRecord, Timer, TurnCommit } from "../session/index.ts";
import type { JsonObject, JsonValue } from "../types/index.ts";
import { isJsonObject } from "../types/index.ts";
import { encodeFrames } from "./frame.ts";
import { projectMessages } from "./project-messages.ts";
import { recordReport } from "./recorded-report.ts";
import type { OperatorRecord } from "./relay.ts";
import { RELAY } from "./relay.ts";
import type { TurnReport } from "./runtime.ts";
import { firingOf, lastFired, withFiring } from "./schedules.ts";
import type { Trigger } from "./trigger.ts";
import { ALWAYS_DUE_MS, firedTimer, LATER_TIMER, laterOf, unreadOf, WAIT_TIMER } from "./trigger.ts";
import type { Turn } from "./turn.ts";
import { journalOf } from "./turn-journal.ts";
import { encodeAddress } from "./turn-messages.ts";

const NONE: readonly never[] = Object.freeze<never[]>([]);
const EMPTY: JsonObject = Object.freeze({});
/** Buttons of the most cramped channel carry this much. */
const BUTTON_BYTES = 64;
const MAX_CHOICES = 32;
const MAX_NUMBERED = 200;

/** Makes the one commit of a finished turn. */
export function commitOf(turn: Turn, provider: Provider): TurnCommit {
  const { trigger } = turn;
  const timersNew = newTimers(turn);
  const log: JsonValue[] = [];
  const outbox: NewOutboxRow[] = [];
  const { delivery } = provider;
  for (const payload of projectMessages(turn, provider)) {
    if (delivery.kind === "log") log.push(payload);
    else if (delivery.kind === "send") {
      outbox.push({
        id: `${turn.turnId}-${outbox.length}`,
        provider: provider.address.channel,
        sinkClass: delivery.sinkClass,
        payload,
        traceId: turn.traceId,
      });
    }
  }
  [...turn.relayed, ...recordsOf(turn)].forEach((relayed, i) => {
    outbox.push({
      id: `${turn.turnId}-r${i}`,
      provider: RELAY,
      sinkClass: "A",
      payload: relayed as unknown as JsonValue,
      traceId: turn.traceId,
    });
  });
  const answers = answersOf(trigger, provider, () => reportOf(turn));
  const unread = unreadOf(trigger);
  const isDead = turn.error !== undefined && !turn.isRefused && unread !== undefined;
  return {
    session: recordOf(turn, provider),
    consumed: unread !== undefined && !isDead ? [unread] : NONE,
    ...(isDead ? { deadLetters: [{ order: unread, reason: turn.error?.code ?? "" }] } : {}),
    state: turn.working.changes(),
    timersDone: doneTimers(turn, timersNew),
    timersNew,
    outbox,
    log,
    ...(log.length === 0 ? {} : logKeepOf(turn.env.retention, turn.ctx.tenant)),
    ...(answers === undefined ? {} : { answers }),
    ...(turn.env.journal === "off" ? {} : { journal: journalOf(turn) }),
  };
}

/** What an operator must know of a turn that no dead letter of its own says. */
function recordsOf(turn: Turn): readonly OperatorRecord[] {
  const { error, notUndone, trigger } = turn;
  const place = { session: turn.lease.key, pack: turn.loaded?.name ?? "", flow: turn.lastFlow ?? "" };
  const records = [...turn.records];
  if (notUndone.length > 0) {
    const detail = { ...place, not_undone: notUndone.map((entry) => ({ ...entry })) };
    records.push({ kind: "record", code: "RUNNER_SAGA_INCOMPLETE", detail });
  }
  if (error !== undefined && !turn.isRefused && unreadOf(trigger) === undefined) {
    const message = trigger.kind === "message" ? { message: trigger.entry.envelope as unknown as JsonValue } : {};
    records.push({ kind: "record", code: error.code, detail: { ...place, node: error.node ?? "", ...message } });
  }
  return records;
}

/** What a session is left with where its turn can't run and is given up. */
export function leftOver(
  { session }: Pick<Lease, "session">,
  trigger: Trigger,
): Pick<TurnCommit, "session" | "timersDone" | "timersNew"> {
  const fired = firedTimer(trigger);
  const timersDone = fired === undefined ? NONE : [fired];
  if (session === undefined) return { session: null, timersDone, timersNew: NONE };
  const record = { ...session, revision: session.revision + 1 };
  if (fired !== LATER_TIMER) return { session: record, timersDone, timersNew: NONE };
  const { later: _kept, ...snapshot } = isJsonObject(session.snapshot) ? session.snapshot : EMPTY;
  const [, ...later] = laterOf({ session });
  if (later.length === 0) return { session: { ...record, snapshot }, timersDone, timersNew: NONE };
  const again: Timer = { onceKey: LATER_TIMER, dueAtMs: ALWAYS_DUE_MS, payload: null };
  const kept = later as unknown as JsonValue;
  return { session: { ...record, snapshot: { ...snapshot, later: kept } }, timersDone: NONE, timersNew: [again] };
}

/** What the delivery behind a turn keeps of its report; undefined where nobody can ask for it again. */
export function answersOf(
  trigger: Trigger,
  { delivery }: Provider,
  report: () => TurnReport,
): TurnCommit["answers"] | undefined {
  if (delivery.kind !== "answer" || trigger.kind !== "message" || trigger.entry.isForgotten === true) return undefined;
  if (trigger.isLater === true) return undefined;
  return [{ order: trigger.entry.order, answer: recordReport(report()) }];
}

/** Makes the report of a finished turn for whoever waits for it. */
export function reportOf(turn: Turn): TurnReport {
  const top = turn.stack.at(-1);
  const { error } = turn;
  return {
    status: error !== undefined ? "error" : top === undefined ? "done" : "waiting",
    reply: turn.messages,
    output: turn.output,
    session: turn.lease.key,
    ...(top === undefined ? {} : { waitingAt: top.node }),
    ...(turn.asks === undefined ? {} : { asks: turn.asks }),
    ...(error === undefined ? {} : { error }),
    steps: turn.steps ?? [],
  };
}

/** What a conversation's log is told with each entry of how long it keeps them; nothing where nobody says any days. */
export function logKeepOf(retention: RetentionConfig, tenant: string): Pick<TurnCommit & IngressEntry, "logKeepMs"> {
  const logKeepMs = keepTimesOf(retention, tenant).conversationLogMs;
  return logKeepMs === undefined ? EMPTY : { logKeepMs };
}

function sessionTtlMs({ env: { retention, limits }, ctx }: Turn): number {
  return keepTimesOf(retention, ctx.tenant).sessionsMs ?? limits.sessionTtlMs;
}

function recordOf(turn: Turn, provider: Provider): SessionRecord | null {
  const { session } = turn.lease;
  const nowMs = turn.env.world.nowMs();
  const top = turn.stack.at(-1);
  const expiresAtMs = Math.max(nowMs, top?.wait?.expiresAtMs ?? 0) + sessionTtlMs(turn);
  const aside = asideOf(turn);
  if (turn.status === "unchanged") {
    const before = session ?? (aside === EMPTY ? undefined : blankRecord(turn));
    if (before === undefined) return null;
    const { later: _later, fired: _fired, ...snapshot } = isJsonObject(before.snapshot) ? before.snapshot : EMPTY;
    return { ...before, revision: turn.revision, expiresAtMs, snapshot: { ...snapshot, ...aside } };
  }
  if (top === undefined) {
    // Nobody comes back to a request's own session; what holds no state either isn't worth a record.
    if (provider.isOneOff === true && turn.working.size === 0 && aside === EMPTY) return null;
    return { ...blankRecord(turn), expiresAtMs, snapshot: aside };
  }
  const pack = (turn.stack[0] ?? top).pack;
  const choices = choicesOf(turn, provider);
  const numbered = numberedOf(turn, provider);
  return {
    cursor: { flow: top.flow.id, node: top.node },
    waitReason: top.wait?.reason ?? "routing",
    pack: pack.name,
    packHash: pack.packHash,
    locale: turn.locale,
    revision: turn.revision,
    expiresAtMs,
    snapshot: {
      frames: encodeFrames(turn.stack),
      via: encodeAddress(turn.address),
      ...(choices.length === 0 ? {} : { choices }),
      ...(numbered.length === 0 ? {} : { numbered }),
      ...aside,
    },
  };
}

/** The record of a session without a running flow. */
function blankRecord(turn: Turn): SessionRecord {
  const { session } = turn.lease;
  return {
    pack: turn.loaded?.name ?? session?.pack ?? "",
    packHash: turn.loaded?.packHash ?? session?.packHash ?? "",
    locale: turn.locale,
    revision: turn.revision,
    snapshot: EMPTY,
  };
}

/** What a session remembers whatever its flow does: messages kept for later, and firings. */
function asideOf(turn: Turn): JsonObject {
  const fired = withFiring(lastFired(turn.lease.session?.snapshot), firingOf(turn.message));
  const hasFired = Object.keys(fired).length > 0;
  if (turn.later.length === 0 && !hasFired) return EMPTY;
  return {
    ...(turn.later.length === 0 ? {} : { later: turn.later as unknown as JsonValue }),
    ...(hasFired ? { fired } : {}),
  };
}

/** Values of offered buttons that don't fit into them; the answer comes back as their token. */
function choicesOf(turn: Turn, provider: Provider): readonly string[] {
  if (provider.delivery.kind !== "send") return NONE;
  const values: string[] = [];
  for (const message of turn.messages) {
    if (message.extensions === undefined && message.attachments.length === 0) continue;
    for (const value of longChoices(message, BUTTON_BYTES).values()) values.push(value);
  }
  return values.slice(0, MAX_CHOICES);
}

/** Values that the last message to have any offered by number: an earlier one's numbers would mean two things. */
function numberedOf(turn: Turn, provider: Provider): readonly string[] {
  if (provider.numbered === undefined) return NONE;
  for (const message of turn.messages.toReversed()) {
    const values = provider.numbered(message);
    if (values.length > 0) return values.slice(0, MAX_NUMBERED);
  }
  return NONE;
}

function newTimers(turn: Turn): readonly Timer[] {
  const top = turn.stack.at(-1);
  const isClosed = top?.wait?.isClosed === true;
  const dueAtMs = top?.wait?.expiresAtMs;
  const timers: Timer[] = [];
  if (top !== undefined && dueAtMs !== undefined && !(turn.status === "unchanged" && turn.hadTimerAtMs === dueAtMs)) {
    const payload = isClosed ? { node: top.node, closed: true } : { node: top.node };
    timers.push({ onceKey: WAIT_TIMER, dueAtMs, payload });
  }
  // What was kept has its turn as soon as the flow takes messages again.
  if (turn.later.length > 0 && !isClosed) timers.push({ onceKey: LATER_TIMER, dueAtMs: ALWAYS_DUE_MS, payload: null });
  return timers.length === 0 ? NONE : timers;
}

function doneTimers(turn: Turn, timersNew: readonly Timer[]): readonly string[] {
  const done: string[] = [];
  const fired = firedTimer(turn.trigger);
  if (fired !== undefined) done.push(fired);
  if (fired !== WAIT_TIMER && turn.hadTimerAtMs !== undefined && turn.status !== "unchanged") done.push(WAIT_TIMER);
  return done.length === 0 ? NONE : done.filter((key) => !timersNew.some(({ onceKey }) => onceKey === key));
}
