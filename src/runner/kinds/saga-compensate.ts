import type { Kind } from "./kind.ts";

/** `saga.compensate`: undoes what the flow has done so far, the last first. */
export const sagaCompensate: Kind = {
  name: "saga.compensate",
  summary: "Undoes the nodes of this flow that went well and name a `compensate`, the last one first.",
  effect: "pure",
  statuses: ["ok", "partial"],
  input: { type: ["object", "null"], additionalProperties: false },
  output: {
    type: "object",
    properties: {
      undone: { type: "array", description: "Ids of the nodes that were undone" },
      failed: { type: "array", description: "{ flow, node, code } of those that could not be" },
    },
    required: ["undone", "failed"],
  },
  run: () => ({ kind: "undo" }),
};
