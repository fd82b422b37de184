import { GreenticError } from "../../types/index.ts";
import type { Kind } from "./kind.ts";
import { fields, text } from "./kind.ts";

/** `flow.call`: runs another flow of the pack or of a dependency; it may wait, its caller waits with it. */
export const flowCall: Kind = {
  name: "flow.call",
  summary:
    "Runs another flow of this pack, or of one that it depends on, and gives its output; the called flow may wait.",
  effect: "waits",
  statuses: "any",
  input: {
    type: "object",
    properties: {
      flow: { type: "string" },
      flow_id: { type: "string" },
      pack: { type: "string", description: "A dependency of this pack, in the version that it was built with" },
      input: { description: "What the called flow sees as `in`; default what arrived" },
    },
    anyOf: [{ required: ["flow"] }, { required: ["flow_id"] }],
    additionalProperties: false,
  },
  output: { description: "The called flow's output" },
  run(input) {
    const call = fields(input);
    const flow = text(call["flow"]) ?? text(call["flow_id"]);
    if (flow === undefined) throw new GreenticError("RUNNER_FLOW_MISSING", "Call a flow: no flow is named");
    const pack = text(call["pack"]);
    return { kind: "call", flow, input: call["input"], ...(pack === undefined ? {} : { pack }) };
  },
};

/** `flow.goto`: leaves this flow for a node of this or another one. */
export const flowGoto: Kind = {
  name: "flow.goto",
  summary: "Goes on at another node or flow and never comes back.",
  effect: "pure",
  statuses: ["ok"],
  input: {
    type: "object",
    properties: {
      flow: { type: "string", description: "Default this flow" },
      flow_id: { type: "string" },
      node: { type: "string", description: "Default the flow's start" },
      input: { description: "What the flow sees as `in`; default what arrived" },
      max_redirects: { type: "integer", minimum: 0, description: "Jumps that one turn may take; default no bound" },
      reason: { type: "string" },
    },
    additionalProperties: false,
  },
  output: {},
  run(input) {
    const { flow, flow_id: flowId, node, input: entry, max_redirects: limit } = fields(input);
    return {
      kind: "goto",
      flow: text(flow) ?? text(flowId),
      node: text(node),
      input: entry,
      ...(typeof limit === "number" ? { maxRedirects: limit } : {}),
    };
  },
};

/** `flow.return`: ends this flow with a value. */
export const flowReturn: Kind = {
  name: "flow.return",
  summary: "Ends this flow; `value` is its output.",
  effect: "pure",
  statuses: ["ok"],
  input: { type: ["object", "null"], properties: { value: {} } },
  output: {},
  run(input) {
    const given = fields(input);
    if ("value" in given) return { kind: "return", value: given["value"] ?? null };
    return { kind: "return", value: Object.keys(given).length === 0 ? null : input };
  },
};
