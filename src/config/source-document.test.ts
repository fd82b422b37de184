import { expect, test } from "vitest";
import { readJson, readToml, readYaml } from "./index.ts";
import type { SourceRules } from "./index.ts";

const read = { readJson, readToml, readYaml };

test.each([
  ["readYaml", "an alias", "a: &x [1]\nb: *x\n", 1, 1],
  ["readYaml", "a key twice", "\uFEFFa: 1\r\na: 2\r\n", 2, 1],
  ["readYaml", "a key twice, once quoted", 'a: 1\r\n"a": 2\r\n', 2, 1],
  ["readYaml", "a tag", "a: !!binary aGk=\n", 1, 4],
  ["readYaml", "a list as key", "a: 1\n[b]: 2\n", 2, 1],
  ["readYaml", "more than a mebichar", `a: ${"x".repeat(1 << 20)}`, 1, 1],
  ["readJson", "a list as key", '{ "a": 1,\n [2]: 3 }', 2, 2],
  ["readJson", "a word without quotes", '{\n  "a": b\n}', 2, 8],
  ["readToml", "a key twice", "\uFEFFa = 1\r\na = 2\r\n", 2, 1],
  ["readToml", "33 levels", `a = ${"[".repeat(33)}${"]".repeat(33)}`, 1, 37],
] as const)("%s() refuses %s at its place", (name, _what, text, line, column) => {
  expect(() => read[name](text, "f")).toThrow(
    expect.objectContaining({ code: "CONFIG_SYNTAX_INVALID", at: { file: "f", line, column } }),
  );
});

test("readYaml() takes many keys, and refuses more levels than the stack has", () => {
  const many = Array.from({ length: 20_000 }, (_, index) => `key${index}: 1\n`).join("");
  expect(readYaml(many, "f").positionOf(["key19999"])).toMatchObject({ line: 20_000, column: 1 });
  expect(() => readYaml("[".repeat(20_000), "f")).toThrow(expect.objectContaining({ code: "CONFIG_SYNTAX_INVALID" }));
});

test.each([
  ["readToml", '# a = 0\n[a]\n"b" = { c = [1,\n  { d.e = 2 }] }\n', ["a", "b", "c", 1, "d", "e"], 4, 7],
  ["readToml", "[[a]]\n[[a]]\n[a.b]\n[[a.c]]\n  d = 1\n", ["a", 1, "c", 0, "d"], 5, 3],
  ["readToml", "a.b = 1\n", ["a", "gone", "deeper"], 1, 1],
  ["readYaml", "a:\n  - b: |\n      c: 1\n    c: 2\n", ["a", 0, "c"], 4, 5],
  ["readYaml", "1: { 0x1: a }\n", ["1", "0x1"], 1, 6],
  ["readJson", '{ "a": [\n  { "b": 1 }] }', ["a", "0", "b"], 2, 5],
] as const)("%s(%j) knows where %j stands", (name, text, path, line, column) => {
  expect(read[name](text, "f").positionOf(path)).toEqual({ file: "f", line, column });
});

test("SourceDocument speaks with the codes and words of its layer", () => {
  const rules: SourceRules = {
    doing: "Read a tool map",
    syntaxInvalid: "MCP_TOOLMAP_INVALID",
    keyUnknown: "PACK_SOURCE_KEY_UNKNOWN",
    refusesUnsafeKeys: true,
  };
  expect(readToml("[a]\nnmae = 1\n", "f", rules).unknownKey(["a", "nmae"], ["name", "entry"])).toMatchObject({
    code: "PACK_SOURCE_KEY_UNKNOWN",
    message: 'Read a tool map: unknown key "nmae" in a, known are name, entry; did you mean "name"?',
    at: { line: 2, column: 1 },
  });
  for (const text of ["a = ", "__proto__ = 1"])
    expect(() => readToml(text, "f", rules)).toThrow(
      expect.objectContaining({
        code: "MCP_TOOLMAP_INVALID",
        message: expect.stringMatching(/^Read a tool map: malformed TOML, /),
      }),
    );
});
