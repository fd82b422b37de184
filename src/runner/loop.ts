import type { JsonObject, JsonValue, OutcomeError } from "../types/index.ts";
import type { NodeOutcome } from "../flow/index.ts";
import type { EachPlan } from "./kinds/kind.ts";

/** How far a node is with its items, one after another; kept in the snapshot. */
export interface LoopState {
  readonly items: readonly JsonValue[];
  readonly plan: Omit<EachPlan, "items">;
  /** The item that runs. */
  readonly index: number;
  /** Outputs of the items before, null for those that failed. */
  readonly results: readonly JsonValue[];
  readonly errors: readonly ItemError[];
}

/** An item or branch that failed. */
export interface ItemError {
  /** The item's index, or the branch's name. */
  readonly at: number | string;
  readonly error: OutcomeError;
}

/** Starts at the first item. */
export function startLoop({ items, ...plan }: EachPlan): LoopState {
  return { items, plan, index: 0, results: [], errors: [] };
}

/** Takes an item's end in and goes to the next one. */
export function nextItem(
  loop: LoopState,
  ended: { readonly output: JsonValue } | { readonly error: OutcomeError },
): LoopState {
  const { index, results, errors } = loop;
  return {
    ...loop,
    index: index + 1,
    results: [...results, "error" in ended ? null : ended.output],
    errors: "error" in ended ? [...errors, { at: index, error: ended.error }] : errors,
  };
}

/** Whether no further item starts. */
export function isLoopOver({ index, items, errors, plan }: LoopState): boolean {
  return index >= items.length || (errors.length > 0 && plan.onItemError === "stop");
}

/** What the variables of one item's run are. */
export function itemVars(
  { as }: Pick<EachPlan, "as">,
  item: { readonly vars: JsonObject; readonly value: JsonValue; readonly index: number },
): JsonObject {
  return { ...item.vars, [as]: item.value, index: item.index };
}

/** Makes the node's outcome of how its items ended. */
export function outcomeOfItems(
  how: { readonly onItemError: EachPlan["onItemError"]; readonly count: number },
  ended: { readonly results: readonly JsonValue[]; readonly errors: readonly ItemError[] },
): NodeOutcome {
  const { results } = ended;
  const errors = ended.errors.map(({ at, error }) => ({ index: at, error: { ...error } as JsonObject }));
  const output: JsonObject = { results, errors, count: how.count };
  const [first] = ended.errors;
  if (first === undefined) return { kind: "ok", status: "ok", output };
  if (how.onItemError === "continue") return { kind: "ok", status: "partial", output };
  const error: OutcomeError =
    how.onItemError === "stop"
      ? first.error
      : {
          code: "RUNNER_ITEMS_FAILED",
          message: `Run items: ${ended.errors.length} of ${how.count} failed`,
          retryable: false,
        };
  return { kind: "error", status: "error", error, output: { ...output, ok: false, error: { ...error } as JsonObject } };
}
