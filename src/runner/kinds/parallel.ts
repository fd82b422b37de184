import { GreenticError, quote } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { bodyAt, DO_SCHEMA, readBody } from "./bodies.ts";
import type { Kind } from "./kind.ts";
import { fields } from "./kind.ts";

const MAX_BRANCHES = 32;

/** `parallel`: runs several chains of nodes or flows side by side. */
export const parallel: Kind = {
  name: "parallel",
  summary: "Runs several chains of nodes or flows side by side and joins them.",
  effect: "pure",
  statuses: ["ok", "partial", "error"],
  input: {
    type: "object",
    properties: {
      branches: {
        type: "object",
        description: "Name → what runs",
        propertyNames: { pattern: "^[A-Za-z_][\\w-]*$" },
        additionalProperties: DO_SCHEMA,
        minProperties: 1,
        maxProperties: MAX_BRANCHES,
      },
      join: {
        description: "How many must go well: all, any, or a number; those that aren't needed any more are given up",
        anyOf: [{ enum: ["all", "any"] }, { type: "integer", minimum: 1, maximum: MAX_BRANCHES }],
        default: "all",
      },
      max_concurrency: {
        type: "integer",
        minimum: 1,
        maximum: MAX_BRANCHES,
        description: "Branches at once; all where absent",
      },
    },
    required: ["branches"],
    additionalProperties: false,
  },
  output: {
    type: "object",
    properties: {
      results: { type: "object", description: "What each branch came to, by its name" },
      errors: { type: "object", description: "Failures, by the branch's name" },
    },
    required: ["results", "errors"],
  },
  bodies: (input) =>
    Object.entries(branchesOf(input)).flatMap(([name, body]) =>
      bodyAt(body, { pointer: `/branches/${name}`, label: name, mayWait: false }),
    ),
  run(input) {
    const { join, max_concurrency: limit } = fields(input);
    const branches = Object.entries(branchesOf(input)).map(([name, body]) => ({ name, ...readBody(body) }));
    if (branches.length === 0 || branches.length > MAX_BRANCHES) {
      const problem = `expected 1 to ${MAX_BRANCHES}, got ${branches.length}`;
      throw new GreenticError("RUNNER_INPUT_INVALID", `Run branches: ${problem}`);
    }
    return {
      kind: "branches",
      branches,
      maxConcurrency: typeof limit === "number" ? Math.max(1, Math.floor(limit)) : branches.length,
      needs: readJoin(join, branches.length),
    };
  },
};

function branchesOf(input: JsonValue): JsonObject {
  return fields(fields(input)["branches"] ?? null);
}

function readJoin(join: JsonValue | undefined, count: number): number {
  if (join === undefined || join === null || join === "all") return count;
  if (join === "any") return 1;
  if (typeof join === "number" && Number.isInteger(join) && join >= 1 && join <= count) return join;
  throw new GreenticError(
    "RUNNER_INPUT_INVALID",
    `Join branches: expected all, any or 1 to ${count}, got ${quote(JSON.stringify(join))}`,
  );
}
