import { describe, expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import type { ComponentCall } from "../component/index.ts";
import type { JsonValue } from "../types/index.ts";
import type { PackFiles, TestRuntime, TestRuntimeOptions } from "./runtime-fixture.ts";
import { makePack, openTestRuntime } from "./runtime-fixture.ts";

type Options = Pick<PackFiles, "components" | "assets"> & Pick<TestRuntimeOptions, "component">;

async function open(
  flows: Readonly<Record<string, string>>,
  { components, assets, ...rest }: Options = {},
): Promise<TestRuntime> {
  const pack = await makePack({
    flows: Object.fromEntries(
      Object.entries(flows).map(([id, body]) => [
        id,
        body.includes("\ntype:") ? `id: ${id}${body}` : `id: ${id}\ntype: messaging\n${body}`,
      ]),
    ),
    ...(components === undefined ? {} : { components }),
    ...(assets === undefined ? {} : { assets }),
  });
  return openTestRuntime({ ...rest, pack });
}

describe("templating.handlebars", () => {
  test("renders over the input, nodes and data, with parts, into a path or wrapped", async () => {
    verifies("kinds.templating");
    const { say } = await open({
      default: `
start: keep
nodes:
  keep: { var.set: { name: x, value: 20 }, routing: [{ to: line }] }
  line:
    templating.handlebars:
      template: "{{> line}} {{extra.note}}"
      partials: { line: "{{input.text}}: {{nodes.keep.payload.value}} {{node.keep.value}}" }
      data: { extra: { note: "{{in.text}}!" } }
    routing: [{ to: wrapped }]
  wrapped:
    templating.handlebars: { text: "{{msg.a}} {{payload.text}} {{{state.s}}}", msg: { a: 1 }, state: { s: "<b>" }, output_path: out.text, wrap: true }
    routing: [{ to: bare }]
  bare: { templating.handlebars: { template: "x", wrap: false }, routing: [{ to: tell }] }
  tell: { flow.return: { value: ["{{line}}", "{{wrapped.payload}}", "{{bare.payload}}"] } }
`,
    });
    expect((await say("{{in.secret}}")).output).toEqual([
      // What a person says is never a template.
      { text: "{{in.secret}}: 20 20 {{in.secret}}!" },
      { out: { text: "1 {{in.secret}}: 20 20 {{in.secret}}! <b>" } },
      "x",
    ]);
  });

  test("makes room for the pack's own component of that name", async () => {
    const calls: ComponentCall[] = [];
    const { say } = await open(
      { default: `nodes:\n  render: { templating.handlebars: { text: "{{in.text}}" }, routing: out }\n` },
      {
        components: { "templating.handlebars": "" },
        component: (_ctx, call): JsonValue => {
          calls.push(call);
          return { text: "component" };
        },
      },
    );
    expect((await say("hi")).reply[0]?.text).toBe("component");
    expect(calls[0]).toMatchObject({ component: "templating.handlebars", operation: "render", input: { text: "hi" } });
  });
});

describe("questions and qa.process", () => {
  test("ask fields as qa does, one answer bringing up the next, and keep them in the state", async () => {
    verifies("kinds.questions");
    const { say, texts } = await open({
      default: `
start: ask
nodes:
  ask:
    questions:
      fields:
        - { id: kind, prompt: "Kind?", kind: choice, choices: [cat, dog] }
        - { id: lives, prompt: "Lives?", kind: int, show_if: { id: kind, equals: cat }, writes_to: cat_lives }
        - { id: never, show_if: false }
    routing: [{ to: tell }]
  tell: { message.send: { text: "{{state.kind}} {{state.cat_lives}} {{json ask.answers}}" }, routing: out }
`,
    });
    expect(await texts("hi")).toEqual(["Kind?"]);
    expect(await texts("cat")).toEqual(["Lives?"]);
    expect((await say("many")).waitingAt).toBe("ask");
    expect(await texts("9")).toEqual(['cat 9 {"kind":"cat","lives":9}']);
    await say("hi", { session: "s2" });
    expect(await texts("dog", { session: "s2" })).toEqual(['dog  {"kind":"dog"}']);
  });

  test("qa.process asks what it holds, and hands on what holds no questions", async () => {
    verifies("kinds.qa-process");
    const { say, texts } = await open({
      default: `
start: first
nodes:
  first: { qa.process: { welcome: "Hello {{in.text}}" }, routing: [{ to: ask }] }
  ask: { qa.process: { questions: [{ id: name, prompt: "{{first.welcome}}, name?" }] }, routing: [{ to: tell }] }
  tell: { message.send: { text: "{{ask.answers.name}}" }, routing: out }
`,
    });
    expect(await texts("you")).toEqual(["Hello you, name?"]);
    expect((await say("Ada")).reply[0]?.text).toBe("Ada");
  });
});

describe("config flows", () => {
  const CONFIG = `
type: component-config
nodes:
  ask: { questions: { fields: [{ id: city }, { id: days, kind: int, default: 3 }, { id: note, required: false }] }, routing: [{ to: emit }] }
  emit:
    template: |
      { "node_id": "forecast_{{state.city}}", "node": { "forecast": { "city": "{{state.city}}", "days": "{{state.days}}" }, "routing": [{ "to": "NEXT_NODE_PLACEHOLDER" }] } }
`;

  test("take their answers from the caller and end with the node that they make", async () => {
    verifies("kinds.config-flow");
    const { say } = await open({ default: "nodes: { a: { state.get: { key: k } } }", config: CONFIG });
    const choice = { flow: "config" };
    const { output, status, reply } = await say({ answers: { city: 'Rome" }' } }, { choice });
    expect([status, reply]).toEqual(["done", []]);
    expect(output).toEqual({
      node_id: 'forecast_Rome" }',
      node: { forecast: { city: 'Rome" }', days: 3 }, routing: [{ to: "NEXT_NODE_PLACEHOLDER" }] },
    });
    expect(await say({}, { choice, session: "s2" })).toMatchObject({
      status: "error",
      error: { code: "RUNNER_ANSWER_MISSING", message: expect.stringContaining("city") },
    });
  });

  test("may write their answers bare into the JSON, and say what isn't a node", async () => {
    const { say } = await open({
      default: "nodes: { a: { state.get: { key: k } } }",
      bare: `
type: component-config
nodes:
  ask: { questions: { fields: [{ id: n, kind: int }] }, routing: [{ to: emit }] }
  emit: { template: '{ "node_id": "x", "node": { "n": {{state.n}}{{#ifEq state.n 2}}, "two": true{{/ifEq}} } }' }
`,
      wrong: `\ntype: component-config\nnodes:\n  emit: { template: "[]" }\n`,
    });
    expect((await say({ n: 2 }, { choice: { flow: "bare" } })).output).toEqual({
      node_id: "x",
      node: { n: 2, two: true },
    });
    expect(await say({}, { choice: { flow: "wrong" }, session: "s2" })).toMatchObject({
      error: { code: "RUNNER_CONFIG_INVALID" },
    });
  });
});

describe("what a component's output wishes", () => {
  const flows = {
    default: `
start: call
nodes:
  call: { shop.ask: { say: "{{in.text}}" }, routing: [{ on: error, to: failed }, { status: sold, to: sold }, { condition: "event == on_done", to: done }, { to: plain }] }
  sold: { message.send: { text: "sold" }, routing: out }
  done: { message.send: { text: "done" }, routing: out }
  plain: { message.send: { text: "plain {{call.said}}" }, routing: out }
  failed: { message.send: { text: "failed {{call.error.code}}" }, routing: out }
  there: { message.send: { text: "there {{call.said}}" }, routing: out }
`,
    other: `
start: a
nodes:
  a: { message.send: { text: "a {{in.x}}" }, routing: out }
  b: { message.send: { text: "b {{in.x}}" }, routing: out }
  loop: { shop.ask: { say: loop }, routing: [{ on: error, to: ended }] }
  ended: { message.send: { text: "ended {{loop.error.code}}" }, routing: out }
`,
  };
  const component = (_ctx: unknown, { input }: ComponentCall): JsonValue => {
    const jump = (more: JsonValue): JsonValue => ({ greentic_control: { v: 1, action: "jump", ...(more as object) } });
    switch ((input as { say: string }).say) {
      case "jump":
        return jump({ flow: "other", payload: { x: 1 } });
      case "target":
        return jump({ target: { flow: "other", node: "b" }, params: { x: 2 }, hints: {} });
      case "loop":
        return jump({ flow: "other", node: "loop" });
      case "v2":
        return { greentic_control: { v: 2, action: "jump", flow: "other" } };
      case "respond":
        return { greentic_control: { v: 1, action: "respond", text: "answer", card: { type: "AdaptiveCard" } } };
      case "bytes":
        // {"type": "AdaptiveCard"} in CBOR.
        return {
          greentic_control: {
            v: 1,
            action: "respond",
            card_cbor: [...Buffer.from("a164747970656c416461707469766543617264", "hex")],
          },
        };
      case "user":
        return { said: "x", greentic_control: { v: 1, action: "respond", text: "well?", needs_user: true } };
      case "meta":
        return { said: "m", meta: { next_node: "there" } };
      case "outcome":
        return { meta: { outcome: "on_done" } };
      default:
        return { status: "sold" };
    }
  };
  const opened = (): Promise<TestRuntime> => open(flows, { components: { shop: "" }, component });

  test("is a jump to a flow or node, bounded", async () => {
    verifies("kinds.control");
    const { texts } = await opened();
    expect(await texts("jump")).toEqual(["a 1"]);
    expect(await texts("target")).toEqual(["b 2"]);
    expect(await texts("loop")).toEqual(["ended RUNNER_REDIRECT_LIMIT"]);
    expect(await texts("v2")).toEqual(["failed RUNNER_CONTROL_INVALID"]);
    expect(await texts("meta")).toEqual(["there m"]);
  });

  test("is an answer that ends the flow, or waits for the person's", async () => {
    const { say, texts } = await opened();
    const { reply, status } = await say("respond");
    expect(status).toBe("done");
    expect(reply).toMatchObject([{ text: "answer", extensions: { adaptive_card: { type: "AdaptiveCard" } } }]);
    expect((await say("bytes")).reply[0]?.extensions?.adaptive_card).toEqual({ type: "AdaptiveCard" });
    expect(await say("user")).toMatchObject({ status: "waiting", reply: [{ text: "well?" }] });
    expect(await texts("go on")).toEqual(["plain x"]);
  });

  test("is a status or an event that routes name", async () => {
    const { texts } = await opened();
    expect(await texts("else")).toEqual(["sold"]);
    expect(await texts("outcome")).toEqual(["done"]);
  });
});

test("mcp and mcp.exec call the tool map's tools by server and name", async () => {
  verifies("kinds.mcp");
  const { say } = await open(
    {
      default: `
start: one
nodes:
  one: { mcp: { server: weather, tool: forecast, arguments: { city: Rome }, output: sky }, routing: [{ to: two }] }
  two: { mcp.exec: { component: weather, action: forecast, args: { city: Oslo } }, routing: [{ to: three }] }
  three: { mcp: { server: none, tool: gone }, routing: [{ on: error, to: end }] }
  end: { flow.return: { value: ["{{one}}", "{{two}}", "{{three.error.code}}"] } }
`,
    },
    {
      components: { forecast: "" },
      assets: { "toolmap.json": JSON.stringify({ tools: [{ name: "weather.forecast", component: "forecast" }] }) },
      component: (_ctx, { input }) => ({ structured: { asked: input }, content: [] }),
    },
  );
  const { output } = await say("hi");
  expect(output).toEqual([
    { sky: { asked: expect.objectContaining({}) } },
    { asked: expect.objectContaining({}) },
    expect.stringMatching(/TOOL/),
  ]);
  expect(JSON.stringify(output)).toMatch(/Rome.*Oslo/);
});

describe("setup flows of public provider packs", () => {
  const SETUP = `
title: Chat
questions:
  - { name: base_url, title: Base URL, kind: string, required: true, validate: { regex: "^https://" } }
  - { name: retries, kind: number, validate: { min: 1, max: 5 } }
  - { name: bot_token, kind: string, secret: true }
`;

  test("say their texts, give their questions and check the answers without a component", async () => {
    verifies("kinds.setup");
    const { say } = await open(
      {
        default: `
start: questions
nodes:
  questions: { describe: { id: chat-setup, spec_ref: assets/setup.yaml }, routing: [{ to: collect }] }
  collect: { text: { template: "For {{payload.title}}", output_path: text, wrap: true }, routing: [{ to: check }] }
  check: { validate_answers: { answers_json: "{{in.text}}", spec_json: "{{node.questions}}" }, routing: [{ condition: "ok == false", to: refused }, { to: summary }] }
  refused: { flow.return: { value: "{{check.errors}}" } }
  summary: { render_text: { config: { template: "{{collect.payload.text}}: done" } }, routing: [{ to: end }] }
  end: { flow.return: { value: ["{{questions}}", "{{summary.payload}}"] } }
`,
      },
      { assets: { "setup.yaml": SETUP } },
    );
    expect((await say('{"base_url":"ftp://x","retries":9,"bot_token":1}')).output).toEqual([
      { path: "base_url", message: "regex" },
      { path: "retries", message: "max" },
      { path: "bot_token", message: "expected string" },
    ]);
    expect((await say("{}")).output).toEqual([{ path: "base_url", message: "required" }]);
    const { output } = await say('{"base_url":"https://x"}');
    expect(output).toMatchObject([
      {
        id: "chat-setup",
        title: "Chat",
        questions: [
          { name: "base_url", title: "Base URL", kind: "string", required: true, secret: false },
          { name: "retries", title: "retries", kind: "number", required: false },
          { name: "bot_token", secret: true },
        ],
      },
      { text: "For Chat: done" },
    ]);
    // What can't be read at all is a failure, which `ok == false` asks for too.
    expect((await say("no JSON")).output).toBeNull();
  });
});

test("flow.goto and flow.call hand over and come back with what public flows pass", async () => {
  const { texts } = await open({
    default: `
start: call
nodes:
  call: { flow.call: { flow_id: sum, input: { n: 2 } }, out_map: { sum: /result/total }, routing: [{ to: go }] }
  go: { flow.goto: { flow_id: end, input: { sum: "{{call.sum}}" }, reason: done } }
`,
    sum: `nodes:\n  a: { flow.return: { value: { total: "{{in.n}}" } } }\n`,
    end: `nodes:\n  a: { emit.response: { payload: { text: "sum {{in.sum}}" } }, routing: out }\n`,
  });
  expect(await texts("x")).toEqual(["sum 2"]);
});
