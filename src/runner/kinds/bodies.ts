import type { KindBody } from "../../flow/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { GreenticError } from "../../types/index.ts";
import type { Body } from "./kind.ts";
import { fields, text } from "./kind.ts";

/** JSON Schema of `do`: what runs for an item or a branch. */
export const DO_SCHEMA: JsonObject = {
  description: "A node of this flow, where a chain starts that ends with `out`; or { flow } of the pack.",
  anyOf: [
    { type: "string", minLength: 1 },
    {
      type: "object",
      required: ["flow"],
      additionalProperties: false,
      properties: { flow: { type: "string", minLength: 1 }, input: { description: "What the flow sees as `in`" } },
    },
  ],
};

/** Reads a `do`. @throws RUNNER_INPUT_INVALID */
export function readBody(value: JsonValue | undefined): { readonly body: Body; readonly input?: JsonValue } {
  if (typeof value === "string" && value !== "") return { body: { node: value } };
  const { flow, input } = fields(value ?? null);
  const named = text(flow);
  if (named === undefined) throw new GreenticError("RUNNER_INPUT_INVALID", "Read `do`: expected a node or { flow }");
  return { body: { flow: named }, ...(input === undefined ? {} : { input }) };
}

/** Says what a raw `do` names, for doctor and pictures; nothing where it is a template. */
export function bodyAt(
  value: JsonValue | undefined,
  how: Pick<KindBody, "pointer" | "label" | "mayWait">,
): readonly KindBody[] {
  if (typeof value === "string") return value.includes("{{") ? [] : [{ ...how, node: value }];
  const flow = text(fields(value ?? null)["flow"]);
  return flow === undefined || flow.includes("{{") ? [] : [{ ...how, pointer: `${how.pointer}/flow`, flow }];
}
