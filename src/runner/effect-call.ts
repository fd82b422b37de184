import type { HostServices } from "../component/index.ts";
import type { ModelAttempt } from "../llm/index.ts";
import type { JsonValue, TenantCtx } from "../types/index.ts";
import type { ChatReach } from "./chat-reach.ts";
import type { FlowOAuth } from "../oauth/index.ts";
import type { LoadedPack } from "./loaded-pack.ts";

/** One attempt of an effectful node. */
export interface EffectCall {
  /** Carries the idempotency key, the attempt's number and its deadline. */
  readonly ctx: TenantCtx;
  /** Wall time that the attempt may take. */
  readonly timeoutMs: number;
  /** Aborts when the time is over or the turn is given up. */
  readonly signal: AbortSignal;
  /** Consents and tokens of OAuth providers; undefined where none is declared. */
  readonly oauth: FlowOAuth | undefined;
  /** What a component may reach through its host calls, of the running pack unless another is given; dead once the attempt is over. */
  servicesFor(component: string, pack?: LoadedPack): HostServices;
  /** Language models, and what stands in for them. */
  readonly chat: ChatReach;
  /**
   * Does one of several outside acts of the node, journaled on its own: who runs the node again, after a crash or a failure, finds
   * its outcome instead of doing it again. Acts are told apart by their order, name and input.
   * @throws RUNNER_EFFECT_DOUBTFUL where an act that isn't `isRepeatable` was begun and nobody knows how it ended
   */
  step(
    act: { readonly name: string; readonly input: JsonValue; readonly isRepeatable: boolean },
    run: (idempotencyKey: string) => Promise<JsonValue>,
  ): Promise<JsonValue>;
  /** Counts the tokens of the last step against the turn's budget. */
  spendTokens(tokens: number): void;
  /** Tokens that the turn has used so far. */
  readonly tokensSpent: number;
  /** Tells observers of one answer of a model. */
  noteModel(attempt: ModelAttempt): void;
  /** Tells observers how far a long call of a tool is. */
  noteProgress(target: string, progress: { readonly progress: number; readonly total?: number }): void;
}
