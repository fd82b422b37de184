import type { Provider } from "../messaging/index.ts";
import { longChoices } from "../messaging/index.ts";
import type { NewOutboxRow, SessionRecord, Timer, TurnCommit } from "../session/index.ts";
import type { JsonObject, JsonValue } from "../types/index.ts";
import { encodeFrames } from "./frame.ts";
import { recordReport } from "./recorded-report.ts";
import { RELAY } from "./relay.ts";
import type { TurnReport } from "./runtime.ts";
import type { Trigger } from "./trigger.ts";
import { WAIT_TIMER } from "./trigger.ts";
import type { Turn } from "./turn.ts";
import { encodeAddress } from "./turn-messages.ts";

const NONE: readonly never[] = Object.freeze<never[]>([]);
const EMPTY: JsonObject = Object.freeze({});
/** Buttons of the most cramped channel carry this much. */
const BUTTON_BYTES = 64;
const MAX_CHOICES = 32;

/** Makes the one commit of a finished turn. */
export function commitOf(turn: Turn, provider: Provider): TurnCommit {
  const { trigger, messages } = turn;
  const timersNew = newTimers(turn);
  const log: JsonValue[] = [];
  const outbox: NewOutboxRow[] = [];
  const { delivery } = provider;
  for (const message of messages) {
    for (const payload of provider.project(message)) {
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
  }
  turn.relayed.forEach((relayed, i) => {
    outbox.push({
      id: `${turn.turnId}-r${i}`,
      provider: RELAY,
      sinkClass: "A",
      payload: relayed as unknown as JsonValue,
      traceId: turn.traceId,
    });
  });
  const answers = answersOf(trigger, provider, () => reportOf(turn));
  const isDead = turn.error !== undefined && !turn.isRefused && trigger.kind === "message";
  return {
    session: recordOf(turn, provider),
    consumed: trigger.kind === "message" && !isDead ? [trigger.entry.order] : NONE,
    ...(isDead && trigger.kind === "message"
      ? { deadLetters: [{ order: trigger.entry.order, reason: turn.error?.code ?? "" }] }
      : {}),
    state: turn.working.changes(),
    timersDone: doneTimers(turn, timersNew),
    timersNew,
    outbox,
    log,
    ...(answers === undefined ? {} : { answers }),
  };
}

/** What the delivery behind a turn keeps of its report; undefined where nobody can ask for it again. */
export function answersOf(
  trigger: Trigger,
  { delivery }: Provider,
  report: () => TurnReport,
): TurnCommit["answers"] | undefined {
  if (delivery.kind !== "answer" || trigger.kind !== "message" || trigger.entry.isForgotten === true) return undefined;
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

function recordOf(turn: Turn, provider: Provider): SessionRecord | null {
  const { session } = turn.lease;
  const nowMs = turn.env.world.nowMs();
  const top = turn.stack.at(-1);
  const expiresAtMs = Math.max(nowMs, top?.wait?.expiresAtMs ?? 0) + turn.env.limits.sessionTtlMs;
  if (turn.status === "unchanged") {
    return session === undefined ? null : { ...session, revision: turn.revision, expiresAtMs };
  }
  if (top === undefined) {
    const { loaded } = turn;
    // Nobody comes back to a request's own session; what holds no state either isn't worth a record.
    if (provider.isOneOff === true && turn.working.size === 0) return null;
    return {
      pack: loaded?.name ?? session?.pack ?? "",
      packHash: loaded?.packHash ?? session?.packHash ?? "",
      locale: turn.locale,
      revision: turn.revision,
      expiresAtMs,
      snapshot: EMPTY,
    };
  }
  const pack = turn.pack;
  const choices = choicesOf(turn, provider);
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
    },
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

function newTimers(turn: Turn): readonly Timer[] {
  const top = turn.stack.at(-1);
  const dueAtMs = top?.wait?.expiresAtMs;
  if (top === undefined || dueAtMs === undefined || (turn.status === "unchanged" && turn.hadTimerAtMs === dueAtMs))
    return NONE;
  return [{ onceKey: WAIT_TIMER, dueAtMs, payload: { node: top.node } }];
}

function doneTimers(turn: Turn, timersNew: readonly Timer[]): readonly string[] {
  const done: string[] = [];
  if (turn.trigger.kind === "timer") done.push(turn.trigger.timer.onceKey);
  else if (turn.hadTimerAtMs !== undefined && turn.status !== "unchanged") done.push(WAIT_TIMER);
  return done.length === 0 ? NONE : done.filter((key) => !timersNew.some(({ onceKey }) => onceKey === key));
}
