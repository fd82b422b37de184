import { GreenticError } from "../../types/index.ts";
import type { JsonValue } from "../../types/index.ts";
import { bodyAt, DO_SCHEMA, readBody } from "./bodies.ts";
import type { EachPlan, Kind } from "./kind.ts";
import { fields, ok, text } from "./kind.ts";

const MAX_ITEMS = 10_000;
const MAX_CONCURRENCY = 64;

/** `for_each`: runs a chain of nodes or a flow for every item. */
export const forEach: Kind = {
  name: "for_each",
  summary: "Runs a chain of nodes or a flow for every item, one after another or several at once.",
  effect: "pure",
  statuses: ["ok", "partial", "error"],
  input: {
    type: "object",
    properties: {
      items: { type: "array", maxItems: MAX_ITEMS, description: "What to go through" },
      as: {
        type: "string",
        pattern: "^[A-Za-z_][\\w-]*$",
        default: "item",
        description: "The variable that holds the item: {{vars.item}}; {{vars.index}} is its place",
      },
      do: DO_SCHEMA,
      max_concurrency: {
        type: "integer",
        minimum: 1,
        maximum: MAX_CONCURRENCY,
        default: 1,
        description: "Items at once; only one after another may they wait for anybody",
      },
      on_item_error: {
        enum: ["stop", "continue", "collect"],
        default: "stop",
        description: "End with the first failure, leave failures out, or run all items and then fail",
      },
    },
    required: ["items", "do"],
    additionalProperties: false,
  },
  output: {
    type: "object",
    properties: {
      results: { type: "array", description: "What each item came to, in order; null where it failed" },
      errors: { type: "array", description: "{ index, error } of each that failed" },
      count: { type: "integer" },
    },
    required: ["results", "errors", "count"],
  },
  bodies: (input) =>
    bodyAt(fields(input)["do"], {
      pointer: "/do",
      label: "each",
      mayWait: !isMany(fields(input)["max_concurrency"]),
    }),
  run(input) {
    const given = fields(input);
    const { items } = given;
    if (!Array.isArray(items)) throw new GreenticError("RUNNER_INPUT_INVALID", "Go through items: expected a list");
    if (items.length > MAX_ITEMS) {
      throw new GreenticError(
        "RUNNER_INPUT_INVALID",
        `Go through items: expected at most ${MAX_ITEMS}, got ${items.length}`,
      );
    }
    if (items.length === 0) return ok({ results: [], errors: [], count: 0 });
    return {
      kind: "each",
      items: items as readonly JsonValue[],
      ...readBody(given["do"]),
      as: text(given["as"]) ?? "item",
      maxConcurrency: bounded(given["max_concurrency"]),
      onItemError: readRule(given["on_item_error"]),
    };
  },
};

function readRule(rule: JsonValue | undefined): EachPlan["onItemError"] {
  return rule === "continue" || rule === "collect" ? rule : "stop";
}

function isMany(value: JsonValue | undefined): boolean {
  return typeof value === "string" || (typeof value === "number" && value > 1);
}

function bounded(value: JsonValue | undefined): number {
  return typeof value === "number" ? Math.min(MAX_CONCURRENCY, Math.max(1, Math.floor(value))) : 1;
}
