import { expect, test } from "vitest";
import { readCompiledFlow } from "./read-compiled-flow.ts";

const read = (value: Parameters<typeof readCompiledFlow>[0]): ReturnType<typeof readCompiledFlow> =>
  readCompiledFlow(value, { file: "m" });
const node = (
  id: string,
  routing: unknown,
  component: unknown = { id: "component.exec", operation: "run" },
): object => ({
  id,
  component,
  input: { mapping: { component: "x", text: id } },
  output: { mapping: null },
  routing,
  telemetry: {},
});
const flow = (nodes: readonly object[], extra: object = {}): Parameters<typeof readCompiledFlow>[0] =>
  JSON.parse(
    JSON.stringify({
      schema_version: "flow-v1",
      id: "f",
      kind: "messaging",
      entrypoints: { default: "a" },
      nodes,
      ...extra,
    }),
  );

test("readCompiledFlow() reads every routing of a manifest", () => {
  const ir = read(
    flow([
      node("a", { Next: { node_id: "b" } }),
      node("b", { Branch: { on_status: { ok: "c" }, default: "a" } }),
      node("c", { Custom: [{ condition: "x == 1", to: "d" }, { next: "a" }, { out: true }] }),
      node("d", "End"),
      node("e", "Reply"),
    ]),
  );
  expect([...ir.nodes.values()].map(({ routing }) => routing.map(({ at: _at, ...route }) => route))).toEqual([
    [{ target: { kind: "node", node: "b" } }],
    [{ target: { kind: "node", node: "c" }, status: "ok" }, { target: { kind: "node", node: "a" } }],
    [
      { target: { kind: "node", node: "d" }, condition: "x == 1" },
      { target: { kind: "node", node: "a" } },
      { target: { kind: "end" } },
    ],
    [],
    [{ target: { kind: "reply" } }],
  ]);
  expect(ir.nodes.get("a")).toMatchObject({
    kind: "component.exec",
    operation: "run",
    input: { component: "x", text: "a" },
  });
});

test("readCompiledFlow() gives operation keys back", () => {
  const emit = {
    id: "a",
    component: { id: "component.exec", operation: "emit.response" },
    input: { mapping: { text: "hi" } },
    routing: "End",
  };
  const plain = { ...emit, id: "b", component: { id: "emit.response" } };
  const ir = read(flow([emit, plain]));
  expect([ir.nodes.get("a")?.kind, ir.nodes.get("b")?.kind]).toEqual(["emit.response", "emit.response"]);
});

test("readCompiledFlow() reads the JSON of 2025 and flows without nodes", () => {
  const old = read({
    id: "f",
    flow_type: "messaging",
    start: "b",
    nodes: {
      a: { component: "component.exec", payload_expr: { component: "x" }, routes: [{ out: true }] },
      b: { component: "templating.handlebars", payload_expr: {}, routes: [{ to: "a" }] },
    },
  });
  expect([old.start, old.type, old.nodes.get("b")?.routing[0]?.target]).toEqual([
    "b",
    "messaging",
    { kind: "node", node: "a" },
  ]);
  const empty = read({ entry: "x", id: "e", kind: "flow/v1", nodes: [] });
  expect(empty.nodes.size).toBe(0);
});

test("readCompiledFlow() keeps tags, texts, parameters and what else the metadata holds", () => {
  const metadata = {
    title: "T",
    tags: ["default"],
    extra: { parameters: { u: 1 }, "greentic.slot_schema": [{ name: "s" }], vars_init: {} },
  };
  expect(read(flow([node("a", "End")], { metadata }))).toMatchObject({
    title: "T",
    tags: ["default"],
    parameters: { u: 1 },
    slotSchema: [{ name: "s" }],
    meta: { vars_init: {} },
  });
});

test.each([
  [null, "FLOW_SHAPE_INVALID"],
  [{ nodes: [] }, "FLOW_SHAPE_INVALID"],
  [flow([node("a", { Next: { node_id: "zz" } })]), "FLOW_ROUTE_TARGET_MISSING"],
  [flow([node("a", { Jump: {} })]), "FLOW_ROUTE_INVALID"],
  [flow([node("a", "End", {})]), "FLOW_NODE_SHAPE_INVALID"],
  [flow([node("b", "End")]), "FLOW_START_MISSING"],
])("readCompiledFlow() refuses %j", (value, code) => {
  expect(() => read(value)).toThrow(expect.objectContaining({ code }));
});
