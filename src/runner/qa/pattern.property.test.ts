import { array, assert, constantFrom, oneof, property, string } from "fast-check";
import { expect, test } from "vitest";
import { isGreenticError } from "../../types/index.ts";
import { compilePattern } from "./pattern.ts";

const piece = oneof(
  constantFrom(
    "a",
    "b",
    "ab",
    ".",
    "[ab]",
    "[^a]",
    "\\d",
    "\\w",
    "^",
    "$",
    "(a|b)",
    "(?:ab)",
    "a{2}",
    "b{1,2}",
    "(a|)",
  ),
  constantFrom("a*", "b+", "a?", "(ab)*", "(a+b?)+", "[a-c]*", "\\s?", "x{0,3}"),
);

test("compilePattern() judges as the machine's own RegExp does", () => {
  assert(
    property(
      array(piece, { minLength: 1, maxLength: 5 }),
      array(constantFrom("a", "b", "c", "1", " ", "é"), { maxLength: 8 }),
      (pieces, chars) => {
        const source = pieces.join("");
        const text = chars.join("");
        expect(compilePattern(source).test(text), `${source} on ${text}`).toBe(new RegExp(source, "u").test(text));
      },
    ),
    { numRuns: 2_000 },
  );
});

test("compilePattern() compiles or refuses whatever it is given", () => {
  assert(
    property(string({ maxLength: 40 }), string({ maxLength: 20 }), (source, text) => {
      try {
        compilePattern(source).test(text);
      } catch (error) {
        if (!isGreenticError(error, "RUNNER_PATTERN_INVALID")) throw error;
      }
    }),
  );
});

test.each(["(a+)+$", "^(a|a)*$", "(a|aa)+$", "(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$"])(
  "%s takes time in proportion to the text",
  (source) => {
    // A backtracking engine needs longer than the universe has for some of these.
    expect(compilePattern(source).test(`${"a".repeat(2_000)}!`)).toBe(false);
  },
);

test.each(["(?=a)", "\\1", "(?<x>a)", "a{2000}", "((a{100}){100}){100}", "[", "(", ")", "*a", "\\", "a".repeat(600)])(
  "compilePattern() refuses %s",
  (source) => {
    expect(() => compilePattern(source)).toThrow(expect.objectContaining({ code: "RUNNER_PATTERN_INVALID" }));
  },
);

test("compilePattern() counts characters, not their halves", () => {
  // The machine's own RegExp says no to the second (Node 26.10).
  for (const source of ["^.$", "[^a]$", "^[^a]{1}$", "^😀$", "^[😀-😂]$"])
    expect(compilePattern(source).test("😀"), source).toBe(true);
});
