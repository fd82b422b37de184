import type { FlowScope, NodeOutcome } from "../flow/index.ts";
import type { JsonObject } from "../types/index.ts";
import { isGreenticError } from "../types/index.ts";
import type { LoadedNode } from "./loaded-pack.ts";
import { outcomeError } from "./node-failure.ts";

/** Runs a node's `out_map`, or its `err_map` where it failed; a mapping that can't be rendered is the node's failure. */
export function mapOutcome(scope: FlowScope, node: LoadedNode, outcome: NodeOutcome): NodeOutcome {
  const { mapOutput, mapError } = node.compiled;
  try {
    if (outcome.kind === "ok" && mapOutput !== undefined)
      return { ...outcome, output: mapOutput(scope, outcome.output) };
    if (outcome.error !== undefined && mapError !== undefined) {
      const error: JsonObject = { ...outcome.error };
      return { ...outcome, output: mapError(scope, { error, result: outcome.output }) };
    }
    return outcome;
  } catch (thrown) {
    if (!isGreenticError(thrown)) throw thrown;
    const error = outcomeError(thrown);
    return { kind: "error", status: "error", output: { ok: false, error: { ...error } }, error };
  }
}
