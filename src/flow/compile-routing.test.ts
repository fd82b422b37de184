import { assert, oneof, constantFrom, property, string, array } from "fast-check";
import { expect, test } from "vitest";
import { GreenticError } from "../types/index.ts";
import type { JsonValue } from "../types/index.ts";
import { compileCondition } from "./condition.ts";
import { compileFlow } from "./compile-flow.ts";
import type { CompiledNode, NodeOutcome } from "./compiled.ts";
import { compileExpressionGuard, createExpressionEnvironment } from "./expression.ts";
import { parseFlow } from "./parse-flow.ts";
import { testScope } from "./testing/scope.ts";

function compileNode(routing: string): CompiledNode {
  const source = `id: f\ntype: t\nnodes:\n  a: { qa: {}, routing: ${routing} }\n  b: { qa: {} }\n  c: { qa: {} }\n  d-e: { qa: {} }\n`;
  const node = compileFlow(parseFlow(source, { file: "f" })).nodes.get("a");
  if (node === undefined) throw new TypeError("no node");
  return node;
}
const ok = (output: JsonValue = {}, status = "ok"): NodeOutcome => ({ kind: "ok", status, output });
const failed = (code = "TOOL_FAILED", status = "error"): NodeOutcome => ({
  kind: "error",
  status,
  output: { ok: false },
  error: { code, message: "m", retryable: false },
});
/** `b`, `end`, `reply`, `wait` or `fail`. */
function way(routing: string, outcome: NodeOutcome, scope = testScope()): string {
  const decision = compileNode(routing).selectRoute(scope, outcome);
  return decision.kind === "next" ? decision.node : decision.kind;
}

test.each([
  ["[]", ok(), "end"],
  ["out", ok(), "end"],
  ["reply", ok(), "reply"],
  ["[{ to: b }]", ok(), "b"],
  ["[{ to: b }, { to: c }]", ok(), "b"],
  ["[{ status: done, to: b }, { to: c }]", ok({}, "Done"), "b"],
  ["[{ status: done, to: b }, { to: c }]", ok(), "c"],
  ["[{ status: done, to: b }]", ok(), "wait"],
  ["[{ condition: x == 1, to: b }]", ok({ x: 2 }), "wait"],
  ["[{ condition: x == 1, reply: true }, out]", ok({ x: 1 }), "reply"],
  ["[{ status: done, condition: x == 1, to: b }, out]", ok({ x: 1 }), "end"],
  ["[{ status: done, condition: x == 1, to: b }, out]", ok({ x: 1 }, "done"), "b"],
  ["[{ on: cancel, to: b }, out]", ok({}, "cancelled"), "b"],
  ["[{ on: expired, to: b }, out]", ok({}, "expired"), "b"],
  ["[{ on: on_success, to: b }, out]", ok(), "b"],
])("selectRoute() for %s after %j goes to %s", (routing, outcome, expected) => {
  expect(way(routing, outcome)).toBe(expected);
});

test.each([
  ["out", failed(), "fail"],
  ["[{ to: b }]", failed(), "fail"],
  ["[{ to: b }, { on: error, to: c }]", failed(), "c"],
  ["[{ on: on_error, to: c }, { to: b }]", failed(), "c"],
  ["[{ status: ERROR, to: c }]", failed(), "c"],
  ["[{ on: timeout, to: c }, { on: error, to: b }]", failed("RUNNER_NODE_TIMEOUT"), "c"],
  ["[{ on: timeout, to: c }, { on: error, to: b }]", failed("X", "timeout"), "c"],
  ["[{ on: timeout, to: c }, { on: error, to: b }]", failed(), "b"],
  ["[{ on: timeout, to: c }]", failed(), "fail"],
  ['[{ condition: "ok == false", to: c }]', failed(), "c"],
  ["[{ condition: error.code == TOOL_FAILED, to: c }]", failed(), "c"],
  ["[{ condition: event == on_error, to: c }]", failed(), "c"],
  ["[{ if: \"error.code == 'TOOL_FAILED'\", to: c }]", failed(), "c"],
  ['[{ condition: "vars.n == 1", to: c }]', failed(), "fail"],
  ['[{ if: "vars.n == 1", to: c }]', failed(), "fail"],
])("selectRoute() for %s after the failure %j goes to %s", (routing, outcome, expected) => {
  expect(way(routing, outcome, testScope({ vars: { n: 1 } }))).toBe(expected);
});

test.each<[string, boolean]>([
  ["x == Alpha", true],
  ['x == "ALPHA"', true],
  ["x == 'alpha'", true],
  ["x != beta", true],
  ["x != alpha", false],
  ["x contains LPH", true],
  ["list contains b", true],
  ["list contains z", false],
  ["n >= 3", true],
  ["n>3", false],
  ["n <= 3.0", true],
  ["n == 3.0", true],
  ["text_n > 2", true],
  ["x > 2", false],
  ["yes == true", true],
  ["in.text == hello world", true],
  ["entry.text == 'hello world'", true],
  ["response.k == v", true],
  ["response.text contains hello", true],
  ["node.b.n == 7", true],
  ["b.n == 7", true],
  ["node.a.x == alpha", true],
  ["a.x == alpha", true],
  ["output.x == alpha", true],
  ["status == ok", true],
  ["event == on_success", true],
  ["event.actionId == go", true],
  ["list.0 == a", true],
  ["list[1] == b", true],
  ["{{x}} == alpha", true],
])("compileCondition() judges %s", (condition, expected) => {
  const scope = testScope({ in: { text: "hello world", metadata: { k: "v" } }, nodes: { b: { n: 7 } } });
  const outcome = ok({ x: "Alpha", n: 3, text_n: "3", yes: true, list: ["a", "b"], event: { actionId: "go" } });
  expect(compileCondition(condition, { node: "a", at: { file: "f", line: 1, column: 1 } }).holds(scope, outcome)).toBe(
    expected,
  );
  expect(scope.warnings).toEqual([]);
});

test.each(["x == 1", "x != 1", "x contains a", "x > 1", "constructor == x", "in.__proto__ != x", "list.map != x"])(
  "compileCondition() warns that %s names nothing, and is false",
  (condition) => {
    const scope = testScope();
    expect(
      compileCondition(condition, { node: "a", at: { file: "f", line: 1, column: 1 } }).holds(scope, ok({ list: [] })),
    ).toBe(false);
    expect(scope.warnings).toEqual([expect.stringMatching(/^FLOW_PATH_UNKNOWN/)]);
  },
);

test.each([
  "",
  "x",
  "x ==",
  "== 1",
  "x = 1",
  "x > many",
  "x == 1 && y == 2",
  "x == 1 || y",
  'x == "a',
  "a b == 1",
  "x === ",
])("compileCondition() refuses %j", (condition) => {
  const at = { file: "f", line: 2, column: 3 };
  expect(() => compileCondition(condition, { node: "a", at })).toThrow(
    expect.objectContaining({ code: "FLOW_CONDITION_INVALID", at }),
  );
});

test.each<[string, boolean]>([
  ["entry.text == 'hi' && vars.n >= 3", true],
  ["in.text.startsWith('h') || false", true],
  ["'h' in in.list", true],
  ["vars.n + 1 == 4 && vars.n * 2 > 5 && vars.n % 2 == 1", true],
  ["vars.half + 1 > 1.4", true],
  ["size(in.list) == 2", true],
  ["in.list.exists(x, x == 'h')", true],
  ["has(b.result) ? b.result.ok : false", true],
  ["has(c.result)", false],
  ['node["d-e"].n == 1.0', true],
  ["output.city == 'Paris' && a.city == 'Paris'", true],
  ["status == 'ok' && event == 'on_success' && locale == 'en'", true],
  ["session.tags.size() > 0 && tenant.id == 't'", true],
])("if: %s", (expression, expected) => {
  const scope = testScope({
    in: { text: "hi", list: ["h", "i"] },
    vars: { n: 3, half: 0.5 },
    nodes: { b: { result: { ok: true } }, "d-e": { n: 1 } },
    session: { tags: ["x"] },
    tenant: { id: "t" },
  });
  expect(way(`[{ if: ${JSON.stringify(expression)}, to: b }, { to: c }]`, ok({ city: "Paris" }), scope)).toBe(
    expected ? "b" : "c",
  );
  expect(scope.warnings).toEqual([]);
});

test.each([
  ["vars.zz == 1", "FLOW_PATH_UNKNOWN"],
  ["vars.constructor == 1", "FLOW_PATH_UNKNOWN"],
  ["vars.__proto__ == 1", "FLOW_PATH_UNKNOWN"],
  ["vars.s > 1", "FLOW_EXPRESSION_FAILED"],
  ["vars.s", "FLOW_EXPRESSION_FAILED"],
  ["1 / 0 == 1", "FLOW_EXPRESSION_FAILED"],
])("if: %s is false, with a warning", (expression, code) => {
  const scope = testScope({ vars: { s: "x" } });
  expect(way(`[{ if: ${JSON.stringify(expression)}, to: b }, { to: c }]`, ok(), scope)).toBe("c");
  expect(scope.warnings).toEqual([`${code} ${expression}`]);
});

test.each([
  "vars.n ==",
  "nope.x == 1",
  "process.exit()",
  "1 + 1",
  "'text'",
  "'a' + 1 == 'b'",
  "in.text.matches('^(a+)+$')",
  "matches(in.text, 'a')",
  "vars.l.all(x, vars.l.all(y, x == y))",
  `${"(".repeat(100)}true${")".repeat(100)}`,
  Array.from({ length: 600 }, () => "true").join(" && "),
])("if: %s is refused when it is loaded", (expression) => {
  const source = `id: f\ntype: t\nnodes:\n  a:\n    qa: {}\n    routing:\n      - if: ${JSON.stringify(expression)}\n        to: a\n`;
  expect(() => compileFlow(parseFlow(source, { file: "f" }))).toThrow(
    expect.objectContaining({ code: "FLOW_EXPRESSION_INVALID", at: { file: "f", line: 7, column: 13 } }),
  );
});

test("compileExpressionGuard() and compileCondition() either refuse a text or answer, whatever it is", () => {
  const environment = createExpressionEnvironment(["a", "b"]);
  const place = { node: "a", at: { file: "f", line: 1, column: 1 } };
  const word = constantFrom(
    "entry",
    "in",
    "vars",
    ".x",
    "[0]",
    "==",
    "&&",
    "||",
    "!",
    "(",
    ")",
    "'s'",
    "1",
    "1.5",
    "has(",
    "size(",
    "?",
    ":",
    "constructor",
    "__proto__",
    "matches(",
    "all(x,",
    "{",
    "}",
    " ",
  );
  const text = oneof(
    array(word, { maxLength: 12 }).map((words) => words.join("")),
    string({ maxLength: 40 }),
  );
  assert(
    property(text, (source) => {
      for (const compile of [
        () => compileExpressionGuard(source, { ...place, environment }),
        () => compileCondition(source, place),
      ]) {
        try {
          expect(typeof compile().holds(testScope({ in: { x: 1 } }), ok())).toBe("boolean");
        } catch (error) {
          expect(error).toBeInstanceOf(GreenticError);
        }
      }
    }),
    { numRuns: 1500 },
  );
});
