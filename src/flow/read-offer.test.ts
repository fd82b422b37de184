import { expect, test } from "vitest";
import type { Offer } from "./offer.ts";
import { inputOf } from "./offer.ts";
import { inspectFlow, parseFlow } from "./parse-flow.ts";
import { formatFlow } from "./format-flow.ts";

const withOffer = (offer: string, rest = ""): string =>
  `id: f\ntype: messaging\n${rest}offer:\n${offer}\nnodes:\n  a: { message.send: { text: hi } }\n`;
const offerOf = (offer: string, rest = ""): Offer | undefined =>
  parseFlow(withOffer(offer, rest), { file: "f.ygtc" }).offer;

test("parseFlow() reads a tool with its schemas and hints, and formatFlow() writes it back", () => {
  const offer = offerOf(
    "  tool: forecast\n  title: Forecast\n  description: Tells the weather\n  logs: true\n" +
      "  input: { $schema: 'https://json-schema.org/draft/2020-12/schema', type: object, properties: { city: { type: string } }, required: [city] }\n" +
      "  output: { type: object }\n  hints: { read_only: true, open_world: true }",
  );
  expect(offer).toEqual({
    kind: "tool",
    name: "forecast",
    title: "Forecast",
    description: "Tells the weather",
    logs: true,
    input: {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
    },
    output: { type: "object" },
    hints: { readOnly: true, openWorld: true },
  });
  const flow = parseFlow(withOffer("  tool: t\n  hints: { idempotent: false }"), { file: "f" });
  expect(parseFlow(formatFlow(flow), { file: "f" }).offer).toEqual(flow.offer);
});

test("parseFlow() reads prompts, resources and templates of resources", () => {
  expect(offerOf("  prompt: greet\n  input: { type: object, properties: { who: { type: string } } }")).toMatchObject({
    kind: "prompt",
    name: "greet",
  });
  expect(offerOf("  resource: 'weather://{city}/now'\n  name: Now\n  mime_type: text/plain")).toEqual({
    kind: "resource",
    uri: "weather://{city}/now",
    name: "Now",
    mimeType: "text/plain",
    logs: false,
  });
});

test.each([
  ["  yes", "FLOW_SHAPE_INVALID 4:3"],
  ["  title: nothing", "FLOW_SHAPE_INVALID 4:3"],
  ["  tool: a\n  prompt: b", "FLOW_SHAPE_INVALID 4:3"],
  ["  tool: 'a b'", "FLOW_SHAPE_INVALID 4:9"],
  ["  tool: a\n  inputs: {}", "FLOW_SHAPE_INVALID 5:11"],
  ["  tool: a\n  input: { type: string }", "FLOW_SHAPE_INVALID 5:10"],
  ["  tool: a\n  input: { type: object, properties: { x: 7 } }", "FLOW_SHAPE_INVALID 5:10"],
  ["  tool: a\n  hints: { safe: true }", "FLOW_SHAPE_INVALID 5:10"],
  ["  resource: not a uri", "FLOW_SHAPE_INVALID 4:13"],
  ["  resource: 'x://{a+b}'", "FLOW_SHAPE_INVALID 4:13"],
])("inspectFlow() refuses the offer %j where it stands", (offer, finding) => {
  const { findings } = inspectFlow(withOffer(offer), { file: "f.ygtc" });
  expect(findings.map(({ code, at }) => `${code} ${at.line}:${at.column}`)).toEqual([finding]);
});

test("inputOf() makes a schema of the flow's parameters where the tool has none", () => {
  const flow = parseFlow(withOffer("  tool: a", "parameters: { units: celsius, days: 3, tags: [], any: null }\n"), {
    file: "f",
  });
  expect(inputOf(flow.offer as Offer & { kind: "tool" }, flow.parameters)).toEqual({
    type: "object",
    properties: {
      units: { type: "string", default: "celsius" },
      days: { type: "number", default: 3 },
      tags: { type: "array", default: [] },
      any: { default: null },
    },
    additionalProperties: false,
  });
});
