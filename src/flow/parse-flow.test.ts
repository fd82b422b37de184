import { expect, test } from "vitest";
import { inspectFlow, parseFlow } from "./parse-flow.ts";
import { WEATHER } from "./testing/weather.ts";
import { verifies } from "../../test/verifies.ts";

const parse = (source: string): ReturnType<typeof parseFlow> => parseFlow(source, { file: "f.ygtc" });
/** `CODE line:column` of every finding. */
const findings = (source: string): readonly string[] =>
  inspectFlow(source, { file: "f.ygtc" }).findings.map(({ code, at }) => `${code} ${at.line}:${at.column}`);
const withNodes = (nodes: string): string => `id: f\ntype: messaging\nnodes:\n${nodes}`;

test("parseFlow() reads the weather example in full", () => {
  verifies("flow.ir");
  const flow = parse(WEATHER);
  expect(inspectFlow(WEATHER, { file: "f.ygtc" }).findings).toEqual([]);
  expect([flow.id, flow.type, flow.start, flow.title, flow.interrupt, flow.schemaVersion]).toEqual([
    "on_message",
    "messaging",
    "ask",
    "Weather",
    "restart",
    2,
  ]);
  expect([...flow.entrypoints]).toEqual([
    ["default", "ask"],
    ["command:/weather", "ask"],
    ["command:/help", "help"],
  ]);
  expect(flow.parameters).toEqual({ units: "celsius" });
  expect([...flow.nodes].map(([id, node]) => `${id}:${node.kind}`)).toEqual([
    "ask:qa",
    "forecast:tool.invoke",
    "format:template.render",
    "answer:message.send",
    "sorry:message.send",
    "bye:message.send",
    "help:message.send",
  ]);
  expect(flow.nodes.get("forecast")).toMatchObject({
    timeoutMs: 10_000,
    retry: { maxAttempts: 3, baseDelayMs: 200 },
    routing: [
      { on: "error", target: { kind: "node", node: "sorry" }, at: { line: 24, column: 9 } },
      { target: { kind: "node", node: "format" }, at: { line: 25, column: 9 } },
    ],
    at: { file: "f.ygtc", line: 19, column: 3 },
  });
  expect(flow.nodes.get("bye")?.routing).toMatchObject([{ target: { kind: "end" } }]);
  expect(flow.positions.get("/nodes/ask/input/questions/1/prompt")).toEqual({ file: "f.ygtc", line: 13, column: 31 });
  expect(flow.positions.get("/nodes/ask/routing/0/status")).toEqual({ file: "f.ygtc", line: 17, column: 19 });
});

test("parseFlow() reads `kind` with `input` as the same node", () => {
  const key = parse(withNodes("  a: { qa: { questions: [] }, routing: out }"));
  const kind = parse(withNodes("  a: { kind: qa, input: { questions: [] }, routing: out }"));
  expect({ ...kind.nodes.get("a"), routing: [] }).toEqual({ ...key.nodes.get("a"), routing: [] });
  expect(kind.positions.get("/nodes/a/input/questions")).toMatchObject({ line: 4, column: 38 });
});

test("parseFlow() reads a file of 2025", () => {
  const flow = parse(`id: old
kind: messaging
entry: first
nodes:
  first:
    component: component.exec
    payload: { component: greeter, operation: run }
    routes: [{ to: second }]
  second: { component: emit.response, payload: { text: hi }, routes: [{ out: true }] }
`);
  expect([flow.start, flow.schemaVersion, flow.type]).toEqual(["first", 1, "messaging"]);
  expect(flow.nodes.get("first")).toMatchObject({
    kind: "component.exec",
    input: { component: "greeter", operation: "run" },
    routing: [{ target: { kind: "node", node: "second" } }],
  });
  expect(flow.nodes.get("second")).toMatchObject({ kind: "emit.response", routing: [{ target: { kind: "end" } }] });
  expect(flow.positions.get("/nodes/first/input/component")).toMatchObject({ line: 7 });
});

test("parseFlow() takes an empty flow and reports it", () => {
  expect(parse('{"entry": "x", "id": "e", "kind": "flow/v1", "nodes": []}').nodes.size).toBe(0);
  expect(findings("id: e\ntype: messaging\nnodes: {}")).toEqual(["FLOW_EMPTY 1:1"]);
});

test("parseFlow() is tolerant in schema version 1 and strict in 2", () => {
  const nodes =
    "nodes: { a: { qa.process: {}, extra.thing: 1, operation: run }, b-1: { templating.handlebars: { template: x } } }";
  const v1 = parse(`id: f\ntype: messaging\nschema_version: 1\nodd: 1\n${nodes}`);
  expect(v1.nodes.get("a")).toMatchObject({ kind: "qa.process", operation: "run" });
  expect(findings(`id: f\ntype: messaging\nodd: 1\n${nodes}`)).toEqual([
    "FLOW_KEY_UNKNOWN 3:1",
    "FLOW_NODE_SHAPE_INVALID 4:31",
  ]);
});

test("parseFlow() chooses the start: `start`, the default entrypoint, the node `in`, the first", () => {
  const nodes = "nodes: { a: { qa: {} }, in: { qa: {} }, c: { qa: {} } }";
  expect(parse(`id: f\ntype: t\nstart: c\n${nodes}`).start).toBe("c");
  expect(parse(`id: f\ntype: t\nentrypoints: { default: c }\n${nodes}`).start).toBe("c");
  expect(parse(`id: f\ntype: t\n${nodes}`).start).toBe("in");
  expect(parse("id: f\ntype: t\nnodes: { a: { qa: {} }, c: { qa: {} } }").entrypoints.get("default")).toBe("a");
});

test.each([
  ["reply", [{ target: { kind: "reply" } }]],
  [
    "[{ reply: true, condition: x == 1 }, { to: out }]",
    [{ target: { kind: "reply" }, condition: "x == 1" }, { target: { kind: "end" } }],
  ],
  [
    "[{ to: a, status: 404, event: on_error, if: true }]",
    [{ target: { kind: "node", node: "a" }, status: "404", on: "on_error", if: "true" }],
  ],
  ["[]", []],
])("parseFlow() reads routing %s", (routing, expected) => {
  expect(parse(withNodes(`  a: { qa: {}, routing: ${routing} }`)).nodes.get("a")?.routing).toMatchObject(expected);
});

test("parseFlow() reads `next` as `to` and warns", () => {
  const source = withNodes("  a: { qa: {}, routing: [{ next: a }] }");
  expect(parse(source).nodes.get("a")?.routing).toMatchObject([{ target: { kind: "node", node: "a" } }]);
  expect(findings(source)).toEqual(["FLOW_ROUTE_NEXT 4:28"]);
});

test.each([
  ["id: f\ntype: t\nnodes: { a: { qa: {}, routing: [{ to: b }] } }", ["FLOW_ROUTE_TARGET_MISSING 3:39"]],
  ["id: f\ntype: t\nstart: b\nnodes: { a: { qa: {} } }", ["FLOW_START_MISSING 3:8"]],
  ["id: f\ntype: t\nentrypoints: { help: b }\nnodes: { a: { qa: {} } }", ["FLOW_ENTRYPOINT_MISSING 3:22"]],
  ["id: f\nnodes: { a: { qa: {} } }", ["FLOW_SHAPE_INVALID 1:1"]],
  ["id: f\ntype: 3\nnodes: { a: { qa: {} } }", ["FLOW_SHAPE_INVALID 2:7"]],
  ["id: f\ntype: t\nnodes: { 1a: { qa: {} } }", ["FLOW_ID_INVALID 3:10"]],
  ["id: f\ntype: t\nnodes: { a: { routing: out } }", ["FLOW_NODE_SHAPE_INVALID 3:10"]],
  ["id: f\ntype: t\nnodes: { a: { qa: {}, rooting: out } }", ["FLOW_NODE_SHAPE_INVALID 3:23"]],
  ["id: f\ntype: t\nnodes: { a: { kind: qa, inputs: {} } }", ["FLOW_NODE_SHAPE_INVALID 3:25"]],
  ["id: f\ntype: t\nnodes: { a: { qa: {}, timeout_ms: -1 } }", ["FLOW_NODE_SHAPE_INVALID 3:35"]],
  ["id: f\ntype: t\nnodes: { a: { qa: {}, retry: { max_attempts: 0 } } }", ["FLOW_NODE_SHAPE_INVALID 3:46"]],
  ["id: f\ntype: t\nnodes: { a: { qa: {}, routing: a } }", ["FLOW_ROUTE_INVALID 3:32"]],
  ["id: f\ntype: t\nnodes: { a: { qa: {}, routing: [{ status: ok }] } }", ["FLOW_ROUTE_INVALID 3:33"]],
  ["id: f\ntype: t\nnodes: { a: { qa: {}, routing: [{ to: a, out: true }] } }", ["FLOW_ROUTE_INVALID 3:33"]],
  ["id: f\ntype: t\nnodes: { a: { qa: {}, routing: [{ to: a, statsu: ok }] } }", ["FLOW_KEY_UNKNOWN 3:42"]],
  ["id: f\ntype: t\ninterrupt: never\nnodes: { a: { qa: {} } }", ["FLOW_SHAPE_INVALID 3:12"]],
])("parseFlow() says where %j is wrong", (source, expected) => {
  expect(findings(source)).toEqual(expected);
  const [first = ""] = expected;
  const [code, place = ""] = first.split(" ");
  const [line, column] = place.split(":").map(Number);
  expect(() => parse(source)).toThrow(expect.objectContaining({ code, at: { file: "f.ygtc", line, column } }));
});

test("parseFlow() suggests the name that was meant", () => {
  const messages = (source: string): readonly string[] =>
    inspectFlow(source, { file: "f" }).findings.map(({ message }) => message);
  expect(messages("id: f\ntype: t\nnodes: { ask: { qa: {}, routing: [{ to: aks }] } }")[0]).toMatch(
    /did you mean "ask"\?$/,
  );
  expect(messages("id: f\ntype: t\nnodez: {}\nnodes: {}")[0]).toMatch(/did you mean "nodes"\?$/);
});

test("parseFlow() collects every finding instead of stopping at the first", () => {
  const source = "id: f\ntype: t\nodd: 1\nstart: z\nnodes: { a: { qa: {}, routing: [{ to: b }] }, c: {} }";
  expect(findings(source).map((finding) => finding.split(" ")[0])).toEqual([
    "FLOW_KEY_UNKNOWN",
    "FLOW_NODE_SHAPE_INVALID",
    "FLOW_START_MISSING",
    "FLOW_ROUTE_TARGET_MISSING",
  ]);
});
