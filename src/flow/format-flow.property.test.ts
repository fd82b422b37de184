import {
  array,
  assert,
  boolean,
  constantFrom,
  dictionary,
  integer,
  jsonValue,
  oneof,
  option,
  property,
  record,
  string,
  stringMatching,
  tuple,
  uniqueArray,
} from "fast-check";
import type { Arbitrary } from "fast-check";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import type { JsonObject, JsonValue, SourcePosition } from "../types/index.ts";
import { FLOW_SCHEMA } from "./flow-schema.ts";
import { flowToMermaid } from "./flow-to-mermaid.ts";
import { formatFlow } from "./format-flow.ts";
import type { FlowIr, NodeIr, RouteIr, ScheduleIr } from "./ir.ts";
import type { Offer } from "./offer.ts";
import { parseFlow } from "./parse-flow.ts";
import { WEATHER } from "./testing/weather.ts";

const AT: SourcePosition = { file: "f", line: 1, column: 1 };
const text = string({ minLength: 1, maxLength: 30, unit: "grapheme" }).filter((s) => s.isWellFormed());
const json = jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as JsonValue);
const object = dictionary(text, json, { maxKeys: 3, noNullPrototype: true }) as Arbitrary<JsonObject>;
const id = stringMatching(/^[a-zA-Z_][\w-]{0,12}$/).filter((name) => !["out", "reply", "__proto__"].includes(name));
const guard = text.filter((s) => s.trim() !== "");
const optional = <T>(value: Arbitrary<T>): Arbitrary<T | undefined> => option(value, { nil: undefined });

/** Leaves undefined members out, as the parser does. */
function compact<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}

function route(ids: readonly string[]): Arbitrary<RouteIr> {
  const target = tuple(constantFrom("node", "end", "reply"), constantFrom(...ids)).map(
    ([kind, node]): RouteIr["target"] => (kind === "node" ? { kind, node } : { kind }),
  );
  return record({
    target,
    status: optional(guard),
    on: optional(guard),
    condition: optional(guard),
    if: optional(guard),
  }).map((parts) => compact({ ...parts, at: AT }) as RouteIr);
}

function node(name: string, ids: readonly string[]): Arbitrary<NodeIr> {
  return record({
    kind: constantFrom("qa", "component.exec", "emit.response", "a_b.c-d"),
    operation: optional(text),
    input: json.filter((value) => value !== null),
    routing: array(route(ids), { maxLength: 3 }),
    retry: optional(
      record({
        maxAttempts: integer({ min: 1, max: 20 }),
        baseDelayMs: integer({ min: 0, max: 1000 }),
        factor: optional(integer({ min: 1, max: 10 })),
        maxDelayMs: optional(integer({ min: 0, max: 1000 })),
        jitter: optional(constantFrom(0, 0.25, 1)),
      }).map(compact),
    ),
    compensate: optional(
      oneof(
        id.map((name) => ({ node: name })),
        record({ flow: id, input: optional(json) }).map(compact),
      ),
    ),
    timeoutMs: optional(integer({ min: 1, max: 86_400_000 })),
    inMap: optional(json),
    output: optional(json),
    outMap: optional(json),
    errMap: optional(json),
    telemetry: optional(object),
    extra: record({ when: json, annotations: object }, { requiredKeys: [] }),
  }).map((parts) => compact({ id: name, ...parts, at: AT }) as NodeIr);
}

const schema = record({
  type: constantFrom("object" as const),
  properties: dictionary(id, object, { maxKeys: 2, noNullPrototype: true }),
});
const flag = optional(boolean());
const offered = { title: optional(text), description: optional(text), logs: boolean() };
const offer = oneof(
  record({
    kind: constantFrom("tool" as const),
    name: id,
    ...offered,
    input: optional(schema),
    output: optional(schema),
    hints: record({ readOnly: flag, destructive: flag, idempotent: flag, openWorld: flag }).map(compact),
  }),
  record({ kind: constantFrom("prompt" as const), name: id, ...offered, input: optional(schema) }),
  record({
    kind: constantFrom("resource" as const),
    uri: id.map((name) => `test://{${name.replaceAll("-", "_")}}`),
    name: text,
    ...offered,
    mimeType: optional(text),
  }),
).map((made) => compact(made) as Offer);

const schedule = record({
  cron: constantFrom("0 9 * * 1-5", "*/5 * * * *", "30 0 0 1 1 *"),
  zone: optional(constantFrom("Europe/Berlin", "UTC")),
  entry: optional(id),
  catchUp: optional(constantFrom("none", "last", "all")),
}).map((made) => compact({ ...made, at: AT }) as ScheduleIr);

const flow: Arbitrary<FlowIr> = uniqueArray(id, { minLength: 1, maxLength: 4 }).chain((ids) =>
  tuple(
    tuple(...ids.map((name) => node(name, ids))),
    constantFrom(...ids),
    dictionary(
      text.filter((name) => name !== "default" && name !== "<<"),
      constantFrom(...ids),
      { maxKeys: 2 },
    ),
    record({
      title: optional(text),
      description: optional(text),
      onFailure: optional(text),
      offer: optional(offer),
      schedules: optional(array(schedule, { minLength: 1, maxLength: 2 })),
    }),
    record({
      type: constantFrom("messaging", "webhook"),
      tags: array(text, { maxLength: 2 }),
      parameters: object,
      interrupt: constantFrom("restart", "ignore", "keep"),
      slotSchema: array(object, { maxLength: 2 }),
      meta: object,
      isOld: boolean(),
    }),
  ).map(([nodes, start, entrypoints, texts, { isOld, ...rest }]): FlowIr => ({
    id: "f",
    ...rest,
    ...(compact(texts) as Pick<FlowIr, "title">),
    start,
    entrypoints: new Map([...Object.entries(entrypoints), ["default", start]]),
    nodes: new Map(nodes.map((made) => [made.id, made])),
    schemaVersion: isOld ? 1 : 2,
    file: "f",
    at: AT,
    positions: new Map(),
  })),
);

/** A flow without its places, and with maps as their entries, since their order is part of a flow. */
function essence(ir: FlowIr): unknown {
  const route = ({ at: _at, ...rest }: RouteIr): unknown => rest;
  const nodes = [...ir.nodes.values()].map(({ at: _at, ...made }) => ({ ...made, routing: made.routing.map(route) }));
  const { at: _at, positions: _positions, schedules = [], ...rest } = ir;
  const timed = schedules.map(({ at: _place, ...made }) => made);
  return { ...rest, nodes, timed, entrypoints: [...ir.entrypoints].sort(([a], [b]) => (a < b ? -1 : 1)) };
}

const hasMergeKey = (value: unknown): boolean => JSON.stringify(value).includes('"<<"');

test("parseFlow() gives back what formatFlow() wrote", () => {
  assert(
    property(
      flow.filter((ir) => !hasMergeKey(essence(ir))),
      (ir) => {
        expect(essence(parseFlow(formatFlow(ir), { file: "f" }))).toEqual(essence(ir));
      },
    ),
    { numRuns: 80 },
  );
});

test("formatFlow() says the same of the weather example, and again", () => {
  const once = formatFlow(parseFlow(WEATHER, { file: "f" }));
  const again = parseFlow(once, { file: "f" });
  expect(essence(again)).toEqual(essence(parseFlow(WEATHER, { file: "f" })));
  expect(formatFlow(again)).toBe(once);
});

test("FLOW_SCHEMA accepts what the parser accepts", () => {
  const validate = new Ajv2020({ strict: false }).compile(FLOW_SCHEMA);
  const check = (source: string): void => {
    validate(parseYaml(source));
    expect(validate.errors ?? []).toEqual([]);
  };
  check(WEATHER);
  check(
    "id: f\ntype: t\nnodes: { a: { kind: qa, input: {}, routing: reply }, b: { qa: {}, routing: [{ out: true, on: error }, reply] } }",
  );
  assert(
    property(
      flow.filter((ir) => ir.schemaVersion === 2 && !hasMergeKey(essence(ir))),
      (ir) => check(formatFlow(ir)),
    ),
    { numRuns: 30 },
  );
});

test.each([
  "id: f\ntype: t\nnodes: { a: { routing: out } }",
  "id: f\ntype: t\nnodes: { a: { kind: qa, inputs: {} } }",
  "id: f\ntype: t\nodd: 1\nnodes: { a: { qa: {} } }",
  "id: f\nnodes: { a: { qa: {} } }",
  "id: f\ntype: t\nnodes: { a: { qa: {}, routing: somewhere } }",
  "id: f\ntype: t\nnodes: { a: { qa: {}, routing: [{ status: ok }] } }",
  "id: f\ntype: t\nnodes: { a: { qa: {}, routing: [{ to: a, odd: 1 }] } }",
  "id: f\ntype: t\nnodes: { a: { qa: {}, retry: { max_attempts: 0 } } }",
  "id: f\ntype: t\ninterrupt: never\nnodes: { a: { qa: {} } }",
])("FLOW_SCHEMA and parseFlow() both refuse %j", (source) => {
  expect(new Ajv2020({ strict: false }).validate(FLOW_SCHEMA, parseYaml(source))).toBe(false);
  expect(() => parseFlow(source, { file: "f" })).toThrow();
});

test("flowToMermaid() draws entrypoints, nodes, guards and ends, with nothing of a name unescaped", () => {
  const source =
    'id: f\ntype: t\nentrypoints: { \'x"]; click\': a }\nnodes:\n  a: { qa: {}, routing: [{ condition: "x == <b>", to: b }, { on: error, reply: true }, out] }\n  b: { emit.log: {} }\n';
  expect(flowToMermaid(parseFlow(source, { file: "f" }))).toBe(`flowchart TD
  e0(["x#34;#93;#59; click"]) --> n0
  e1(["default"]) --> n0
  n0["a<br/>qa"]
  n1["b<br/>emit.log"]
  n0 -->|"x == #60;b#62;"| n1
  reply((("reply")))
  n0 -->|"on error"| reply
  end((("end")))
  n0 --> end
  n1 --> end
`);
});
