import { expect, test } from "vitest";
import { Pace } from "../types/index.ts";
import type { KindSpec } from "./kind-spec.ts";
import { doctorFlow, doctorFlowPaced } from "./doctor-flow.ts";

function flowOf(nodes: number): string {
  const lines = ["id: big", "type: messaging", "schema_version: 2", "start: n0", "nodes:"];
  for (let i = 0; i < nodes; i++) {
    lines.push(`  n${i}:`, `    message.send: { text: "Hello {{in.text}} of {{node.m${i}.text}}" }`, "    routing:");
    if (i % 3 === 0) lines.push(`      - { if: "in.text == 'x'", to: n${Math.min(nodes - 1, i + 2)} }`);
    lines.push(i + 1 < nodes ? `      - { to: n${i + 1} }` : "      - { out: true }");
  }
  return lines.join("\n");
}

const send: KindSpec = {
  name: "message.send",
  summary: "",
  input: { type: "object" },
  output: {},
  statuses: "any",
  effect: "pure",
};

test("doctorFlowPaced() rests within a flow of 1,000 nodes and says what doctorFlow() says", () => {
  const source = flowOf(1_000);
  const catalog = new Map([[send.name, send]]);
  const pace = new Pace();
  const work = doctorFlowPaced(source, { catalog, pace });
  let rests = 0;
  let last = work.next();
  for (; last.done !== true; last = work.next()) rests++;
  expect(last.value.flow?.nodes.size).toBe(1_000);
  expect(last.value.findings).toEqual(doctorFlow(source, { catalog }));
  expect(last.value.findings.filter(({ code }) => code === "FLOW_PATH_UNKNOWN")).toHaveLength(1_000);
  // Judging the nodes alone is ten turns; composing YAML is the one step that the library doesn't divide.
  expect(rests).toBeGreaterThan(12);
  expect(pace.most).toBeLessThanOrEqual(source.length / 10);
});
