import { describe, expect, test } from "vitest";
import { compileFlow } from "./compile-flow.ts";
import { doctorFlow } from "./doctor-flow.ts";
import type { KindCatalog } from "./kind-spec.ts";
import { parseFlow } from "./parse-flow.ts";
import { testScope } from "./testing/scope.ts";
import { verifies } from "../../test/verifies.ts";

const CATALOG: KindCatalog = new Map([
  [
    "call",
    {
      name: "call",
      summary: "calls",
      input: {},
      output: {},
      statuses: "any" as const,
      effect: "effectful" as const,
      argument: "input",
      mapsInInput: true,
    },
  ],
]);

const nodeOf = (body: string): ReturnType<typeof compile> => compile(body);
function compile(body: string): NonNullable<ReturnType<ReturnType<typeof compileFlow>["nodes"]["get"]>> {
  const source = `id: maps\ntype: job\nnodes:\n  ask: { state.get: { key: k } }\n  it:\n${body.replaceAll(/^/gm, "    ")}\n`;
  const node = compileFlow(parseFlow(source, { file: "maps.ygtc" }), { catalog: CATALOG }).nodes.get("it");
  if (node === undefined) throw new Error("no node");
  return node;
}

describe("in_map, out_map and err_map", () => {
  const scope = testScope({ in: { city: "Rome" }, nodes: { ask: { value: 3 } } });

  test("make what goes in from the input and the flow's values, with types kept", () => {
    verifies("flow.maps");
    const beside = nodeOf(
      'call: { to: x, input: { a: 1 } }\nin_map: { city: "{{in.city}}", a: "{{input.a}}", days: /node/ask/value }',
    );
    expect(beside.renderInput(scope)).toEqual({ to: "x", input: { city: "Rome", a: 1, days: 3 } });
    const inside = nodeOf("call: { to: x, input: { a: 1 }, in_map: { a: /input/a, none: /input/b } }");
    expect(inside.renderInput(scope)).toEqual({ to: "x", input: { a: 1, none: "/input/b" } });
    const whole = nodeOf('other.op: { a: 1 }\nin_map: { b: "{{input.a}}" }');
    expect(whole.renderInput(scope)).toEqual({ b: 1 });
  });

  test("make the output of the result, and a failure's output of the error", () => {
    const node = nodeOf(
      'call: { to: x, out_map: { id: /result/id, city: "{{in.city}}" }, err_map: { why: "{{error.code}}: {{result.hint}}" } }',
    );
    expect(node.renderInput(scope)).toEqual({ to: "x" });
    expect(node.mapOutput?.(scope, { id: 7, rest: true })).toEqual({ id: 7, city: "Rome" });
    expect(node.mapError?.(scope, { error: { code: "LATE" }, result: { hint: "again" } })).toEqual({
      why: "LATE: again",
    });
  });

  test("are told of by doctor where they name what isn't there", () => {
    const source =
      'id: maps\ntype: job\nnodes:\n  it:\n    call: { out_map: { a: "{{result.x}}", b: "{{asc.value}}" } }\n    routing: out\n';
    const findings = doctorFlow(source, { catalog: CATALOG });
    expect(findings.map(({ code, message }) => [code, message])).toEqual([
      ["FLOW_PATH_UNKNOWN", expect.stringContaining("asc")],
    ]);
  });
});

test("a failure's code is a status that routes can name", () => {
  verifies("flow.error-codes");
  const node = nodeOf(
    "call: {}\nrouting: [{ status: AC_ASSET_NOT_FOUND, to: ask }, { on: LATE, to: it }, { status: timeout, to: out }]",
  );
  const failed = (code: string): unknown =>
    node.selectRoute(testScope({}), {
      kind: "error",
      status: "error",
      output: null,
      error: { code, message: "", retryable: false },
    });
  expect(failed("AC_ASSET_NOT_FOUND")).toEqual({ kind: "next", node: "ask" });
  expect(failed("LATE")).toEqual({ kind: "next", node: "it" });
  expect(failed("RUNNER_NODE_TIMEOUT")).toEqual({ kind: "end" });
  expect(failed("OTHER")).toEqual({ kind: "fail" });
});

test("what a submitted card holds is the response that conditions read", () => {
  const node = nodeOf('call: {}\nrouting: [{ condition: "response.action == about", to: ask }]');
  const answer = testScope({ in: { value: { action: "About" }, input: { text: "", metadata: { locale: "en" } } } });
  expect(node.selectRoute(answer, { kind: "ok", status: "ok", output: null })).toEqual({ kind: "next", node: "ask" });
});

test("what arrived is in.input where nothing in it is called so", () => {
  const node = nodeOf('call: { a: "{{in.input.x}}", b: "{{entry.input}}" }');
  expect(node.renderInput(testScope({ in: { x: 1 } }))).toEqual({ a: 1, b: { x: 1 } });
  expect(node.renderInput(testScope({ in: { x: 1, input: { x: 2 } } }))).toEqual({ a: 2, b: { x: 2 } });
});

test("notes of generators under x- are nobody's mistake", () => {
  const source = "id: a\ntype: job\nschema_version: 2\nnodes: { a: { state.get: { key: k } } }\nx-generated-by: tool\n";
  expect(parseFlow(source, { file: "a.ygtc" }).id).toBe("a");
});
