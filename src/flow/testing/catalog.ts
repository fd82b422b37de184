import type { JsonObject } from "../../types/index.ts";
import type { KindCatalog, KindSpec } from "../kind-spec.ts";

const TEXT = { type: "string" };
const closed = (properties: JsonObject, required: readonly string[] = []): JsonObject => ({
  type: "object",
  additionalProperties: false,
  properties,
  required,
});

function spec(name: string, parts: Omit<KindSpec, "name" | "summary">): [string, KindSpec] {
  return [name, { name, summary: name, ...parts }];
}

/** A small catalog in the shape of the runner's, for tests. */
export const CATALOG: KindCatalog = new Map([
  spec("qa", {
    input: closed(
      {
        questions: {
          type: "array",
          items: closed({ id: TEXT, prompt: TEXT, type: { enum: ["string", "date"] }, default: {}, validate: {} }, [
            "id",
          ]),
        },
        known: { type: "object" },
        cancel: { type: "array", items: TEXT },
        max_retries: { type: "integer" },
      },
      ["questions"],
    ),
    output: closed({ answers: { type: "object" } }),
    statuses: ["ok", "cancelled", "failed", "expired"],
    effect: "waits",
  }),
  spec("template.render", {
    input: closed({ template: TEXT, asset: TEXT, data: {}, locale: TEXT }),
    output: closed({ text: TEXT }),
    statuses: ["ok"],
    effect: "pure",
    templates: ["template"],
  }),
  spec("message.send", {
    input: closed({ text: TEXT, card: { type: "object" }, to: TEXT }),
    output: { type: "object", properties: { messages: { type: "array" } } },
    statuses: ["ok"],
    effect: "outbox",
  }),
  spec("emit.*", { input: {}, output: {}, statuses: ["ok"], effect: "outbox" }),
  spec("tool.invoke", {
    input: closed({ tool: TEXT, input: {} }, ["tool"]),
    output: closed({ result: {}, content: {} }),
    statuses: ["ok", "error"],
    effect: "effectful",
  }),
  spec("component.exec", { input: { type: "object" }, output: {}, statuses: "any", effect: "effectful" }),
]);
