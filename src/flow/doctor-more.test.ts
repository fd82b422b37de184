import { expect, test } from "vitest";
import type { JsonValue } from "../types/index.ts";
import { checkAssets, checkUnusedTexts } from "./check-assets.ts";
import { checkCard } from "./check-card.ts";
import { doctorFlow } from "./doctor-flow.ts";
import type { DoctorOptions } from "./doctor-flow.ts";
import { findingsToSarif } from "./to-sarif.ts";
import { CATALOG } from "./testing/catalog.ts";
import { verifies } from "../../test/verifies.ts";

function diagnose(source: string, options: Partial<DoctorOptions> = {}): readonly string[] {
  return doctorFlow(source, { catalog: CATALOG, file: "f", ...options }).map(
    ({ severity, code, at, node }) => `${severity} ${code} ${node ?? ""} ${at.line}`,
  );
}

const routed = (...entries: readonly string[]): string =>
  `id: f\ntype: messaging\nnodes:\n  a:\n    emit.response: {}\n    routing:\n${entries.map((entry) => `      - ${entry}\n`).join("")}  b: { emit.response: {}, routing: out }\n`;

test.each<[string, readonly string[], readonly string[]]>([
  [
    "a wider comparison",
    ["{ condition: in.n > 3, to: b }", "{ condition: in.n > 5, out: true }", "{ to: b }"],
    ["warning FLOW_ROUTE_DEAD a 8"],
  ],
  ["a narrower comparison", ["{ condition: in.n > 5, to: b }", "{ condition: in.n > 3, out: true }", "{ to: b }"], []],
  [
    "an equal that the range took",
    ["{ condition: in.n >= 3, to: b }", "{ condition: in.n == 7, out: true }", "{ to: b }"],
    ["warning FLOW_ROUTE_DEAD a 8"],
  ],
  ["another path", ["{ condition: in.n > 3, to: b }", "{ condition: in.m > 5, out: true }", "{ to: b }"], []],
  [
    "the same guard and one more",
    ["{ condition: in.x == a, to: b }", "{ condition: in.x == A, if: 'in.y == 1', out: true }", "{ to: b }"],
    ["warning FLOW_ROUTE_DEAD a 8"],
  ],
  ["an entry for errors behind the default", ["{ to: b }", "{ on: error, out: true }"], []],
  ["an entry for a code behind the default", ["{ to: b }", "{ status: TOOL_GONE, out: true }"], []],
  [
    "an always-true guard",
    ["{ if: true, to: b }", "{ to: b }"],
    ["warning FLOW_GUARD_CONSTANT a 7", "warning FLOW_ROUTE_DEAD a 8"],
  ],
  ["a computed constant", ["{ if: '1 > 2', to: b }", "{ to: b }"], ["warning FLOW_GUARD_CONSTANT a 7"]],
  [
    "guards that exclude each other",
    ["{ status: ok, condition: status == error, out: true }", "{ to: b }"],
    ["warning FLOW_GUARD_CONTRADICTION a 7"],
  ],
  [
    "an event that the status excludes",
    ["{ status: ok, on: error, out: true }", "{ to: b }"],
    ["warning FLOW_GUARD_CONTRADICTION a 7"],
  ],
  [
    "only a dead entry leads there",
    ["{ out: true }", "{ condition: in.x == 1, to: b }"],
    ["warning FLOW_ROUTE_DEAD a 8", "warning FLOW_NODE_UNREACHABLE b 9"],
  ],
])("doctorFlow() judges guards: %s", (_name, entries, expected) => {
  verifies("flow.doctor.guards");
  expect(diagnose(routed(...entries))).toEqual(expected);
});

const FACTS = new Map([
  [
    "greeter",
    {
      operations: [
        {
          name: "greet",
          inputSchema: {
            type: "object",
            required: ["name"],
            additionalProperties: false,
            properties: { name: { type: "string", pattern: "^(a+)+$" }, times: { type: "integer" } },
          },
          outputSchema: { type: "object", properties: { text: { type: "string" } }, additionalProperties: false },
        },
      ],
      configSchema: { type: "object", properties: { loud: { type: "boolean" } }, additionalProperties: false },
    },
  ],
]);

test.each<[string, readonly string[]]>([
  ["greeter.greet: { name: Ada }", []],
  ['greeter.greet: { name: "{{in.text}}", times: 2 }', []],
  ["greeter.greet: { nam: Ada }", ["error FLOW_NODE_INPUT_INVALID a 5", "error FLOW_NODE_INPUT_INVALID a 5"]],
  ["greeter.great: { name: Ada }", ["warning FLOW_OPERATION_MISSING a 4"]],
  [
    "component.exec: { component: greeter, operation: greet, input: { name: 3 } }",
    ["error FLOW_NODE_INPUT_INVALID a 5"],
  ],
  [
    "component.exec: { component: greeter, operation: greet, input: { name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab } }",
    [],
  ],
  [
    "component.exec: { component: greeter, input: { name: x }, config: { quiet: true } }",
    ["error FLOW_NODE_INPUT_INVALID a 5"],
  ],
])("doctorFlow() holds a component's call to what it describes: %s", (call, expected) => {
  verifies("flow.doctor.components");
  const flow = `id: f\ntype: messaging\nnodes:\n  a:\n    ${call}\n    routing: out\n`;
  expect(diagnose(flow, { components: new Set(["greeter"]), facts: FACTS })).toEqual(expected);
});

test("doctorFlow() knows the paths of what a component gives", () => {
  verifies("flow.doctor.components");
  const flow = `id: f\ntype: messaging\nnodes:\n  a: { greeter.greet: { name: x }, routing: [{ to: b }] }\n  b: { emit.response: { text: "{{a.txt}}" }, routing: out }\n`;
  const [finding] = doctorFlow(flow, { catalog: CATALOG, components: new Set(["greeter"]), facts: FACTS });
  expect(finding).toMatchObject({
    code: "FLOW_PATH_UNKNOWN",
    message: expect.stringContaining('did you mean "text"?'),
  });
});

const card = (rest: Readonly<Record<string, JsonValue>>): Record<string, JsonValue> => ({
  type: "AdaptiveCard",
  version: "1.5",
  ...rest,
});

test.each<[Record<string, JsonValue>, readonly string[]]>([
  [card({ body: [{ type: "TextBlock", text: "hi" }] }), []],
  [card({}), ["warning "]],
  [{ type: "AdaptiveCard", body: [{ type: "TextBlock", text: "x" }] }, ["error "]],
  [card({ version: "2.0", body: ["{{in.x}}"] }), ["warning /version"]],
  [card({ body: [{ type: "TextBlok", text: "hi" }] }), ["error /body/0/type"]],
  [card({ body: [{ type: "Carousel", pages: [] }] }), ["warning /body/0/type"]],
  [
    card({ body: [{ type: "TextBlock" }, { type: "Input.Text" }, "text"] }),
    ["error /body/0", "error /body/1", "error /body/2"],
  ],
  [
    card({
      body: [
        { type: "Input.Text", id: "a" },
        { type: "Input.Date", id: "a" },
      ],
    }),
    ["error /body/1/id"],
  ],
  [
    card({ body: [{ type: "ColumnSet", columns: [{ items: [{ type: "Image" }] }] }] }),
    ["error /body/0/columns/0/items/0"],
  ],
  [card({ body: [{ type: "FactSet", facts: [{ title: "x" }] }] }), ["error /body/0/facts/0"]],
  [
    card({ actions: [{ type: "Action.OpenUrl", url: "javascript:alert(1)" }, { type: "Action.Sumbit" }] }),
    ["error /actions/0/url", "error /actions/1/type"],
  ],
  [
    card({ actions: [{ type: "Action.ShowCard", card: { type: "AdaptiveCard", body: [{ type: "TextBlock" }] } }] }),
    ["error /actions/0/card/body/0"],
  ],
  [
    card({
      body: [{ type: "TextBlock", id: "more", text: "x" }],
      actions: [{ type: "Action.ToggleVisibility", targetElements: ["mor", { elementId: "more" }] }],
    }),
    ["error /actions/0/targetElements/0"],
  ],
])("checkCard() says what renderers would miss: %#", (value, expected) => {
  verifies("flow.doctor.cards");
  expect(checkCard(value).map(({ severity, pointer }) => `${severity} ${pointer}`)).toEqual(expected);
});

test("doctorFlow() checks cards where they stand in a node", () => {
  verifies("flow.doctor.cards");
  const flow = `id: f\ntype: messaging\nnodes:\n  a:\n    message.send:\n      card:\n        type: AdaptiveCard\n        version: "1.5"\n        body:\n          - { type: TextBlock }\n    routing: out\n`;
  expect(diagnose(flow)).toEqual(["error FLOW_CARD_INVALID a 10"]);
});

const I18N = { en: { hi: "Hi", bye: "Bye" }, es: { hi: "Hola" } };

test("checkAssets() finds texts that a template or card needs and a locale lacks, and broken cards, each at its place", () => {
  verifies("flow.doctor.texts");
  const assets = new Map([
    ["assets/a.hbs", "one\n{{t 'bye'}} {{t 'hey'}}"],
    ["assets/b.hbs", "{{#if}}"],
    [
      "assets/c.json",
      `{\n\t"type": "AdaptiveCard", "version": "1.5",\n\t"body": [\n\t\t{ "type": "TextBlock" },\n\t\t{ "type": "TextBlock", "text": "{{t 'hi'}}" }\n\t]\n}`,
    ],
    ["assets/d.json", `{ "type": "AdaptiveCard", `],
    ["assets/e.json", `{ "any": "json" }`],
  ]);
  expect(
    checkAssets(assets, I18N).map(({ file, findings }) => [
      file,
      findings.map(({ code, severity, at }) => `${severity} ${code} ${at.line}:${at.column}`),
    ]),
  ).toEqual([
    ["assets/a.hbs", ["warning FLOW_I18N_KEY_MISSING 2:5", "error FLOW_I18N_KEY_MISSING 2:17"]],
    ["assets/b.hbs", ["error FLOW_TEMPLATE_INVALID 1:1"]],
    ["assets/c.json", ["error FLOW_CARD_INVALID 4:3"]],
    ["assets/d.json", ["error FLOW_CARD_INVALID 1:1"]],
  ]);
});

test("checkUnusedTexts() tells which texts nothing names", () => {
  verifies("flow.doctor.texts");
  const locales = new Map([
    [
      "assets/i18n/en.json",
      `{\n  "hi": "Hi",\n  "old": "Old",\n  "two words": "x",\n  "greentic.failed": "Oh",\n  "asked": "?"\n}`,
    ],
  ]);
  const checks = checkUnusedTexts(locales, {
    users: ["text: \"{{t 'hi'}}\"", "uses two words"],
    keys: new Set(["asked"]),
  });
  expect(checks).toMatchObject([
    {
      file: "assets/i18n/en.json",
      findings: [{ code: "FLOW_I18N_KEY_UNUSED", severity: "info", at: { line: 3, column: 3 } }],
    },
  ]);
  expect(checks[0]?.findings).toHaveLength(1);
});

test("findingsToSarif() makes one run whose results name their rules and places", () => {
  verifies("flow.doctor.sarif");
  const at = { file: "my flows/é.ygtc", line: 3, column: 5 };
  const log = findingsToSarif(
    [
      { code: "FLOW_ROUTE_DEAD", severity: "warning", message: "m", at, node: "a" },
      { code: "FLOW_CARD_INVALID", severity: "error", message: "n", at: { ...at, file: "/abs/x" } },
      { code: "FLOW_I18N_KEY_UNUSED", severity: "info", message: "o", at },
    ],
    { name: "gtc", version: "1.0.0" },
  );
  expect(log).toMatchObject({
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "gtc",
            rules: [{ id: "FLOW_CARD_INVALID" }, { id: "FLOW_I18N_KEY_UNUSED" }, { id: "FLOW_ROUTE_DEAD" }],
          },
        },
        results: [
          {
            ruleId: "FLOW_ROUTE_DEAD",
            ruleIndex: 2,
            level: "warning",
            message: { text: "m" },
            locations: [
              {
                physicalLocation: {
                  artifactLocation: { uri: "my%20flows/%C3%A9.ygtc" },
                  region: { startLine: 3, startColumn: 5 },
                },
                logicalLocations: [{ name: "a" }],
              },
            ],
          },
          { level: "error", locations: [{ physicalLocation: { artifactLocation: { uri: "file:///abs/x" } } }] },
          { level: "note" },
        ],
      },
    ],
  });
});
