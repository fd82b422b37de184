import type { CompiledJsonTemplate } from "../../flow/index.ts";
import { compileJsonTemplate } from "../../flow/index.ts";
import { GreenticError, isGreenticError, isJsonObject, parseJson } from "../../types/index.ts";
import type { JsonValue } from "../../types/index.ts";
import type { LoadedNode } from "../loaded-pack.ts";
import type { Kind, NodeCall } from "./kind.ts";
import { ok } from "./kind.ts";
import { CONFIG_FLOW } from "./questions.ts";

/** `template`: the public word for a text; in a config flow, the node that the flow makes. */
export const template: Kind = {
  name: "template",
  summary: "Gives its text or object with the values filled in; ends a config flow with the node that it makes.",
  effect: "pure",
  statuses: ["ok"],
  yieldsToComponents: true,
  rerunsOnMessage: true,
  input: { type: ["string", "object"], description: "A text, an object, or the JSON of one" },
  output: { description: "{ text } of a text; the object itself" },
  run(input, call) {
    if (call.node.flowType === CONFIG_FLOW) return { kind: "return", value: configOf(input, call) };
    return ok(typeof input === "string" ? { text: input } : input);
  },
};

const compiled = new WeakMap<LoadedNode, CompiledJsonTemplate | null>();

/**
 * The node that a config flow makes: { node_id, node }. JSON is read before its values are filled in, so that no answer can break
 * it, and an answer keeps its type.
 * @throws RUNNER_CONFIG_INVALID
 */
function configOf(input: JsonValue, call: NodeCall): JsonValue {
  const { node } = call;
  let document = compiled.get(node);
  if (document === undefined) {
    document = compileDocument(node.compiled.ir.input);
    compiled.set(node, document);
  }
  const value = document?.render(call.scope) ?? readDocument(input);
  const isConfig = value !== undefined && isJsonObject(value) && typeof value["node_id"] === "string";
  if (!isConfig || !isJsonObject(value["node"] ?? null)) {
    throw new GreenticError("RUNNER_CONFIG_INVALID", "End config flow: expected JSON of { node_id, node }");
  }
  return value;
}

function compileDocument(source: JsonValue): CompiledJsonTemplate | null {
  const document = readDocument(source);
  return document === undefined ? null : compileJsonTemplate(document);
}

/** Reads JSON that stands in the flow as text; undefined where it is only JSON once its values are filled in. */
function readDocument(source: JsonValue): JsonValue | undefined {
  if (typeof source !== "string") return source;
  try {
    return parseJson(source);
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    return undefined;
  }
}
