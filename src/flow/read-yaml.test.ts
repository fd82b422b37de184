import { anything, assert, jsonValue, pre, property, string, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import type { JsonValue } from "../types/index.ts";
import { Findings } from "./finding.ts";
import { readYaml } from "./read-yaml.ts";

function read(source: string | Uint8Array): {
  readonly value: JsonValue | undefined;
  readonly codes: readonly string[];
} {
  const findings = new Findings();
  const yaml = readYaml(source, { file: "f", findings });
  return { value: yaml?.value, codes: findings.list.map(({ code }) => code) };
}

const LAUGHS = "bcdefghi".split("").map(
  (name, i) =>
    `${name}: &${name} [${Array(10)
      .fill(`*${"abcdefghi"[i] ?? ""}`)
      .join(", ")}]`,
);

test.each([
  ["a laughs bomb", ["a: &a [ha, ha, ha]", ...LAUGHS].join("\n"), "FLOW_YAML_TOO_MANY_ALIASES"],
  ["few aliases for much", `a: &a [${"x, ".repeat(300)}]\nb: [${"*a, ".repeat(99)}]`, "FLOW_YAML_TOO_MANY_ALIASES"],
  ["many aliases", `a: &a 1\nb: [${"*a, ".repeat(200_000)}]`, "FLOW_YAML_TOO_MANY_ALIASES"],
  ["an alias of itself", "a: &a [*a]", "FLOW_YAML_TOO_DEEP"],
  ["500,000 brackets", "[".repeat(500_000), "FLOW_YAML_TOO_DEEP"],
  ["65 levels", `${"[".repeat(65)}${"]".repeat(65)}`, "FLOW_YAML_TOO_DEEP"],
  ["levels by dashes", "- ".repeat(500_000), "FLOW_YAML_TOO_DEEP"],
  [
    "levels by indentation",
    Array.from({ length: 70 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"),
    "FLOW_YAML_TOO_DEEP",
  ],
  ["a text of more than 1 MiB", `a: ${"x".repeat(1 << 20)}`, "FLOW_YAML_TOO_LARGE"],
  ["bytes beyond 1 MiB", "ä".repeat((1 << 19) + 1), "FLOW_YAML_TOO_LARGE"],
  ["a key twice", "a: 1\nb: 2\na: 3", "FLOW_YAML_INVALID"],
  ["__proto__ twice", "__proto__: 1\n__proto__: 2", "FLOW_YAML_INVALID"],
  ["a merge key", "a: &a { x: 1 }\nb: { <<: *a }", "FLOW_YAML_INVALID"],
  ["a custom tag", "a: !thing 1", "FLOW_YAML_INVALID"],
  ["a language's tag", "a: !!js/function 'function(){}'", "FLOW_YAML_INVALID"],
  ["two documents", "a: 1\n---\nb: 2", "FLOW_YAML_INVALID"],
  ["a key that is a list", "? [a]\n: 1", "FLOW_YAML_INVALID"],
  ["not a number", "a: .nan", "FLOW_YAML_INVALID"],
  ["infinity", "a: .inf", "FLOW_YAML_INVALID"],
  ["a tab as indentation", "a:\n\tb: 1", "FLOW_YAML_INVALID"],
  ["an anchor that isn't", "a: *b", "FLOW_YAML_INVALID"],
])("readYaml() refuses %s", (_name, source, code) => {
  expect(read(source)).toEqual({ value: undefined, codes: expect.arrayContaining([code]) });
});

test("readYaml() refuses bytes that are not UTF-8", () => {
  expect(read(Uint8Array.of(0x61, 0x3a, 0x20, 0xff)).codes).toEqual(["FLOW_YAML_INVALID"]);
});

test("readYaml() reads the values of YAML 1.2 core and no more", () => {
  expect(
    read(
      "{ a: no, b: yes, c: on, d: 012, e: 1:20, f: 2020-01-01, g: ~, h: .5, i: 0o14, j: 0x1f, k: 1e3, no: NO, y: TRUE, 7: x }",
    ).value,
  ).toEqual({
    a: "no",
    b: "yes",
    c: "on",
    d: 12,
    e: "1:20",
    f: "2020-01-01",
    g: null,
    h: 0.5,
    i: 12,
    j: 31,
    k: 1000,
    no: "NO",
    y: true,
    7: "x",
  });
});

test("readYaml() keeps __proto__ and constructor as data", () => {
  const { value } = read("__proto__: { polluted: 1 }\nconstructor: { prototype: { polluted: 1 } }");
  expect(Object.keys(value as object)).toEqual(["__proto__", "constructor"]);
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

test("readYaml() takes brackets in texts and a few aliases", () => {
  expect(read(`a: "${"[".repeat(300)}"`).codes).toEqual([]);
  expect(read("a: &x { n: 1 }\nb: [*x, *x]").value).toEqual({ a: { n: 1 }, b: [{ n: 1 }, { n: 1 }] });
});

test("readYaml() gives back any JSON value that was written as YAML", () => {
  assert(
    property(jsonValue({ maxDepth: 6 }), (value) => {
      const text = JSON.stringify(value);
      // A bare `<<` is YAML 1.1's merge key, which the writer knows nothing of and the reader refuses.
      pre(!text.includes('"<<"'));
      const json = JSON.parse(text) as JsonValue;
      expect(read(stringify(json, { aliasDuplicateObjects: false })).value).toEqual(json);
    }),
    { numRuns: 200 },
  );
});

test("readYaml() never throws, whatever it is given", () => {
  assert(
    property(string({ maxLength: 200, unit: "binary" }), (text) => void read(text)),
    { numRuns: 300 },
  );
  assert(
    property(uint8Array({ maxLength: 200 }), (bytes) => void read(bytes)),
    { numRuns: 300 },
  );
  assert(
    property(anything(), (value) => void read(JSON.stringify(value) ?? "")),
    { numRuns: 200 },
  );
});
