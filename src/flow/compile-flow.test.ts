import { expect, test } from "vitest";
import { compileFlow } from "./compile-flow.ts";
import type { CompiledNode } from "./compiled.ts";
import { compileJsonTemplate } from "./json-template.ts";
import { parseFlow } from "./parse-flow.ts";
import { CATALOG } from "./testing/catalog.ts";
import { testScope } from "./testing/scope.ts";
import { WEATHER } from "./testing/weather.ts";

function compileNode(input: string, extra = ""): CompiledNode {
  const flow = parseFlow(`id: f\ntype: messaging\n${extra}nodes:\n  a: { thing: ${input} }\n`, { file: "f" });
  const node = compileFlow(flow, { catalog: CATALOG }).nodes.get("a");
  if (node === undefined) throw new TypeError("no node");
  return node;
}
const ok = { kind: "ok", status: "ok", output: {} } as const;

test("compileFlow() makes the weather example run", () => {
  const { nodes } = compileFlow(parseFlow(WEATHER, { file: "f" }), { catalog: CATALOG });
  const scope = testScope({
    in: { text: "/weather Paris", args: ["Paris"] },
    nodes: {
      ask: { answers: { city: "Paris", date: "2026-01-02" } },
      forecast: { result: { max: 3 } },
      format: { text: "3 °C" },
    },
  });
  const input = (id: string): unknown => nodes.get(id)?.renderInput(scope);
  expect(input("ask")).toMatchObject({
    questions: [{ prompt: "[ask_city]" }, { prompt: "[ask_date]", default: "today" }],
    known: { city: "Paris" },
  });
  expect(input("forecast")).toEqual({ tool: "weather.forecast", input: { city: "Paris", date: "2026-01-02" } });
  expect(input("format")).toEqual({ asset: "assets/templates/forecast.hbs", data: { max: 3 } });
  expect(input("answer")).toEqual({ text: "3 °C", card: { asset: "assets/cards/forecast.json", data: { max: 3 } } });
  expect(nodes.get("ask")?.selectRoute(scope, ok)).toEqual({ kind: "next", node: "forecast" });
  expect(nodes.get("ask")?.selectRoute(scope, { ...ok, status: "Cancelled" })).toEqual({ kind: "next", node: "bye" });
  expect(nodes.get("forecast")?.selectRoute(scope, { ...ok, kind: "error", status: "error" })).toEqual({
    kind: "next",
    node: "sorry",
  });
  expect(nodes.get("answer")?.selectRoute(scope, ok)).toEqual({ kind: "end" });
  expect(scope.warnings).toEqual([]);
});

test("renderInput() gives a path's value with its type", () => {
  const value = { list: [1, { x: null }], n: 0, b: false };
  const scope = testScope({ in: value, now: { iso: "2026" }, locale: "ja" });
  const node = compileNode(
    '{ a: "{{in}}", b: "{{ in.list }}", c: "{{{in.n}}}", d: "{{in.b}}", e: "n={{in.n}}", f: "{{in.list[1].x}}", g: "{{this.locale}}", h: "{{now.iso}}" }',
  );
  expect(node.renderInput(scope)).toEqual({
    a: value,
    b: value.list,
    c: 0,
    d: false,
    e: "n=0",
    f: null,
    g: "ja",
    h: "2026",
  });
  expect(scope.warnings).toEqual([]);
});

test("renderInput() gives null for a path that names nothing, and warns", () => {
  const scope = testScope();
  expect(compileNode('{ a: "{{in.x}}", b: "<{{vars.y}}>" }').renderInput(scope)).toEqual({ a: null, b: "<>" });
  expect(scope.warnings).toEqual(["FLOW_PATH_UNKNOWN in.x", "FLOW_PATH_UNKNOWN vars.y"]);
});

test("renderInput() freezes and shares what holds no template", () => {
  const still = compileNode("{ a: { b: [1, 2] }, no: no }");
  expect(still.isStatic).toBe(true);
  expect(still.renderInput(testScope())).toBe(still.renderInput(testScope()));
  expect(still.renderInput(testScope())).toEqual({ a: { b: [1, 2] }, no: "no" });
  const moving = compileNode('{ a: { b: [1, 2] }, c: "{{in}}" }');
  expect(moving.isStatic).toBe(false);
  const [one, two] = [moving.renderInput(testScope({ in: 1 })), moving.renderInput(testScope({ in: 2 }))] as {
    a: object;
    c: number;
  }[];
  expect([one?.c, two?.c]).toEqual([1, 2]);
  expect(one?.a).toBe(two?.a);
  expect(Object.isFrozen(one?.a)).toBe(true);
});

test("renderInput() never renders what it rendered, and never reads a key as a template", () => {
  const scope = testScope({ in: { text: "{{session.secret}}" }, session: { secret: "s" } });
  expect(compileNode('{ a: "{{in.text}}", b: "x {{in.text}}", "{{in.text}}": 1 }').renderInput(scope)).toEqual({
    a: "{{session.secret}}",
    b: "x {{session.secret}}",
    "{{in.text}}": 1,
  });
});

test("renderInput() keeps __proto__ as data", () => {
  for (const node of [
    compileNode("{ __proto__: { polluted: 1 } }"),
    compileNode('{ __proto__: { polluted: "{{in}}" }, a: "{{in}}" }'),
  ]) {
    const made = node.renderInput(testScope({ in: 1 })) as object;
    expect(Object.hasOwn(made, "__proto__")).toBe(true);
    expect(Object.getPrototypeOf(made)).toBe(Object.prototype);
  }
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

test("renderInput() reads the paths of every generation", () => {
  const scope = testScope({
    in: { input: { text: "hi" }, text: "top" },
    nodes: { "a-b": { x: 1, data: { y: 2 } }, c: { x: 3, ok: false } },
    state: { mine: 4, nodes: { own: { payload: { z: 5 } } } },
  });
  const read = (path: string): unknown => compileNode(`'{{${path}}}'`).renderInput(scope);
  expect(
    [
      "in.input.text",
      "entry.text",
      "node.a-b.x",
      "a-b.x",
      "node.a-b.data.y",
      "node.c.data.x",
      "state.nodes.c.payload.x",
      "state.nodes.c.ok",
      "state.nodes.a-b.ok",
      "state.nodes.own.payload.z",
      "state.entry.text",
      "state.input.input.text",
      "state.mine",
      'node["a-b"].x',
    ].map(read),
  ).toEqual(["hi", "top", 1, 1, 2, 3, 3, false, true, 5, "top", "hi", 4, 1]);
  expect(scope.warnings).toEqual([]);
});

test("renderInput() replaces bare `parameters.<path>` as public flows do, and leaves prose alone", () => {
  const extra = "parameters: { units: celsius, n: { max: 3 } }\n";
  const node = compileNode(
    '{ a: parameters.n, b: "in parameters.units.", c: parameters.nope, d: "myparameters.units", e: "{{parameters.units}}" }',
    extra,
  );
  expect(node.renderInput(testScope({ parameters: { units: "kelvin" } }))).toEqual({
    a: { max: 3 },
    b: "in celsius.",
    c: "parameters.nope",
    d: "myparameters.units",
    e: "kelvin",
  });
});

test("compileFlow() keeps a kind's own templates from being rendered twice", () => {
  const source =
    'id: f\ntype: t\nnodes: { a: { template.render: { template: "Hi {{name}}", data: { name: "{{in.text}}" } } } }';
  const node = compileFlow(parseFlow(source, { file: "f" }), { catalog: CATALOG }).nodes.get("a");
  const scope = testScope({ in: { text: "{{session}}" } });
  const input = node?.renderInput(scope) as { template: string; data: { name: string } };
  expect(input).toEqual({ template: "Hi {{name}}", data: { name: "{{session}}" } });
  expect(node?.templates.get("template")?.render(scope, input.data)).toBe("Hi {{session}}");
});

test("compileFlow() refuses a bad template at its place", () => {
  const flow = parseFlow('id: f\ntype: t\nnodes:\n  a:\n    qa:\n      x: [1, "{{#if}}"]\n', { file: "f" });
  expect(() => compileFlow(flow)).toThrow(
    expect.objectContaining({ code: "FLOW_TEMPLATE_INVALID", at: { file: "f", line: 6, column: 14 } }),
  );
});

test("compileFlow() renders the failure text", () => {
  const flow = parseFlow("id: f\ntype: t\non_failure: \"{{t 'oops'}} {{in.text}}\"\nnodes: { a: { qa: {} } }", {
    file: "f",
  });
  expect(compileFlow(flow).renderFailure?.(testScope({ in: { text: "x" } }))).toBe("[oops] x");
});

test("compileJsonTemplate() fills a card from data, then from the scope", () => {
  const card = compileJsonTemplate({
    type: "AdaptiveCard",
    body: [{ text: "{{city}}: {{t 'max'}}", n: "{{max}}", raw: "{{this}}" }],
    $when: "${x}",
  });
  expect(card.render(testScope({ locale: "de" }), { city: 'Pa"ris', max: 3 })).toEqual({
    type: "AdaptiveCard",
    body: [{ text: 'Pa"ris: [max]', n: 3, raw: { city: 'Pa"ris', max: 3 } }],
    $when: "${x}",
  });
});
