import { expect, test } from "vitest";
import { CHOICE_TOKEN_KEY, choiceToken, receiveConsole } from "../messaging/index.ts";
import type { JsonValue } from "../types/index.ts";
import type { PackFiles, TestRuntime, TestRuntimeOptions } from "./runtime-fixture.ts";
import { consoleChannel, failing, makePack, openTestRuntime } from "./runtime-fixture.ts";
import { verifies } from "../../test/verifies.ts";

type Options = Pick<PackFiles, "components" | "assets"> & Pick<TestRuntimeOptions, "component" | "defaults">;

async function open(
  flows: Readonly<Record<string, string>>,
  { components, assets, ...rest }: Options = {},
): Promise<TestRuntime> {
  const pack = await makePack({
    flows: Object.fromEntries(Object.entries(flows).map(([id, nodes]) => [id, `id: ${id}\ntype: messaging\n${nodes}`])),
    ...(components === undefined ? {} : { components }),
    ...(assets === undefined ? {} : { assets }),
  });
  return openTestRuntime({ ...rest, pack });
}

test("a called flow waits, its caller waits with it and gets its output", async () => {
  const { texts, say, store } = await open({
    default: `
start: before
nodes:
  before: { var.set: { name: greeting, value: "Hello" }, routing: [{ to: call }] }
  call: { flow.call: { flow: name, input: { question: "Your name?" } }, routing: [{ to: after }] }
  after: { message.send: { text: "{{vars.greeting}} {{call.answers.name}}, {{prev.answers.age}}" }, routing: out }
`,
    name: `
nodes:
  ask:
    qa: { questions: [{ id: name, prompt: "{{in.question}}" }, { id: age, prompt: "Age?", type: integer }] }
    routing: out
`,
  });
  const first = await say("hi");
  expect(first).toMatchObject({ status: "waiting", waitingAt: "ask", reply: [{ text: "Your name?" }] });
  const [waiting] = await store.list({});
  expect(waiting?.session?.cursor).toEqual({ flow: "name", node: "ask" });
  expect(waiting?.session?.snapshot).toMatchObject({
    frames: [
      { flow: "default", node: "call", vars: { greeting: "Hello" } },
      { flow: "name", node: "ask", kind: "call" },
    ],
  });
  expect(await texts("Ada")).toEqual(["Age?"]);
  const last = await say("36");
  expect(last).toMatchObject({ status: "done", reply: [{ text: "Hello Ada, 36" }] });
});

test("a called flow's failure is its caller's to catch", async () => {
  const { texts, say } = await open({
    default: `
start: call
nodes:
  call: { flow.call: { flow: broken }, routing: [{ on: error, to: caught }] }
  caught: { message.send: { text: "caught {{call.error.code}}" }, routing: out }
`,
    broken: `
nodes:
  bad: { template.render: { asset: "missing.hbs" }, routing: out }
`,
    uncaught: `
on_failure: "Oops, {{t 'greentic.yes'}}"
nodes:
  call: { flow.call: { flow: broken }, routing: out }
`,
  });
  expect(await texts("hi")).toEqual(["caught RUNNER_ASSET_MISSING"]);
  const failed = await say("hi", { choice: { flow: "uncaught" } });
  expect(failed).toMatchObject({
    status: "error",
    error: { code: "RUNNER_ASSET_MISSING", node: "call" },
    reply: [{ text: "Oops, Yes" }],
  });
});

test("goto and return leave a flow for good", async () => {
  const { say } = await open({
    default: `
start: jump
nodes:
  jump: { flow.goto: { flow: other, node: second, input: { x: 1 } }, routing: [{ to: never }] }
  never: { message.send: { text: "never" }, routing: out }
`,
    other: `
start: first
nodes:
  first: { message.send: { text: "first" }, routing: [{ to: second }] }
  second: { message.send: { text: "x is {{in.x}}" }, routing: [{ to: end }] }
  end: { flow.return: { value: { x: "{{in.x}}" } }, routing: [{ to: first }] }
`,
  });
  expect(await say("hi")).toMatchObject({ status: "done", output: { x: 1 }, reply: [{ text: "x is 1" }] });
});

test("guards that don't hold wait at the node, which doesn't speak again", async () => {
  const { texts, say } = await open({
    default: `
start: menu
nodes:
  menu:
    message.send: { text: "tea or coffee?" }
    routing:
      - { condition: 'response.text == "tea"', to: tea }
      - { condition: 'response.text contains "cof"', to: coffee }
  tea: { message.send: { text: "Tea!" }, routing: out }
  coffee: { message.send: { text: "Coffee!" }, routing: out }
`,
  });
  expect(await say("hi")).toMatchObject({ status: "waiting", waitingAt: "menu", reply: [{ text: "tea or coffee?" }] });
  expect(await say("water")).toMatchObject({ status: "waiting", reply: [] });
  expect(await texts("COFFEE please")).toEqual(["Coffee!"]);
});

test("session.wait gives the next message, or expires", async () => {
  const { texts, world, store } = await open({
    default: `
start: wait
nodes:
  wait: { session.wait: { reason: proof, expires: 5m }, routing: [{ status: expired, to: late }, { to: got }] }
  got: { message.send: { text: "got {{wait.text}}" }, routing: out }
  late: { message.send: { text: "late" }, routing: out }
`,
  });
  await texts("hi");
  expect((await store.list({}))[0]?.session?.waitReason).toBe("proof");
  expect(await texts("this")).toEqual(["got this"]);
  await texts("hi");
  await world.advance(301_000);
  const log = await store.readLog("test:acme:default:console:s1", { after: -1, limit: 50 });
  expect(log.at(-1)?.activity).toMatchObject({ text: "late" });
});

test("state lives on after the flow, vars don't", async () => {
  verifies("concept.state.shared");
  const { texts } = await open({
    default: `
start: read
nodes:
  read: { state.get: { key: count, default: 0 }, routing: [{ to: seen }] }
  seen: { message.send: { text: "{{read.value}} {{read.found}} {{state.count}} {{default vars.v '-'}}" }, routing: [{ to: write }] }
  write: { state.set: { key: count, value: 7 }, routing: [{ to: var }] }
  var: { var.set: { name: v, value: 1 }, routing: [{ to: check }] }
  check: { message.send: { text: "{{state.count}} {{vars.v}}" }, routing: out }
`,
    clear: `
nodes:
  clear: { state.delete: { key: count }, routing: [{ to: tell }] }
  tell: { message.send: { text: "{{clear.found}}" }, routing: out }
`,
  });
  expect(await texts("hi")).toEqual(["0 false  -", "7 1"]);
  expect(await texts("hi")).toEqual(["7 true 7 -", "7 1"]);
  expect(await texts("x", { session: "other" })).toEqual(["0 false  -", "7 1"]);
  expect(await texts("x", { choice: { flow: "clear" } })).toEqual(["true"]);
  expect(await texts("x", { choice: { flow: "clear" } })).toEqual(["false"]);
});

test("a loop without a wait ends at the budget", async () => {
  const { say, errors } = await open(
    {
      default: `
nodes:
  a: { var.set: { name: x, value: 1 }, routing: [{ on: error, to: a }, { to: b }] }
  b: { var.set: { name: x, value: 2 }, routing: [{ to: a }] }
`,
    },
    { defaults: { maxNodes: 50 } },
  );
  expect(await say("hi")).toMatchObject({ status: "error", error: { code: "RUNNER_BUDGET_EXCEEDED" } });
  expect(errors).toEqual([]);
});

test("flows that call each other for ever end at the depth", async () => {
  const { say } = await open({
    default: `
nodes:
  again: { flow.call: { flow: default }, routing: out }
`,
  });
  expect(await say("hi")).toMatchObject({ status: "error", error: { code: "RUNNER_CALL_TOO_DEEP" } });
});

test("public nodes reply: emit, reply routing, component operations", async () => {
  const { texts } = await open(
    {
      default: `
start: echo
nodes:
  echo: { shop.echo: { text: "{{in.input.text}}" }, routing: [{ to: say }] }
  say: { emit.response: { messages: [{ text: "{{echo.text}}!" }, { type: adaptive_card, card: { type: AdaptiveCard, body: [] } }] }, routing: [{ to: quiet }] }
  quiet: { emit.log: { level: warn, message: "seen" }, routing: [{ to: last }] }
  last: { component.exec: { component: shop, operation: last, input: { text: bye } }, routing: reply }
`,
    },
    {
      components: { shop: "" },
      component: (_ctx, call) => ({ text: `${call.operation} ${JSON.stringify(call.input)}` }),
    },
  );
  expect(await texts("hi")).toEqual(['echo {"text":"hi"}!', undefined, 'last {"text":"bye"}']);
});

test("a component's own failure, status and jump are understood", async () => {
  const { texts } = await open(
    {
      default: `
start: call
nodes:
  call:
    component.exec: { component: shop, operation: "{{in.text}}", input: {} }
    routing: [{ on: error, to: failed }, { status: sold, to: sold }, { to: plain }]
  failed: { message.send: { text: "failed {{call.error.code}}" }, routing: out }
  sold: { message.send: { text: "sold" }, routing: out }
  plain: { message.send: { text: "plain" }, routing: out }
  jumped: { message.send: { text: "jumped" }, routing: out }
`,
    },
    {
      components: { shop: "" },
      component: (_ctx, { operation }) => {
        if (operation === "fail") return Promise.resolve(failing("NO_STOCK", false));
        if (operation === "own") return { ok: false, error: { code: "OWN", message: "no" } };
        if (operation === "sell") return { status: "sold" };
        if (operation === "jump") return { greentic_control: { v: 1, action: "jump", node: "jumped" } };
        return {};
      },
    },
  );
  expect(await texts("fail")).toEqual(["failed NO_STOCK"]);
  expect(await texts("own")).toEqual(["failed OWN"]);
  expect(await texts("sell")).toEqual(["sold"]);
  expect(await texts("jump")).toEqual(["jumped"]);
  expect(await texts("else")).toEqual(["plain"]);
});

test("a node that takes too long times out and may be retried", async () => {
  let calls = 0;
  const { say, world } = await open(
    {
      default: `
start: slow
nodes:
  slow:
    component.exec: { component: shop, operation: slow, input: {} }
    timeout_ms: 1000
    retry: { max_attempts: 2, base_delay_ms: 100 }
    routing: [{ on: timeout, to: late }, { to: fine }]
  late: { message.send: { text: "late" }, routing: out }
  fine: { message.send: { text: "fine" }, routing: out }
`,
    },
    {
      components: { shop: "" },
      component: () => {
        calls++;
        return new Promise(() => undefined);
      },
    },
  );
  const answer = say("hi");
  await world.advance(3_000);
  expect((await answer).reply[0]?.text).toBe("late");
  expect(calls).toBe(2);
});

test("snapshots keep what can still be read and nothing of past turns", async () => {
  const { texts, store } = await open({
    default: `
start: big
nodes:
  big: { template.render: { template: "{{in.text}} 0123456789012345678901234567890123456789" }, routing: [{ to: small }] }
  small: { template.render: { template: "{{in.text}}" }, routing: [{ to: ask }] }
  ask: { qa: { questions: [{ id: a, prompt: "{{big.text}}?" }] }, routing: [{ to: tell }] }
  tell: { message.send: { text: "{{small.text}}" }, routing: [{ to: loop }] }
  loop: { session.wait: { reason: more }, routing: [{ to: ask2 }] }
  ask2: { qa: { questions: [{ id: b, prompt: "again?" }] }, routing: [{ to: loop }] }
`,
  });
  await texts("hi");
  const snapshot = async (): Promise<string> => JSON.stringify((await store.list({}))[0]?.session?.snapshot);
  expect(await snapshot()).toContain('"small"');
  await texts("x");
  await texts("x");
  const early = await snapshot();
  expect(early).not.toContain("small");
  for (let i = 0; i < 20; i++) await texts("x");
  expect((await snapshot()).length).toBe(early.length);
});

test("a public card node shows its card, waits for the submission and keeps its answers", async () => {
  const { say, texts } = await open(
    {
      default: `
start: main
nodes:
  main:
    component.exec: { component: adaptive-card, operation: card, input: { card_source: asset, card_spec: { asset_path: cards/main.json } } }
    routing:
      - { condition: 'response.action == "go"', to: done }
  done: { emit.response: { text: "{{node.main.answers.name}} went" }, routing: out }
`,
    },
    {
      components: { "adaptive-card": "" },
      assets: { "cards/main.json": '{"type":"AdaptiveCard","body":[]}', "i18n/en.json": '{"k":"v"}' },
      component: (_ctx, { input }) => {
        const { card_spec: spec } = input as { card_spec: { inline_json: JsonValue; i18n_inline: JsonValue } };
        expect(spec.i18n_inline).toEqual({ en: { k: "v" } });
        return { renderedCard: spec.inline_json };
      },
    },
  );
  expect(await say("hi")).toMatchObject({
    status: "waiting",
    reply: [{ extensions: { adaptive_card: { type: "AdaptiveCard", body: [] } } }],
  });
  expect(await texts({ action: "other" })).toEqual([]);
  expect(await texts({ action: "go", name: "Ada" })).toEqual(["Ada went"]);
});

test("a button whose value was too long for its channel still means it", async () => {
  const long = "x".repeat(100);
  const pack = await makePack({
    flows: {
      default: `
id: default
type: messaging
nodes:
  ask: { qa: { questions: [{ id: a, prompt: "A?", type: choice, choices: [{ value: "${long}", title: Long }, { value: b, title: B }] }] }, routing: [{ to: tell }] }
  tell: { message.send: { text: "{{ask.answers.a}}" }, routing: out }
`,
    },
  });
  const channel = {
    ...consoleChannel(),
    delivery: { kind: "send", sinkClass: "A" } as const,
    send: () => Promise.resolve({ kind: "sent" } as const),
  };
  const { say, runtime } = await openTestRuntime({ pack, providers: [channel] });
  await say("hi");
  const message = receiveConsole(channel.address, "Long", { session: "s1", id: "pressed" });
  const pressed = {
    ...message,
    envelope: { ...message.envelope, text: "?", metadata: { [CHOICE_TOKEN_KEY]: choiceToken(long) }, extensions: {} },
  };
  const report = await runtime.request(channel, pressed, { timeoutMs: 1_000 });
  expect(report.reply[0]?.text).toBe(long);
});
