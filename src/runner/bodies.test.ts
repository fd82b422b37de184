import { describe, expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import type { ComponentCall, ComponentResult } from "../component/index.ts";
import type { JsonValue } from "../types/index.ts";
import { surviveEveryCrash, tell } from "./crash-fixture.ts";
import { failing, makePack, openTestRuntime } from "./runtime-fixture.ts";

const COMPONENTS = { shop: 'http = ["https://api.example.com"]\nstate = "read-write"' };
const flow = (nodes: string): string => `id: default\ntype: messaging\nstart: a\nnodes:\n${nodes}`;
const packOf = (nodes: string, others: Readonly<Record<string, string>> = {}): ReturnType<typeof makePack> =>
  makePack({ flows: { default: flow(nodes), ...others }, components: COMPONENTS });

/** Doubles numbers; fails for those that are negative. */
const double = (call: ComponentCall): JsonValue | ComponentResult => {
  const { n = 0 } = call.input as { n?: number };
  return n < 0 ? failing("NEGATIVE", false) : { n: n * 2 };
};

const EACH = (how: string, rest = ""): string => `
  a: { for_each: { items: "{{json_of}}", do: work, ${how} }, routing: [{ on: error, to: bad }, { to: tell }] }
  work: { component.exec: { component: shop, operation: double, input: { n: "{{vars.item}}" } }, routing: [{ to: note }] }
  note: { state.set: { key: "seen_{{vars.index}}", value: "{{work.n}}" }, routing: [{ to: give }] }
  give: { flow.return: { value: "{{work.n}}" } }
  tell: { message.send: { text: "{{json a.results}} {{json a.errors}} {{state.seen_0}}" }, routing: out }
  bad: { message.send: { text: "{{a.error.code}} {{json a.results}}" }, routing: out }
${rest}`;

const each = (items: string, how: string): ReturnType<typeof makePack> =>
  packOf(EACH(how).replace('"{{json_of}}"', items));

describe("for_each", () => {
  test.each([1, 3])("results stand in the order of the items, %i at once", async (max) => {
    verifies("flow.for-each");
    const { texts } = await openTestRuntime({
      pack: await each("[3, 1, 2, 5, 4]", `max_concurrency: ${max}`),
      component: async (_ctx, call) => double(call),
    });
    expect(await texts("go")).toEqual(["[6,2,4,10,8] [] 6"]);
  });

  test("no more items run at once than it says", async () => {
    let running = 0;
    let most = 0;
    const opened = await openTestRuntime({
      pack: await each("[1, 2, 3, 4, 5, 6, 7]", "max_concurrency: 3"),
      component: async (_ctx, call) => {
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => void opened.world.schedule(100, resolve));
        running--;
        return double(call);
      },
    });
    const said = opened.texts("go");
    await opened.world.advance(1_000);
    expect(await said).toEqual(["[2,4,6,8,10,12,14] [] 2"]);
    expect(most).toBe(3);
  });

  test.each([1, 2])("failures end it, are left out, or are collected, %i at once", async (max) => {
    verifies("flow.for-each.failures");
    const items = "[1, -1, 2]";
    const run = async (rule: string): Promise<string | undefined> => {
      const pack = await each(items, `max_concurrency: ${max}, on_item_error: ${rule}`);
      const { texts } = await openTestRuntime({ pack, component: async (_ctx, call) => double(call) });
      return (await texts("go"))[0];
    };
    expect(await run("continue")).toMatch(/^\[2,null,4\] \[\{"index":1,"error":\{"code":"NEGATIVE".*\}\}\] 2$/);
    expect(await run("collect")).toBe("RUNNER_ITEMS_FAILED [2,null,4]");
    // One after another the third never starts; side by side it may have.
    expect(await run("stop")).toMatch(max === 1 ? /^NEGATIVE \[2,null\]$/ : /^NEGATIVE \[2,null,(?:null|4)\]$/);
  });

  test("one after another items may wait for the person, and a flow may be what runs", async () => {
    verifies("flow.for-each.waits");
    const pack = await packOf(
      `
  a: { for_each: { items: [red, blue], do: { flow: ask_one } }, routing: [{ to: tell }] }
  tell: { message.send: { text: "{{json a.results}}" }, routing: out }
`,
      {
        ask_one: `
id: ask_one
type: messaging
start: ask
nodes:
  ask: { qa: { questions: [{ id: n, prompt: "How many {{vars.item}}?", type: integer }] }, routing: [{ to: pause }] }
  pause: { delay: 1m, routing: [{ to: give }] }
  give: { flow.return: { value: { color: "{{vars.item}}", n: "{{ask.answers.n}}" } } }
`,
      },
    );
    const told = await surviveEveryCrash({
      pack,
      lines: [{ text: "go" }, { text: "2", thenMs: 70_000 }, { text: "5", thenMs: 70_000 }],
      component: () => null,
    });
    expect(told.whole.delivered).toEqual([
      "How many red?",
      "How many blue?",
      '[{"color":"red","n":2},{"color":"blue","n":5}]',
    ]);
  });

  test("many items go on over several turns", async () => {
    verifies("flow.for-each.long");
    const items = JSON.stringify(Array.from({ length: 700 }, (_, i) => i));
    const pack = await each(items, "max_concurrency: 1");
    const told = await tell({ pack, lines: [{ text: "go", thenMs: 60_000 }], component: double });
    expect(told.delivered).toHaveLength(1);
    expect(told.delivered[0]).toMatch(/^\[0,2,4,.*,1398\] \[\] 0$/);
    expect(new Set([...told.effects.values()].map(({ times }) => times))).toEqual(new Set([1]));
    expect(told.effects.size).toBe(700);
  });

  test.each([1, 3])("a crash resumes behind the items that were done, %i at once", async (max) => {
    verifies("flow.for-each.crash");
    const { whole, points } = await surviveEveryCrash({
      pack: await each("[1, 2, 2, 3]", `max_concurrency: ${max}`),
      lines: [{ text: "go" }],
      component: double,
    });
    expect(whole.delivered).toEqual(["[2,4,4,6] [] 2"]);
    expect(whole.effects.size).toBe(4);
    expect(points).toBeGreaterThan(15);
  });

  test("what would wait beside others is found at load, with its place, and when it runs", async () => {
    verifies("flow.for-each.waits");
    const pack = await packOf(`
  a: { for_each: { items: [1, 2], do: ask, max_concurrency: 2 }, routing: out }
  ask: { qa: { questions: [{ id: n, prompt: n }] }, routing: out }
`);
    await expect(openTestRuntime({ pack })).rejects.toMatchObject({ code: "RUNNER_ITEM_WAITS", at: { line: 6 } });
    const hidden = await packOf(`
  a: { for_each: { items: [1, 2], do: work, max_concurrency: 2, on_item_error: collect }, routing: [{ on: error, to: bad }] }
  work: { component.exec: { component: shop, operation: double, input: {} }, routing: [{ status: never, to: work }] }
  bad: { message.send: { text: "{{a.errors.0.error.code}}" }, routing: out }
`);
    const { texts } = await openTestRuntime({ pack: hidden });
    expect(await texts("go")).toEqual(["RUNNER_ITEM_WAITS"]);
  });
});

const PARALLEL = (how: string): string => `
  a: { parallel: { branches: { left: l, right: r, far: { flow: sub, input: { n: 5 } } }, ${how} }, routing: [{ on: error, to: bad }, { to: tell }] }
  l: { component.exec: { component: shop, operation: left, input: { n: 1 } }, routing: out }
  r: { component.exec: { component: shop, operation: right, input: { n: 2 } }, routing: out }
  tell: { message.send: { text: "{{json a.results}} {{json a.errors}}" }, routing: out }
  bad: { message.send: { text: "{{a.error.code}}" }, routing: out }
`;
const SUB = {
  sub: `id: sub\ntype: messaging\nstart: w\nnodes:\n  w: { component.exec: { component: shop, operation: far, input: { n: "{{in.n}}" } }, routing: out }`,
};

describe("parallel", () => {
  test("all branches run side by side, and their results are named", async () => {
    verifies("flow.parallel");
    const { whole } = await surviveEveryCrash({
      pack: await packOf(PARALLEL("join: all"), SUB),
      lines: [{ text: "go" }],
      component: double,
    });
    expect(whole.delivered).toEqual(['{"left":{"n":2},"right":{"n":4},"far":{"n":10}} {}']);
    expect(whole.effects.size).toBe(3);
  });

  test("the first that goes well wins, and the others are given up", async () => {
    verifies("flow.parallel.join");
    const opened = await openTestRuntime({
      pack: await packOf(PARALLEL("join: any"), SUB),
      component: async (_ctx, call) => {
        if (call.operation === "left") return failing("DOWN", false);
        if (call.operation === "far") return new Promise(() => undefined);
        return double(call);
      },
    });
    expect(await opened.texts("go")).toEqual([expect.stringMatching(/^\{"right":\{"n":4\}\} \{"left":/)]);
  });

  test("where too few go well the node fails", async () => {
    verifies("flow.parallel.join");
    const { texts } = await openTestRuntime({
      pack: await packOf(PARALLEL("join: 2"), SUB),
      component: async (_ctx, call) => (call.operation === "far" ? double(call) : failing("DOWN", false)),
    });
    expect(await texts("go")).toEqual(["RUNNER_ITEMS_FAILED"]);
  });
});

const ORDER = (last: string): string => `
  a: { component.exec: { component: shop, operation: reserve, input: { item: "{{in.text}}" } }, compensate: release, routing: [{ to: b }] }
  b: { component.exec: { component: shop, operation: charge, input: { id: "{{a.id}}" } }, compensate: { flow: refund, input: { charge: "{{b.id}}" } }, routing: [{ to: c }] }
  c: { component.exec: { component: shop, operation: ship, input: {} }, ${last} }
  release: { component.exec: { component: shop, operation: release, input: { id: "{{a.id}}" } }, retry: { max_attempts: 3, base_delay_ms: 20000 }, routing: out }
  undo: { saga.compensate: {}, routing: [{ to: told }] }
  told: { message.send: { text: "undone {{json undo.undone}} {{json undo.failed}}" }, routing: out }
`;
const REFUND = {
  refund: `id: refund\ntype: job\nstart: w\nnodes:\n  w: { component.exec: { component: shop, operation: refund, input: { id: "{{in.charge}}" } }, routing: out }`,
};
const ship = (call: ComponentCall): JsonValue | ComponentResult =>
  call.operation === "ship" ? failing("NO_STOCK", false) : { id: `${call.operation}-1` };
const operations = (calls: Iterable<{ readonly call: string }>): readonly string[] =>
  [...calls].map(({ call }) => call);

describe("compensate", () => {
  test("where a flow fails what it did is undone, the last first, through every crash", async () => {
    verifies("flow.saga");
    const { whole } = await surviveEveryCrash({
      pack: await packOf(ORDER("routing: out"), REFUND),
      lines: [{ text: "tea" }],
      component: ship,
    });
    expect(operations(whole.effects.values())).toEqual([
      'reserve {"item":"tea"}',
      'charge {"id":"reserve-1"}',
      "ship {}",
      'refund {"id":"charge-1"}',
      'release {"id":"reserve-1"}',
    ]);
    expect(whole.delivered).toHaveLength(1);
    expect(whole.dead.map(({ reason }) => reason)).toEqual(["NO_STOCK"]);
  });

  test("a compensation is tried again, over turns where that is far", async () => {
    verifies("flow.saga");
    const { whole } = await surviveEveryCrash({
      pack: await packOf(ORDER("routing: [{ on: error, to: undo }]"), REFUND),
      lines: [{ text: "tea" }],
      component: (call, times) => (call.operation === "release" && times < 2 ? failing("BUSY", true) : ship(call)),
    });
    expect(whole.delivered).toEqual(['undone ["b","a"] []']);
  });

  test("what can't be undone is on record among the dead letters, and the rest is undone", async () => {
    verifies("flow.saga.record");
    const { whole } = await surviveEveryCrash({
      pack: await packOf(ORDER("routing: out"), REFUND),
      lines: [{ text: "tea" }],
      component: (call) => (call.operation === "refund" ? failing("CLOSED", false) : ship(call)),
    });
    expect(operations(whole.effects.values())).toContain('release {"id":"reserve-1"}');
    const record = whole.dead.find(({ reason }) => reason === "RUNNER_SAGA_INCOMPLETE");
    expect(record?.envelope.extensions?.["greentic.record"]).toMatchObject({
      session: "test:acme:default:platform:chat:console",
      flow: "default",
      not_undone: [{ flow: "default", node: "b", code: "CLOSED" }],
    });
    expect(whole.dead.map(({ reason }) => reason).sort()).toEqual(["NO_STOCK", "RUNNER_SAGA_INCOMPLETE"]);
  });

  test("what items did is undone too", async () => {
    verifies("flow.saga");
    for (const max of [1, 2]) {
      const pack = await packOf(`
  a: { for_each: { items: [1, 2], do: work, max_concurrency: ${max} }, routing: [{ to: c }] }
  work: { component.exec: { component: shop, operation: reserve, input: { n: "{{vars.item}}" } }, compensate: back, routing: out }
  back: { component.exec: { component: shop, operation: release, input: { n: "{{vars.item}}", id: "{{work.id}}" } }, routing: out }
  c: { component.exec: { component: shop, operation: ship, input: {} }, routing: out }
`);
      const told = await tell({ pack, lines: [{ text: "tea" }], component: ship });
      expect(operations(told.effects.values()).slice(3)).toEqual([
        'release {"n":2,"id":"reserve-1"}',
        'release {"n":1,"id":"reserve-1"}',
      ]);
    }
  });
});
