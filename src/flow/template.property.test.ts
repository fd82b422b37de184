import {
  array,
  assert,
  boolean,
  constantFrom,
  dictionary,
  integer,
  letrec,
  oneof,
  property,
  record,
  tuple,
} from "fast-check";
import type { Arbitrary } from "fast-check";
import Handlebars from "handlebars";
import { expect, test } from "vitest";
import type { JsonValue } from "../types/index.ts";
import { compileTemplate } from "./template.ts";
import { testScope } from "./testing/scope.ts";
import { toText } from "./template-run.ts";

const NAMES = ["a", "b", "c", "list"] as const;
const name = constantFrom(...NAMES);
const path = oneof(
  name,
  tuple(name, name).map(([a, b]) => `${a}.${b}`),
  constantFrom("this", "@index", "@key", "@first", "@last", "@root.a"),
);
const { template } = letrec<{ template: string; part: string }>((tie) => ({
  template: array(tie("part"), { maxLength: 4 }).map((parts) => parts.join("")),
  part: oneof(
    { depthSize: "small" },
    constantFrom("x", " y\n", "{ ", "\n  ", "{{lookup @root.list 0}}", '{{lookup @root "b"}}'),
    path.map((p) => `{{${p}}}`),
    path.map((p) => `{{~${p}~}}`),
    tuple(constantFrom("if", "unless", "each", "with"), path, tie("template"), tie("template")).map(
      ([block, p, yes, no]) => `{{#${block} ${p}}}${yes}{{else}}${no}{{/${block}}}`,
    ),
    tuple(name, tie("template"), tie("template")).map(([p, yes, no]) => `{{#${p}}}${yes}{{^}}${no}{{/${p}}}`),
    tuple(name, tie("template")).map(([p, no]) => `{{^${p}}}${no}{{/${p}}}`),
    tuple(path, tie("template")).map(([p, body]) => `{{#each ${p} as |a i|}}{{i}}{{a}}${body}{{/each}}`),
  ),
}));
const leaf: Arbitrary<JsonValue> = oneof(constantFrom<JsonValue>("", "t", 0, 7), boolean());
const node: Arbitrary<JsonValue> = oneof(leaf, array(leaf, { maxLength: 3 }), dictionary(name, leaf));
const data = record(
  { a: node, b: node, c: oneof(node, integer({ min: -5, max: 5 })), list: array(node, { maxLength: 3 }) },
  { requiredKeys: [] },
);

/** Handlebars prints objects by their toString: this makes it say what this runtime says. */
function printable(value: JsonValue): JsonValue {
  if (typeof value !== "object" || value === null) return value;
  const copy = (
    Array.isArray(value)
      ? value.map(printable)
      : Object.fromEntries(Object.entries(value).map(([k, v]) => [k, printable(v)]))
  ) as JsonValue;
  Object.defineProperty(copy, "toString", { value: () => toText(value), enumerable: false });
  return copy;
}

// Without null as `this` and without `../`: there Handlebars prints "[object Object]" and compares contexts with ==.
test("compileTemplate() renders what Handlebars renders", () => {
  const official = Handlebars.create();
  assert(
    property(template, data, (source, values) => {
      // With noEscape Handlebars adds neighbouring numbers and booleans up; quotes are all that these values hold to escape.
      const expected = official
        .compile(source, { knownHelpersOnly: true })(printable(values), {
          allowProtoMethodsByDefault: false,
          allowProtoPropertiesByDefault: false,
        })
        .replaceAll("&quot;", '"');
      expect(compileTemplate(source).render(testScope(), values as JsonValue)).toBe(expected);
    }),
    { numRuns: 400 },
  );
});
