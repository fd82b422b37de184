import { expect, test } from "vitest";
import { verifies } from "../../../test/verifies.ts";
import { doctorFlow, flowToMermaid, parseFlow } from "../../flow/index.ts";
import { KIND_CATALOG } from "./catalog.ts";

const flow = (nodes: string, head = "type: messaging"): string => `id: a\n${head}\nstart: a\nnodes:\n${nodes}`;
const check = (source: string): readonly string[] =>
  doctorFlow(source, { catalog: KIND_CATALOG }).map(({ code, at }) => `${code}:${at.line}`);

test.each([
  ["a: { delay: 10m, routing: out }", []],
  ["a: { delay: { for: 10m, until: x }, routing: out }", ["FLOW_NODE_INPUT_INVALID:5"]],
  ["a: { delay: { fr: 10m }, routing: out }", ["FLOW_NODE_INPUT_INVALID:5"]],
  ["a: { timer: { cron: '0 9 * * *', zon: UTC }, routing: out }", ["FLOW_NODE_INPUT_INVALID:5"]],
  ["a: { approval: { text: ok? }, routing: out }", ["FLOW_NODE_INPUT_INVALID:5"]],
  [
    "a: { approval: { text: ok?, users: [x] }, routing: [{ status: denied, to: a }, { to: a }] }",
    ["FLOW_ROUTE_STATUS_UNKNOWN:5"],
  ],
  ["a: { for_each: { items: [1], do: b }, routing: out }\n  b: { session.wait: {}, routing: out }", []],
  ["a: { for_each: { items: [1], do: c }, routing: out }", ["FLOW_BODY_MISSING:5"]],
  ["a: { for_each: { items: [1], do: a, on_item_error: skip }, routing: out }", ["FLOW_NODE_INPUT_INVALID:5"]],
  [
    "a: { parallel: { branches: { x: b } }, routing: out }\n  b: { var.set: { key: k, value: 1 }, routing: [{ to: c }] }\n  c: { delay: 1s, routing: out }",
    ["FLOW_BODY_WAITS:5"],
  ],
  [
    "a: { tool.invoke: { tool: t }, compensate: gone, retry: { max_attempts: 2 }, routing: out }",
    ["FLOW_BODY_MISSING:5"],
  ],
  [
    "a: { message.send: { text: hi }, retry: { max_attempts: 2 }, timeout_ms: 5, routing: out }",
    ["FLOW_NODE_FIELD_IGNORED:5", "FLOW_NODE_FIELD_IGNORED:5"],
  ],
  [
    "a: { tool.invoke: { tool: t }, retry: { max_attempts: 2, facter: 3 }, routing: out }",
    ["FLOW_NODE_SHAPE_INVALID:5"],
  ],
  [
    "a: { tool.invoke: { tool: t }, retry: { max_attempts: 2, jitter: 2 }, routing: out }",
    ["FLOW_NODE_SHAPE_INVALID:5"],
  ],
  ["a: { tool.invoke: { tool: t }, compensate: { flw: x }, routing: out }", ["FLOW_NODE_SHAPE_INVALID:5"]],
])("doctor says of %s what is wrong with it", (node, findings) => {
  verifies("flow.doctor.bodies");
  expect(check(flow(`  ${node}`))).toEqual(findings);
});

test("doctor finds schedules that nothing follows", () => {
  verifies("flow.doctor.bodies");
  const node = "  a: { message.send: { text: hi, to: [{ id: x, channel: y }] }, routing: out }";
  expect(check(flow(node, `type: timer\nschedule: { cron: "0 9 * * *", entry: b }`))).toEqual([
    "FLOW_ENTRYPOINT_MISSING:3",
  ]);
  expect(check(flow(node, `type: messaging\ncron: "0 9 * * *"`))).toEqual(["FLOW_SCHEDULE_IGNORED:1"]);
});

test("a picture shows branches, what undoes and when a flow starts", () => {
  const source = flow(
    "  a: { parallel: { branches: { x: b, y: { flow: other } } }, routing: out }\n  b: { tool.invoke: { tool: t }, compensate: c, routing: out }\n  c: { tool.invoke: { tool: u }, routing: out }",
    `type: timer\nschedule: { cron: "0 9 * * *", zone: Europe/Berlin }`,
  );
  const drawn = flowToMermaid(parseFlow(source, { file: "a.ygtc" }), KIND_CATALOG);
  expect(drawn).toContain('n0 -.->|"x"| n1');
  expect(drawn).toMatch(/f0\[\["other"\]\]\n {2}n0 -\.->\|"y"\| f0/);
  expect(drawn).toContain('n1 -.->|"undo"| n2');
  expect(drawn).toMatch(/s0\(\["0 9 .*Europe\/Berlin"\]\) --> n0/);
});
