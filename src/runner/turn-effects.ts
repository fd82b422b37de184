import { hash } from "node:crypto";
import { DEFAULT_MAX_DELAY_MS } from "../flow/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue, OutcomeError } from "../types/index.ts";
import { GreenticError, isJsonObject, quote } from "../types/index.ts";
import { AttemptCall } from "./attempt-call.ts";
import type { StateWrite } from "./attempt-call.ts";
import { EffectSteps } from "./effect-steps.ts";
import type { KindResult } from "./kinds/kind.ts";
import type { LoadedNode } from "./loaded-pack.ts";
import { failureOf, outcomeError } from "./node-failure.ts";
import type { Turn } from "./turn.ts";
import { TurnAborted } from "./turn-aborted.ts";
import { recordStep, stepName } from "./turn-steps.ts";

/** An effectful node with its rendered input. */
interface EffectNode {
  readonly node: LoadedNode;
  readonly input: JsonValue;
  readonly again: Again | undefined;
}

/** A node's attempts of earlier turns: how many, and what they had in common. */
export interface Again {
  readonly attempts: number;
  readonly idempotencyKey: string;
  readonly input: JsonValue;
}

/** What an effect left behind, as the journal keeps it. */
interface Effect {
  readonly result: KindResult;
  readonly writes: readonly StateWrite[];
  readonly messages: readonly ChannelMessageEnvelope[];
  /** Tokens of language models that it used. */
  readonly tokens?: number;
}

const DEFAULT_BASE_DELAY_MS = 250;
const DEFAULT_FACTOR = 2;
const DEFAULT_JITTER = 0.25;
/** A retry that is farther away doesn't hold the session: the turn commits and a timer goes on. */
const PARK_AFTER_MS = 5_000;
/** Where a turn can't be left, no retry waits longer. */
const MAX_INLINE_MS = 30_000;
/** A peer's wish beyond this is not for this session. */
const MAX_WISH_MS = 86_400_000;

/** Reads what a parked retry kept. */
export function readAgain(kept: JsonValue): Again {
  const { attempts, key, input } = isJsonObject(kept) ? kept : {};
  return { attempts: Number(attempts), idempotencyKey: typeof key === "string" ? key : "", input: input ?? null };
}

/**
 * Runs a node that may act outside of the turn: retried while its failures may pass, bounded in time, its outcome journaled
 * before the next node starts. A crashed turn finds the outcome there and doesn't act again; where the crash came before the
 * record, it acts again under the same idempotency key.
 */
export async function runEffect(turn: Turn, effect: EffectNode): Promise<KindResult> {
  const { node, input, again } = effect;
  const inputHash = hash("sha256", JSON.stringify([turn.stack.length, node.id, input]), "hex");
  const name = stepName(turn, node);
  const ownKey = `${turn.turnId}-${turn.effectCount++}-${inputHash.slice(0, 16)}`;
  const isJournaled = node.kind.isEffectful?.(input, turn) ?? true;
  const recovered = isJournaled ? turn.takeStep(name, inputHash) : undefined;
  if (recovered !== undefined) turn.spendTokens(decode(recovered).tokens ?? 0);
  if (recovered !== undefined) return apply(turn, decode(recovered));
  const done = await attemptAll(turn, { ...effect, idempotencyKey: again?.idempotencyKey ?? ownKey });
  // A retry that is put off has done nothing that the commit doesn't say.
  if (!isJournaled || (done.result.kind === "wait" && done.result.resume === "attempt")) return apply(turn, done);
  const outcome = encode(done);
  const recorded = await recordStep(turn, { node: name, inputHash, outcome });
  return apply(turn, recorded.outcome === outcome ? done : decode(recorded.outcome));
}

async function attemptAll(turn: Turn, effect: EffectNode & { readonly idempotencyKey: string }): Promise<Effect> {
  const { retry, timeoutMs } = effect.node.compiled.ir;
  const maxAttempts = Math.max(1, retry?.maxAttempts ?? 1);
  const limitMs = timeoutMs ?? effect.node.kind.timeoutMs ?? turn.env.limits.nodeTimeoutMs;
  const callee = calleeOf(turn, effect.node);
  const steps = new EffectSteps(turn, effect.node, effect.idempotencyKey);
  for (let attempt = (effect.again?.attempts ?? 0) + 1; ; attempt++) {
    const call = new AttemptCall(turn, {
      attempt,
      idempotencyKey: effect.idempotencyKey,
      timeoutMs: limitMs,
      pack: turn.pack,
      steps,
    });
    const result = await raceAttempt(turn, call, effect);
    if (maxAttempts > 1 && (attempt === 1 || result.kind !== "error"))
      turn.env.retries.note(callee, result.kind === "error");
    if (result.kind !== "error") return { result, writes: call.writes, messages: call.messages, tokens: steps.tokens };
    const isLast = !result.error.retryable || attempt >= maxAttempts;
    if (isLast || !turn.env.retries.take(callee)) {
      if (!isLast) turn.warn("RUNNER_RETRY_REFUSED", effect.node.id);
      return { result, writes: [], messages: [], tokens: steps.tokens };
    }
    const ms = delayMs(turn, { attempt, retry, error: result.error });
    if (ms > PARK_AFTER_MS && turn.canPark && steps.isEmpty)
      return { result: parked(turn, { effect, attempt, ms }), writes: [], messages: [] };
    await pause(turn, Math.min(ms, MAX_INLINE_MS));
  }
}

/** Whose load retries add to: one node's of one tenant, whichever of its teams and sessions runs it. */
function calleeOf(turn: Turn, node: LoadedNode): string {
  const { env, tenant } = turn.ctx;
  return `${env}:${tenant}:${turn.pack.name}:${turn.stack.at(-1)?.flow.id ?? ""}/${node.id}`;
}

/** Leaves the turn until the next attempt is due. */
function parked(
  turn: Turn,
  {
    effect,
    attempt,
    ms,
  }: {
    readonly effect: EffectNode & { readonly idempotencyKey: string };
    readonly attempt: number;
    readonly ms: number;
  },
): KindResult {
  return {
    kind: "wait",
    reason: "retry",
    resume: "attempt",
    isClosed: true,
    expiresAtMs: Math.round(turn.env.world.nowMs() + ms),
    kept: { attempts: attempt, key: effect.idempotencyKey, input: effect.input },
  };
}

/** The wait grows with every attempt; chance spreads those that failed together, and what the peer asks for is the least. */
function delayMs(
  turn: Turn,
  failed: {
    readonly attempt: number;
    readonly retry: LoadedNode["compiled"]["ir"]["retry"];
    readonly error: OutcomeError;
  },
): number {
  const { retry, attempt, error } = failed;
  const baseDelayMs = Math.max(10, retry?.baseDelayMs ?? DEFAULT_BASE_DELAY_MS);
  const grown = baseDelayMs * (retry?.factor ?? DEFAULT_FACTOR) ** (attempt - 1);
  const chance = (turn.env.world.randomBytes(1)[0] ?? 0) / 255;
  const spread = 1 + (retry?.jitter ?? DEFAULT_JITTER) * (2 * chance - 1);
  const own = Math.min(grown, Math.max(baseDelayMs, retry?.maxDelayMs ?? DEFAULT_MAX_DELAY_MS)) * spread;
  return Math.max(Math.min(error.backoffMs ?? 0, MAX_WISH_MS), own);
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
  const stopListening = turn.whenGivenUp((cause) => reject(new TurnAborted(cause)));
  try {
    start(node, input, call).then(resolve, reject);
    return await promise;
  } catch (error) {
    return failureOf(error);
  } finally {
    cancel();
    stopListening();
    call.end();
  }
}

async function start(node: LoadedNode, input: JsonValue, call: AttemptCall): Promise<KindResult> {
  return node.kind.run(input, call);
}

async function pause(turn: Turn, ms: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const cancel = turn.env.world.schedule(ms, resolve);
  const stopListening = turn.whenGivenUp((cause) => reject(new TurnAborted(cause)));
  try {
    await promise;
  } finally {
    cancel();
    stopListening();
  }
}

function apply(turn: Turn, effect: Effect): KindResult {
  for (const { prefix, key, value } of effect.writes) {
    if (value === undefined) turn.working.delete({ prefix, key });
    else turn.working.set({ prefix, key }, value, { isLetIn: true });
  }
  turn.messages.push(...effect.messages);
  return effect.result;
}

function encode(effect: Effect): JsonValue {
  return {
    result: effect.result as unknown as JsonObject,
    ...(effect.writes.length === 0 ? {} : { writes: effect.writes.map((write) => ({ ...write })) }),
    ...(effect.messages.length === 0 ? {} : { messages: effect.messages as unknown as JsonValue }),
    ...(effect.tokens === undefined || effect.tokens === 0 ? {} : { tokens: effect.tokens }),
  };
}

function decode(outcome: JsonValue): Effect {
  const { result, writes, messages, tokens } = isJsonObject(outcome) ? outcome : {};
  return {
    result: result as unknown as KindResult,
    writes: (writes ?? []) as unknown as readonly StateWrite[],
    messages: (messages ?? []) as unknown as readonly ChannelMessageEnvelope[],
    ...(typeof tokens === "number" ? { tokens } : {}),
  };
}
