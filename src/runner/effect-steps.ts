import { hash } from "node:crypto";
import type { JsonValue } from "../types/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import type { EffectCall } from "./effect-call.ts";
import type { LoadedNode } from "./loaded-pack.ts";
import type { Turn } from "./turn.ts";
import { recordStep, stepName } from "./turn-steps.ts";

/** What an act that can't be repeated leaves before it is begun. */
const BEGUN = "begun";

/**
 * The acts of one node that has several, each journaled on its own. Attempts of the same node share what was done: the second one
 * finds the outcomes of the first.
 */
export class EffectSteps {
  readonly #turn: Turn;
  readonly #node: LoadedNode;
  readonly #key: string;
  readonly #known = new Map<string, JsonValue>();
  /** Tokens by the act that used them. */
  readonly #tokens = new Map<number, number>();

  constructor(turn: Turn, node: LoadedNode, idempotencyKey: string) {
    this.#turn = turn;
    this.#node = node;
    this.#key = idempotencyKey;
  }

  /** Whether anything was done: then the turn can't be left, as its journal ends with it. */
  get isEmpty(): boolean {
    return this.#known.size === 0;
  }

  /** Tokens that the node has used, in all of its attempts. */
  get tokens(): number {
    return this.#tokens.values().reduce((sum, tokens) => sum + tokens, 0);
  }

  /** The acts of one attempt, in their order. */
  attempt(isOver: () => boolean): Pick<EffectCall, "step" | "spendTokens"> {
    let count = 0;
    const step: EffectCall["step"] = async ({ name, input, isRepeatable }, run) => {
      const index = count++;
      const place = `${stepName(this.#turn, this.#node)}#${index}:${name}`;
      // The node's own key tells its runs within a turn apart.
      const inputHash = hash("sha256", JSON.stringify([this.#key, place, input]), "hex");
      const done = this.#take(place, inputHash);
      if (done !== undefined) return done;
      const begun = `${place}:${BEGUN}`;
      if (!isRepeatable) {
        if (this.#take(begun, inputHash) !== undefined) {
          const doubt = "it was begun, and nobody knows whether it was done";
          throw new GreenticError(
            "RUNNER_EFFECT_DOUBTFUL",
            `Run node ${quote(this.#node.id)}: ${quote(name)}: ${doubt}`,
          );
        }
        await this.#record(begun, inputHash, true);
      }
      const outcome = await run(`${this.#key}-${index}`);
      // An attempt whose time is over changes nothing any more: what came of the act stays in doubt.
      if (isOver())
        throw new GreenticError("RUNNER_NODE_TIMEOUT", `Run node ${quote(this.#node.id)}: its time is over`);
      return this.#record(place, inputHash, outcome);
    };
    return {
      step,
      // An attempt that finds what another did has used nothing more.
      spendTokens: (tokens) => {
        if (this.#tokens.has(count)) return;
        this.#tokens.set(count, tokens);
        this.#turn.spendTokens(tokens);
      },
    };
  }

  #take(place: string, inputHash: string): JsonValue | undefined {
    const key = `${place} ${inputHash}`;
    const known = this.#known.get(key) ?? this.#turn.takeStep(place, inputHash, { isPart: true });
    if (known !== undefined) this.#known.set(key, known);
    return known;
  }

  async #record(place: string, inputHash: string, outcome: JsonValue): Promise<JsonValue> {
    const recorded = await recordStep(this.#turn, { node: place, inputHash, outcome, isPart: true });
    this.#known.set(`${place} ${inputHash}`, recorded.outcome);
    return recorded.outcome;
  }
}
