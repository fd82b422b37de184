import { GreenticError, quote } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import type { Kind, NodeCall } from "./kind.ts";
import { fields, ok, text } from "./kind.ts";

const DEFAULT_PATH = "text";
const MAX_PATH_STEPS = 16;

/** `templating.handlebars`: the public packs' way to make a text; their own component of that name goes before. */
export const templatingHandlebars: Kind = {
  name: "templating.handlebars",
  summary:
    "Renders a Handlebars text over the flow's values, `data` first; for packs without a component of this name.",
  effect: "pure",
  statuses: ["ok"],
  templates: ["template", "text"],
  yieldsToComponents: true,
  rerunsOnMessage: true,
  input: {
    type: "object",
    properties: {
      template: { type: "string", description: "Handlebars text" },
      text: { type: "string", description: "The same, by another name" },
      partials: {
        type: "object",
        description: "Parts by name, for {{> name}}",
        additionalProperties: { type: "string" },
      },
      data: { description: "Values that the template sees first" },
      payload: { description: "What the template sees as `payload`; default the node's before" },
      msg: { description: "What the template sees as `msg`" },
      state: { description: "What the template sees as `state`" },
      output_path: { type: "string", description: "Where in the output's payload the text goes, like a.b" },
      wrap: { type: "boolean", description: "false: the payload is the text itself" },
    },
    anyOf: [{ required: ["template"] }, { required: ["text"] }],
    additionalProperties: false,
  },
  output: {
    type: "object",
    properties: { text: { type: "string" }, payload: { description: "The text at output_path, or itself" } },
    required: ["text"],
  },
  run(input, call) {
    const given = fields(input);
    const { templates } = call.node.compiled;
    const template = templates.get("template") ?? templates.get("text");
    // Where the template was filled in before, as compiled flows of public packs have it, it is the text.
    const rendered = template?.render(call.scope, dataOf(given, call)) ?? given["template"] ?? given["text"];
    if (typeof rendered !== "string")
      throw new GreenticError("RUNNER_INPUT_INVALID", 'Read "template": expected a text, got nothing');
    const { wrap, output_path: path } = given;
    if (wrap === undefined && path === undefined) return ok({ text: rendered });
    return ok({ text: rendered, payload: wrap === false ? rendered : placeAt(text(path) ?? DEFAULT_PATH, rendered) });
  },
};

/** What the template sees before the flow's own roots. @see upstream reference §1.6 */
function dataOf(given: JsonObject, call: NodeCall): JsonObject {
  const { in: entry, nodes, prev } = call.scope;
  const records = Object.entries(nodes).map(([id, payload]): [string, JsonValue] => [
    id,
    { ok: fields(payload)["ok"] !== false, payload },
  ]);
  const own = ["payload", "msg", "state"].flatMap((name) =>
    given[name] === undefined ? [] : [[name, given[name]] as const],
  );
  return {
    input: entry,
    nodes: Object.fromEntries(records),
    payload: prev,
    ...Object.fromEntries(own),
    ...fields(given["data"] ?? null),
  };
}

function placeAt(path: string, value: JsonValue): JsonValue {
  const steps = path.split(".");
  if (steps.length > MAX_PATH_STEPS || steps.includes("")) {
    throw new GreenticError(
      "RUNNER_INPUT_INVALID",
      `Read "output_path": expected up to ${MAX_PATH_STEPS} names between dots, got ${quote(path)}`,
    );
  }
  return steps.reduceRight<JsonValue>((inner, step) => Object.fromEntries([[step, inner]]), value);
}
