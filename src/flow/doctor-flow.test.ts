import { describe, expect, test } from "vitest";
import { doctorFlow, isHealthy } from "./doctor-flow.ts";
import type { DoctorOptions } from "./doctor-flow.ts";
import { parseFlow } from "./parse-flow.ts";
import { CATALOG } from "./testing/catalog.ts";
import { WEATHER } from "./testing/weather.ts";
import { verifies } from "../../test/verifies.ts";

const TEXTS = { ask_city: "City?", ask_date: "Date?", no_forecast: "No forecast", bye: "Bye", help: "Help" };
const PACK: DoctorOptions = {
  catalog: CATALOG,
  file: "f",
  tools: new Set(["weather.forecast"]),
  components: new Set(["greeter"]),
  assets: new Set(["assets/templates/forecast.hbs", "assets/cards/forecast.json"]),
  i18n: { en: TEXTS, ja: TEXTS },
};
/** `severity CODE line:column` of every finding. */
function diagnose(source: string, options: Partial<DoctorOptions> = {}): readonly string[] {
  return doctorFlow(source, { catalog: CATALOG, file: "f", ...options }).map(
    ({ severity, code, at }) => `${severity} ${code} ${at.line}:${at.column}`,
  );
}
const node = (body: string, rest = ""): string => `id: f\ntype: messaging\nnodes:\n  a: ${body}\n${rest}`;

test("doctorFlow() finds nothing wrong with the weather example", () => {
  expect(doctorFlow(WEATHER, PACK)).toEqual([]);
  expect(doctorFlow(parseFlow(WEATHER, { file: "f" }), PACK)).toEqual([]);
});

test("doctorFlow() misses what the pack lacks", () => {
  verifies("flow.lint.adapters");
  const findings = doctorFlow(WEATHER, {
    ...PACK,
    tools: new Set(["weather.forecasts"]),
    assets: new Set(["assets/templates/forecast.hbs"]),
    i18n: { en: TEXTS, ja: { ...TEXTS, bye: "" }, de: { ask_city: "", ask_date: "", no_forecast: "", help: "" } },
  });
  expect(findings.map(({ severity, code, node, at }) => `${severity} ${code} ${node ?? ""} ${at.line}`)).toEqual([
    "error FLOW_TOOL_MISSING forecast 20",
    "error FLOW_ASSET_MISSING answer 30",
    "warning FLOW_I18N_KEY_MISSING bye 33",
  ]);
  expect(findings[0]?.message).toMatch(/did you mean "weather.forecasts"\?$/);
});

test.each<[string, readonly string[]]>([
  ["{ qa: { question: [] } }", ["error FLOW_NODE_INPUT_INVALID 4:12", "error FLOW_NODE_INPUT_INVALID 4:24"]],
  ["{ qa: { questions: [{ id: x, type: strng }] } }", ["error FLOW_NODE_INPUT_INVALID 4:41"]],
  ['{ qa: { questions: [{ id: x, type: "{{in.type}}" }], max_retries: "{{vars.n}}" } }', []],
  ['{ qa: { questions: "{{in.questions}}" } }', []],
  ["{ qa: { questions: 3 } }", ["error FLOW_NODE_INPUT_INVALID 4:25"]],
  ["{ emit.response: { anything: 1 } }", []],
  ["{ message.sned: { text: x } }", ["warning FLOW_KIND_UNKNOWN 4:3"]],
  ["{ mesage.send: { text: x } }", ["warning FLOW_KIND_UNKNOWN 4:3"]],
  ["{ nothing: {} }", ["error FLOW_KIND_UNKNOWN 4:3"]],
  ["{ some_component.run: {} }", []],
  [
    '{ message.send: { text: "{{#if}}", to: "{{in.x" } }',
    ["error FLOW_TEMPLATE_INVALID 4:30", "error FLOW_TEMPLATE_INVALID 4:45"],
  ],
  ['{ message.send: { text: "{{nope.x}}" } }', ["error FLOW_PATH_UNKNOWN 4:30"]],
  [
    '{ message.send: { text: "hi {{node.nope.x}} {{parameters.u}}" } }',
    ["error FLOW_PATH_UNKNOWN 4:30", "error FLOW_PATH_UNKNOWN 4:30"],
  ],
  [
    '{ message.send: { text: "{{#each in.list}}{{anything}}{{/each}}{{a.message}}" } }',
    ["warning FLOW_PATH_UNKNOWN 4:30"],
  ],
  ['{ template.render: { template: "{{city}} {{t \'k\'}}", data: "{{in}}" } }', []],
  ['{ template.render: { template: "{{#if}}" } }', ["error FLOW_TEMPLATE_INVALID 4:37"]],
  ["{ message.send: {}, routing: [{ to: a }, { status: ok, to: a }] }", ["warning FLOW_ROUTE_DEAD 4:47"]],
  ["{ message.send: {}, routing: [{ to: a }, { on: error, to: a }] }", []],
  ["{ message.send: {}, routing: [{ status: sent, to: a }, out] }", ["error FLOW_ROUTE_STATUS_UNKNOWN 4:36"]],
  ["{ message.send: {}, routing: [{ on: errror, to: a }, out] }", ["error FLOW_ROUTE_STATUS_UNKNOWN 4:36"]],
  ["{ component.exec: { component: x }, routing: [{ status: whatever, to: a }, out] }", []],
  ["{ message.send: {}, routing: [{ status: ok, to: a }] }", ["warning FLOW_ROUTE_NO_DEFAULT 4:36"]],
  ["{ message.send: {}, routing: [{ condition: x = 1, to: a }, out] }", ["error FLOW_CONDITION_INVALID 4:49"]],
  ["{ message.send: {}, routing: [{ if: vars.x ==, to: a }, out] }", ["error FLOW_EXPRESSION_INVALID 4:42"]],
  ["{ message.send: {}, routing: [{ if: nope.x == 1, to: a }, out] }", ["error FLOW_EXPRESSION_INVALID 4:42"]],
  ["{ message.send: {}, routing: [{ if: parameters.x == 1, to: a }, out] }", ["error FLOW_PATH_UNKNOWN 4:42"]],
  ["{ qa: { questions: [] }, routing: [{ condition: answer.x == 1, to: a }, out] }", ["error FLOW_PATH_UNKNOWN 4:54"]],
  ["{ qa: { questions: [] }, routing: [{ condition: answers.x == 1, to: a }, out] }", []],
  ["{ component.exec: {}, routing: [{ condition: anything == 1, to: a }, out] }", []],
])("doctorFlow() examines %s", (body, expected) => {
  expect(diagnose(node(body))).toEqual(expected);
});

test("doctorFlow() judges components only where it knows them", () => {
  const source = node("{ greeter.run: {} }");
  expect(diagnose(source, { components: new Set(["greeter"]) })).toEqual([]);
  expect(diagnose(source, { components: new Set(["greeter.run"]) })).toEqual([]);
  expect(diagnose(source, { components: new Set(["greeters"]) })).toEqual(["error FLOW_KIND_UNKNOWN 4:3"]);
  expect(diagnose(node("{ component.exec: { component: gretter } }"), { components: new Set(["greeter"]) })).toEqual([
    "error FLOW_COMPONENT_MISSING 4:37",
  ]);
});

test("doctorFlow() finds nodes that nothing leads to", () => {
  expect(diagnose(node("{ message.send: {} }", "  b: { message.send: {}, routing: [{ to: a }] }\n"))).toEqual([
    "warning FLOW_NODE_UNREACHABLE 5:3",
  ]);
});

test("doctorFlow() says when a node has the name of a root", () => {
  expect(diagnose("id: f\ntype: t\nnodes:\n  in: { message.send: {} }")).toEqual(["info FLOW_ID_INVALID 4:3"]);
});

test("doctorFlow() checks the failure text", () => {
  expect(
    diagnose("id: f\ntype: t\non_failure: \"{{t 'gone'}} {{nope}}\"\nnodes: { a: { message.send: {} } }", {
      i18n: { en: {} },
    }),
  ).toEqual(["error FLOW_I18N_KEY_MISSING 3:13", "error FLOW_PATH_UNKNOWN 3:13"]);
});

test("doctorFlow() goes on after a broken file part and says whether the flow may load", () => {
  const findings = doctorFlow(node("{ qa: {}, routing: [{ to: b }] }", "  c: {}\nodd: 1\n"), PACK);
  expect(new Set(findings.map(({ code }) => code))).toEqual(
    new Set(["FLOW_ROUTE_TARGET_MISSING", "FLOW_NODE_INPUT_INVALID", "FLOW_NODE_SHAPE_INVALID", "FLOW_KEY_UNKNOWN"]),
  );
  expect(isHealthy(findings)).toBe(false);
  expect(isHealthy(doctorFlow(node("{ message.send: {}, routing: [{ next: a }] }"), PACK))).toBe(true);
});

describe("kinds of public packs", () => {
  const check = (nodes: string, more: Partial<Parameters<typeof doctorFlow>[1]> = {}): readonly string[] =>
    doctorFlow(`id: a\ntype: messaging\nnodes:\n${nodes}`, { catalog: CATALOG, ...more }).map(
      ({ severity, code, message }) => `${severity} ${code} ${message}`,
    );

  test("a provider that the pack hasn't is a warning, since another may", () => {
    const known = { components: new Set(["telegram"]), provides: new Set(["messaging.telegram.bot"]) };
    const node = (type: string): string => `  a: { provider.invoke: { provider_type: ${type}, op: send } }\n`;
    expect(check(node("messaging.telegram.bot"), known).filter((line) => line.includes("PROVIDER"))).toEqual([]);
    expect(check(node("messaging.telegram.bots"), known).filter((line) => line.includes("PROVIDER"))).toEqual([
      expect.stringMatching(/^warning FLOW_PROVIDER_MISSING .*messaging\.telegram\.bot[^s]/),
    ]);
  });

  test("a card's registry may name its assets", () => {
    const assets = new Set(["assets/cards/menu.json"]);
    const node = (spec: string): string => `  a: { cards.card: { card_source: asset, card_spec: ${spec} } }\n`;
    const lost = (spec: string): boolean =>
      check(node(spec), { assets }).some((line) => line.includes("FLOW_ASSET_MISSING"));
    expect(lost("{ asset_path: cards/menu.json }")).toBe(false);
    expect(lost("{ asset_path: menu, asset_registry: { menu: cards/menu.json } }")).toBe(false);
    expect(lost("{ asset_path: cards/menus.json }")).toBe(true);
  });
});
