import { hash } from "node:crypto";
import type { Step } from "../session/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue, OutcomeError } from "../types/index.ts";
import { GreenticError, isJsonObject, quote } from "../types/index.ts";
import { AttemptCall } from "./attempt-call.ts";
import type { StateWrite } from "./attempt-call.ts";
import type { KindResult } from "./kinds/kind.ts";
import type { LoadedNode } from "./loaded-pack.ts";
import { failureOf, outcomeError } from "./node-failure.ts";
import type { Turn } from "./turn.ts";
import { TurnAborted } from "./turn-aborted.ts";

/** An effectful node with its rendered input. */
interface EffectNode {
  readonly node: LoadedNode;
  readonly input: JsonValue;
}

/** What an effect left behind, as the journal keeps it. */
interface Effect {
  readonly result: KindResult;
  readonly writes: readonly StateWrite[];
  readonly messages: readonly ChannelMessageEnvelope[];
}

const DEFAULT_BASE_DELAY_MS = 250;
const MAX_DELAY_MS = 30_000;

/**
 * Runs a node that may act outside of the turn: retried while its failures may pass, bounded in time, its outcome journaled
 * before the next node starts. A crashed turn finds the outcome there and doesn't act again; where the crash came before the
 * record, it acts again under the same idempotency key.
 */
export async function runEffect(turn: Turn, effect: EffectNode): Promise<KindResult> {
  const { node, input } = effect;
  const inputHash = hash("sha256", JSON.stringify([turn.stack.length, node.id, input]), "hex");
  const name = stepName(turn, node);
  const idempotencyKey = `${turn.turnId}-${turn.effectCount++}-${inputHash.slice(0, 16)}`;
  const isJournaled = node.kind.isEffectful?.(input, turn) ?? true;
  const recovered = isJournaled ? turn.takeStep(name, inputHash) : undefined;
  if (recovered !== undefined) return apply(turn, decode(recovered));
  const done = await attemptAll(turn, { ...effect, idempotencyKey });
  if (!isJournaled) return apply(turn, done);
  const step: Step = { turn: turn.revision, seq: turn.nextSeq(), node: name, inputHash, outcome: encode(done) };
  let recorded: Step;
  try {
    recorded = await turn.env.store.record(turn.lease, step);
  } catch (error) {
    throw new TurnAborted(error);
  }
  return apply(turn, recorded === step ? done : decode(recorded.outcome));
}

/** A timer's turn says which one, so that the same timer is served first when the turn runs again. */
function stepName(turn: Turn, node: LoadedNode): string {
  const place = `${turn.stack.at(-1)?.flow.id ?? ""}/${node.id}`;
  return turn.trigger.kind === "message" ? place : `${place}@${turn.trigger.timer.onceKey}`;
}

async function attemptAll(turn: Turn, effect: EffectNode & { readonly idempotencyKey: string }): Promise<Effect> {
  const { retry, timeoutMs } = effect.node.compiled.ir;
  const maxAttempts = Math.max(1, retry?.maxAttempts ?? 1);
  const baseDelayMs = Math.max(10, retry?.baseDelayMs ?? DEFAULT_BASE_DELAY_MS);
  const limitMs = timeoutMs ?? turn.env.limits.nodeTimeoutMs;
  for (let attempt = 1; ; attempt++) {
    const call = new AttemptCall(turn, {
      attempt,
      idempotencyKey: effect.idempotencyKey,
      timeoutMs: limitMs,
      pack: turn.pack,
    });
    const result = await raceAttempt(turn, call, effect);
    if (result.kind !== "error") return { result, writes: call.writes, messages: call.messages };
    if (!result.error.retryable || attempt >= maxAttempts) return { result, writes: [], messages: [] };
    await pause(turn, delayMs(turn, { attempt, baseDelayMs, error: result.error }));
  }
}

/** The wait doubles with every attempt; chance spreads those that failed together. */
function delayMs(
  turn: Turn,
  failed: { readonly attempt: number; readonly baseDelayMs: number; readonly error: OutcomeError },
): number {
  const exponential = failed.baseDelayMs * 2 ** (failed.attempt - 1);
  const jitter = (turn.env.world.randomBytes(1)[0] ?? 0) / 255;
  const wished = failed.error.backoffMs ?? 0;
  return Math.min(MAX_DELAY_MS, Math.max(wished, exponential * (0.75 + jitter / 2)));
}

async function raceAttempt(turn: Turn, call: AttemptCall, { node, input }: EffectNode): Promise<KindResult> {
  const { promise, resolve, reject } = Promise.withResolvers<KindResult>();
  const cancel = turn.env.world.schedule(call.effect.timeoutMs, () => {
    const error = new GreenticError(
      "RUNNER_NODE_TIMEOUT",
      `Run node ${quote(node.id)}: no answer within ${call.effect.timeoutMs} ms`,
    );
    resolve({ kind: "error", error: outcomeError(error) });
  });
  turn.onGivenUp = (cause) => reject(new TurnAborted(cause));
  try {
    start(node, input, call).then(resolve, reject);
    return await promise;
  } catch (error) {
    return failureOf(error);
  } finally {
    cancel();
    turn.onGivenUp = undefined;
    call.end();
  }
}

async function start(node: LoadedNode, input: JsonValue, call: AttemptCall): Promise<KindResult> {
  return node.kind.run(input, call);
}

async function pause(turn: Turn, ms: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const cancel = turn.env.world.schedule(ms, resolve);
  turn.onGivenUp = (cause) => reject(new TurnAborted(cause));
  try {
    await promise;
  } finally {
    cancel();
    turn.onGivenUp = undefined;
  }
}

function apply(turn: Turn, effect: Effect): KindResult {
  for (const { prefix, key, value } of effect.writes) {
    if (value === undefined) turn.working.delete({ prefix, key });
    else turn.working.set({ prefix, key }, value);
  }
  turn.messages.push(...effect.messages);
  return effect.result;
}

function encode(effect: Effect): JsonValue {
  return {
    result: effect.result as unknown as JsonObject,
    ...(effect.writes.length === 0 ? {} : { writes: effect.writes.map((write) => ({ ...write })) }),
    ...(effect.messages.length === 0 ? {} : { messages: effect.messages as unknown as JsonValue }),
  };
}

function decode(outcome: JsonValue): Effect {
  const { result, writes, messages } = isJsonObject(outcome) ? outcome : {};
  return {
    result: result as unknown as KindResult,
    writes: (writes ?? []) as unknown as readonly StateWrite[],
    messages: (messages ?? []) as unknown as readonly ChannelMessageEnvelope[],
  };
}
