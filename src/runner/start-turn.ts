import { applyChoice, CHOICE_TOKEN_KEY, findChoice, findNumbered } from "../messaging/index.ts";
import type { Lease, SessionRecord } from "../session/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../types/index.ts";
import { GreenticError, isJsonObject, quote } from "../types/index.ts";
import { takeApprovalTurn } from "./approval-turns.ts";
import { decisionOf } from "./approvals.ts";
import type { EngineEnv } from "./engine-env.ts";
import type { FindPack, Frame } from "./frame.ts";
import { decodeFrames } from "./frame.ts";
import { consentOf, handOverOf, isGoodbye, recordOf, relayedMessage } from "./own-envelope.ts";
import type { Relayed } from "./relay.ts";
import { migrateFrames } from "./resumption.ts";
import { interruptionOf, routeMessage } from "./router.ts";
import { firingOf, isBaseline, isStale, lastFired } from "./schedules.ts";
import type { Trigger } from "./trigger.ts";
import { WAIT_TIMER } from "./trigger.ts";
import { Turn } from "./turn.ts";

/** A turn that was started: `pending` where it waits for an effect. */
export interface StartedTurn {
  readonly turn: Turn;
  readonly pending: Promise<void> | undefined;
}

/** Starts a turn where the session stands: what waits gets the message, unless it interrupts; else the router chooses. */
export function startTurn(
  env: EngineEnv,
  lease: Lease,
  options: { readonly trigger: Trigger; readonly teamKey: string; readonly wantsSteps: boolean },
): StartedTurn {
  const { trigger, teamKey } = options;
  const wantsSteps = options.wantsSteps || env.journal !== "off";
  const { session } = lease;
  const snapshot = snapshotOf(lease);
  const message = trigger.kind === "message" ? resolveChoice(trigger.entry.envelope, snapshot) : undefined;
  const turn = new Turn(env, lease, { trigger, message, wantsSteps });
  if (trigger.kind === "message" && trigger.isLater === true) turn.later = turn.later.slice(1);
  const relayed = relayedMessage(message);
  if (relayed !== undefined) {
    turn.say(relayed);
    return { turn, pending: undefined };
  }
  const record = recordOf(message);
  if (record !== undefined) {
    turn.bury(record);
    return { turn, pending: undefined };
  }
  if (takeApprovalTurn(turn)) return { turn, pending: undefined };
  const isLate = trigger.kind === "message" && trigger.isLater === true;
  if (isBaseline(message) || (!isLate && isStale(firingOf(message), lastFired(session?.snapshot), turn.nowMs))) {
    turn.ignore();
    return { turn, pending: undefined };
  }
  const handOver = handOverOf(message);
  if (handOver !== undefined) {
    turn.relayed.push(handOver as unknown as Relayed);
    turn.ignore();
    return { turn, pending: undefined };
  }
  if (isGoodbye(message)) {
    // It answers no question and starts nothing: what waited for this person is over.
    turn.drop();
    if (session?.cursor === undefined) turn.ignore();
    else turn.close();
    return { turn, pending: undefined };
  }
  const packs = env.registry.packsFor(teamKey);
  if (session?.cursor === undefined) {
    if (trigger.kind === "timer" || decisionOf(message) !== undefined || consentOf(message) !== undefined)
      turn.ignore();
    else return { turn, pending: start(turn, packs, teamOf(teamKey)) };
    return { turn, pending: undefined };
  }
  const frames = framesOf(env, { teamKey, session, frames: snapshot["frames"] });
  if (frames instanceof GreenticError) {
    turn.speakFor(packs.find(({ name }) => name === session.pack) ?? packs[0]);
    turn.refuse(frames, "greentic.pack_gone");
    turn.records.push({ kind: "record", code: frames.code, detail: stoppedAt(lease.key, session) });
    return { turn, pending: undefined };
  }
  const [{ pack }] = frames;
  turn.restore(frames);
  if (trigger.kind === "timer") {
    const isWaitOver = trigger.timer.onceKey === WAIT_TIMER && turn.hadTimerAtMs !== undefined;
    if (isWaitOver) return { turn, pending: turn.resume("expiry") };
    turn.ignore();
    return { turn, pending: undefined };
  }
  const wait = frames.at(-1)?.wait;
  const answered = decisionOf(message) ?? consentOf(message);
  if (answered !== undefined) {
    // Whoever decides or consents after the wait is over changes nothing.
    const kept = wait?.kept ?? null;
    if (isJsonObject(kept) && kept["code"] === answered["code"]) return { turn, pending: turn.resume("message") };
    turn.ignore();
    return { turn, pending: undefined };
  }
  const isClosed = wait?.isClosed === true;
  if (firingOf(message) !== undefined && !isClosed) {
    // Nobody answers a flow that started by itself: what still waits there is over.
    turn.drop();
    return { turn, pending: start(turn, packs, teamOf(teamKey)) };
  }
  if (firingOf(message) !== undefined) {
    turn.defer();
    return { turn, pending: undefined };
  }
  const interruption = interruptionOf(frames, frames.at(-1)?.pack ?? pack, message, teamOf(teamKey));
  switch (interruption?.kind) {
    case undefined:
      if (!isClosed) return { turn, pending: turn.resume("message") };
      turn.defer();
      return { turn, pending: undefined };
    case "ignore":
      turn.ignore();
      return { turn, pending: undefined };
    case "keep":
      return { turn, pending: turn.begin(pack, interruption.flow, { node: interruption.node, kind: "aside" }) };
    case "restart": {
      turn.drop();
      // A restart is a new start: it takes the version that is current now, where that still has the place.
      const now = packs.find(({ name }) => name === pack.name);
      const flow = now?.flows.get(interruption.flow.id);
      if (now === undefined || flow === undefined || !flow.nodes.has(interruption.node)) {
        return { turn, pending: turn.begin(pack, interruption.flow, { node: interruption.node, kind: "root" }) };
      }
      return { turn, pending: turn.begin(now, flow, { node: interruption.node, kind: "root" }) };
    }
    default:
      turn.drop();
      return { turn, pending: start(turn, packs, teamOf(teamKey)) };
  }
}

function start(turn: Turn, packs: Parameters<typeof routeMessage>[0], team: string): Promise<void> | undefined {
  const route = routeMessage(packs, turn.message, team);
  if (route instanceof GreenticError) {
    turn.speakFor(packs[0]);
    turn.refuse(route, route.code === "RUNNER_ACCESS_FORBIDDEN" ? "greentic.no_access" : "greentic.no_flow");
    return undefined;
  }
  return turn.begin(route.pack, route.flow, { node: route.node, kind: "root", navigates: true });
}

/** The team of `env:tenant:team`. */
function teamOf(teamKey: string): string {
  return teamKey.slice(teamKey.lastIndexOf(":") + 1);
}

/** Reads where a flow waits, in the version of its pack that it goes on with. @returns why it doesn't go on */
function framesOf(
  env: EngineEnv,
  from: { readonly teamKey: string; readonly session: SessionRecord; readonly frames: JsonValue | undefined },
): [Frame, ...Frame[]] | GreenticError {
  const { teamKey, session } = from;
  const resumption = env.registry.resume(teamKey, { name: session.pack, hash: session.packHash });
  const read = resumption.kind === "migrate" ? migrateFrames : decodeFrames;
  const find: FindPack = (name, hash) => env.registry.pinned(teamKey, { name, hash });
  const frames = resumption.kind === "stop" ? undefined : read(from.frames, { pack: resumption.pack, find });
  const [root, ...others] = frames ?? [];
  if (root !== undefined) return [root, ...others];
  const flow = `Resume flow ${quote(session.cursor?.flow ?? "")}: pack ${quote(session.pack)}`;
  if (resumption.kind === "stop" && resumption.why === "revoked")
    return new GreenticError("RUNNER_PACK_REVOKED", `${flow} is no longer trusted in the version that it started with`);
  if (resumption.kind === "migrate")
    return new GreenticError("RUNNER_PACK_CHANGED", `${flow} has no such place any more in its new version`);
  return new GreenticError("RUNNER_PACK_GONE", `${flow} is no longer loaded in the version that it started with`);
}

function stoppedAt(key: string, { pack, packHash, cursor }: SessionRecord): JsonObject {
  return { session: key, pack, pack_hash: packHash, flow: cursor?.flow ?? "", node: cursor?.node ?? "" };
}

const NOTHING: Readonly<Record<string, JsonValue>> = Object.freeze({});

function snapshotOf(lease: Lease): Readonly<Record<string, JsonValue>> {
  const snapshot = lease.session?.snapshot;
  return snapshot !== undefined && isJsonObject(snapshot) ? snapshot : NOTHING;
}

/** Gives a button's token, or a typed number, the value that it stood for, where the session still knows. */
function resolveChoice(
  message: ChannelMessageEnvelope,
  { choices, numbered }: Readonly<Record<string, JsonValue>>,
): ChannelMessageEnvelope {
  const token = message.metadata[CHOICE_TOKEN_KEY];
  const value =
    token === undefined
      ? findNumbered(message.text, (numbered ?? []) as readonly string[])
      : findChoice(token, (choices ?? []) as readonly string[]);
  return value === undefined ? message : applyChoice(message, value);
}
