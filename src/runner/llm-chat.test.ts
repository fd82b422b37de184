import { expect, onTestFinished, test } from "vitest";
import type { ChatBody, ChatStandIn, Said } from "../../test/stand-ins/chat-completions.ts";
import { startChatStandIn } from "../../test/stand-ins/chat-completions.ts";
import { verifies } from "../../test/verifies.ts";
import type { LlmModelConfig } from "../config/index.ts";
import { receiveConsole } from "../messaging/index.ts";
import { createSecretReader } from "../secrets/index.ts";
import { openMemoryStore } from "../session/index.ts";
import type { JsonValue } from "../types/index.ts";
import { dyingStore, Platform } from "./crash-fixture.ts";
import type { TestRuntime } from "./runtime-fixture.ts";
import { makePack, openTestRuntime, TestWorld } from "./runtime-fixture.ts";

const TOOLMAP = JSON.stringify({
  tools: [
    { name: "shop.order", component: "order", entry: "forecast" },
    {
      name: "price",
      description: "Tells a price",
      input_schema: { type: "object", properties: { item: { type: "string" } }, required: ["item"] },
      http: { url: "https://api.example.com/{item}" },
    },
    { name: "secret", component: "order", entry: "forecast" },
  ],
});

async function packOf(
  chat: object,
  { timeoutMs = 20_000, ...node }: { readonly timeoutMs?: number; readonly retry?: object } = {},
): Promise<Awaited<ReturnType<typeof makePack>>> {
  const flow = {
    id: "main",
    type: "messaging",
    on_failure: "failed",
    nodes: {
      ask: {
        "llm.chat": chat,
        timeout_ms: timeoutMs,
        ...node,
        routing: [{ status: "unavailable", to: "without" }, { on: "error", to: "failed" }, { to: "say" }],
      },
      say: { "message.send": { text: "{{json ask.result}}" }, routing: "out" },
      without: { "message.send": { text: "without: {{json ask.result}} {{ask.reason}}" }, routing: "out" },
      failed: { "message.send": { text: "{{ask.error.code}}" }, routing: "out" },
    },
  };
  // JSON is YAML.
  return makePack({
    flows: { main: JSON.stringify(flow) },
    components: { order: "" },
    assets: { "toolmap.json": TOOLMAP },
  });
}

interface Opened extends TestRuntime {
  readonly server: ChatStandIn;
  readonly called: JsonValue[];
}

function modelAt(url: string, config: Partial<LlmModelConfig> = {}): LlmModelConfig {
  return {
    name: "default",
    url,
    model: "small",
    secret: undefined,
    tenants: ["*"],
    maxOutputTokens: 100,
    timeoutMs: 10_000,
    stream: true,
    structured: "json_schema",
    maxTokensField: "max_tokens",
    tokensPerTurn: undefined,
    tokensPerDay: undefined,
    ...config,
  };
}

async function open(
  chat: object,
  said: readonly Said[] | ((body: ChatBody, count: number) => Said),
  config: Partial<LlmModelConfig> = {},
): Promise<Opened> {
  const server = await startChatStandIn((body, count) =>
    typeof said === "function" ? said(body, count) : (said[count - 1] ?? { status: 400 }),
  );
  const called: JsonValue[] = [];
  const opened = await openTestRuntime({
    pack: await packOf(chat),
    llmModels: [modelAt(server.url, config)],
    component: (_ctx, { input }) => {
      called.push(input);
      return { content: [], structured: { ordered: true, note: "{{tenant.id}}" } };
    },
  });
  onTestFinished(async () => {
    await opened[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  return { ...opened, server, called };
}

const SCHEMA = {
  type: "object",
  properties: { city: { type: "string", pattern: "^[A-Z]" }, days: { type: "integer" } },
  required: ["city"],
  additionalProperties: false,
};
const order = (text: string, name = "shop_order"): Said => ({ tools: [{ name, arguments: text }] });

test("llm.chat asks with what the node says, and what people say is no template", async () => {
  verifies("llm.data", "llm.client");
  const chat = { system: "Be brief", prompt: "Answer: {{in.text}}", messages: [{ role: "assistant", content: "Hi" }] };
  const { texts, server } = await open(chat, [{ text: "{{tenant.id}} {{session}}" }]);
  expect(await texts("who is {{tenant.id}}?")).toEqual(['"{{tenant.id}} {{session}}"']);
  expect(server.requests[0]?.messages).toEqual([
    { role: "system", content: "Be brief" },
    { role: "assistant", content: "Hi" },
    { role: "user", content: "Answer: who is {{tenant.id}}?" },
  ]);
});

test("llm.chat gives what fits its schema, after one repair", async () => {
  verifies("llm.schema");
  const { texts, server } = await open({ prompt: "x", schema: SCHEMA }, [
    { text: '{"city":"Paris","days":2}' },
    { text: '{"city":"paris"}' },
    { text: '```json\n{"city":"Paris"}\n```' },
    { text: '{"city":1}' },
    { text: "Paris" },
  ]);
  expect(await texts("a")).toEqual(['{"city":"Paris","days":2}']);
  expect(await texts("b")).toEqual(['{"city":"Paris"}']);
  const repair = server.requests[2]?.messages.slice(-2);
  expect(repair?.[0]).toEqual({ role: "assistant", content: '{"city":"paris"}' });
  expect(repair?.[1]?.content).toContain("/city doesn't match its pattern");
  expect(await texts("c")).toEqual(["LLM_OUTPUT_INVALID"]);
  expect(server.requests).toHaveLength(5);
});

test.each<[string, object, string]>([
  [
    "a schema of which a part would go unchecked",
    { prompt: "x", schema: { type: "object", if: {} } },
    "LLM_SCHEMA_INVALID",
  ],
  ["a pattern that can't be read", { prompt: "x", schema: { type: "string", pattern: "(?=a)" } }, "LLM_SCHEMA_INVALID"],
  ["a question without words", { system: "x" }, "LLM_INPUT_INVALID"],
  ["a tool that isn't there", { prompt: "x", tools: ["nothing"] }, "RUNNER_TOOL_MISSING"],
])("llm.chat refuses %s, optional or not", async (_what, chat, code) => {
  verifies("llm.schema", "llm.tools");
  const { texts } = await open({ ...chat, optional: true }, () => ({ text: '"x"' }));
  expect(await texts("a")).toEqual([code]);
});

test("llm.chat has the listed tools called, and tells the model what they said as data", async () => {
  verifies("llm.tools", "llm.data");
  const { texts, server, called } = await open({ prompt: "x", tools: ["shop.order", "price"] }, [
    {
      tools: [
        { name: "shop_order", arguments: '{"item":"tea"}' },
        { name: "price", arguments: '{"item":7}' },
      ],
    },
    {
      tools: [
        { name: "secret", arguments: "{}" },
        { name: "shop_order", arguments: "{" },
      ],
    },
    { text: "Done" },
  ]);
  expect(await texts("a")).toEqual(['"Done"']);
  expect(called).toEqual([{ item: "tea" }]);
  expect(server.requests[0]?.tools?.map((tool) => tool.function.name)).toEqual(["shop_order", "price"]);
  const told = server.requests[2]?.messages.filter(({ role }) => role === "tool").map(({ content }) => content);
  expect(told).toEqual([
    '{"ordered":true,"note":"{{tenant.id}}"}',
    expect.stringContaining("MCP_INPUT_INVALID"),
    '{"error":{"message":"no such tool"}}',
    expect.stringContaining("aren't JSON"),
  ]);
});

test("llm.chat ends a model that asks for tools for ever", async () => {
  verifies("llm.budget");
  const { texts, called } = await open({ prompt: "x", tools: ["shop.order"], max_tool_rounds: 2 }, (_body, count) =>
    order(`{"n":${count}}`),
  );
  expect(await texts("a")).toEqual(["LLM_BUDGET_EXCEEDED"]);
  expect(called).toHaveLength(2);
});

test("llm.chat ends with the node's, the turn's and the day's tokens", async () => {
  verifies("llm.budget");
  const again = (_body: ChatBody, count: number): Said => order(`{"n":${count}}`);
  const node = await open({ prompt: "x", tools: ["shop.order"], budget_tokens: 4 }, again);
  expect(await node.texts("a")).toEqual(["LLM_BUDGET_EXCEEDED"]);
  expect(node.server.requests.length).toBeLessThan(6);
  const turn = await open({ prompt: "x", tools: ["shop.order"] }, again, { tokensPerTurn: 4 });
  expect(await turn.texts("a")).toEqual(["LLM_BUDGET_EXCEEDED"]);
  expect(turn.server.requests.length).toBeLessThan(6);
  const day = await open({ prompt: "x", max_tokens: 10 }, () => ({ text: "Hi" }), { tokensPerDay: 50 });
  const answers: unknown[] = [];
  for (let n = 0; n < 30 && answers.at(-1) !== "LLM_QUOTA_EXCEEDED"; n++) answers.push(...(await day.texts("a")));
  // A question takes 1 token, its answer 1; the last one must find room for all that it might use.
  expect(answers.length).toBeGreaterThan(5);
  expect(answers.at(-1)).toBe("LLM_QUOTA_EXCEEDED");
});

test("llm.chat goes on without a model where that is optional", async () => {
  verifies("llm.optional");
  const chat = { prompt: "x", optional: true, fallback: { city: null } };
  const unknown = await open({ ...chat, model: "big" }, []);
  expect(await unknown.texts("a")).toEqual(['without: {"city":null} LLM_MODEL_UNKNOWN']);
  const denied = await open(chat, [], { tenants: ["other"] });
  expect(await denied.texts("a")).toEqual(['without: {"city":null} LLM_MODEL_DENIED']);
  const refusing = await open(chat, [{ refusal: "no" }, { status: 401 }]);
  expect(await refusing.texts("a")).toEqual(['without: {"city":null} LLM_REFUSED']);
  expect(await refusing.texts("b")).toEqual(['without: {"city":null} LLM_UNAUTHORIZED']);
  const needed = await open({ prompt: "x", model: "big" }, []);
  expect(await needed.texts("a")).toEqual(["LLM_MODEL_UNKNOWN"]);
});

test("llm.chat hears of a silent model before its own time is over", async () => {
  verifies("llm.optional", "llm.budget");
  const server = await startChatStandIn(() => ({ silent: true }));
  onTestFinished(() => server[Symbol.asyncDispose]());
  await using runtime = await openTestRuntime({
    pack: await packOf({ prompt: "x", optional: true }, { timeoutMs: 300, retry: { max_attempts: 1 } }),
    llmModels: [modelAt(server.url)],
  });
  expect(await runtime.texts("a")).toEqual(["without: null LLM_UNAVAILABLE"]);
  await expect.poll(() => server.left()).toBe(1);
});

test("llm.chat reads a model's key from the tenant's secrets, or from the operator's address", async () => {
  verifies("llm.operator");
  const server = await startChatStandIn(() => ({ text: "Hi" }), { key: "k" });
  onTestFinished(() => server[Symbol.asyncDispose]());
  for (const [secret, uri] of [
    ["openai", "secrets://test/acme/_/llm/openai"],
    ["secrets://test/ops/_/llm/openai", "secrets://test/ops/_/llm/openai"],
  ] as const) {
    const asked: string[] = [];
    const secrets = createSecretReader([
      {
        read: async ({ env, tenant, team, category, name }) => {
          asked.push(`secrets://${env}/${tenant}/${team}/${category}/${name}`);
          return asked.at(-1) === uri ? "k" : undefined;
        },
      },
    ]);
    await using runtime = await openTestRuntime({
      pack: await packOf({ prompt: "x" }),
      llmModels: [modelAt(server.url, { secret })],
      secrets,
    });
    expect(await runtime.texts("a")).toEqual(['"Hi"']);
    expect(asked).toEqual([uri]);
  }
  await expect(packNamed("llm")).rejects.toMatchObject({ code: "RUNNER_PACK_NAME_RESERVED" });
});

async function packNamed(name: string): Promise<unknown> {
  const pack = await makePack({
    name,
    flows: { main: "id: main\ntype: messaging\nnodes:\n  a: { session.wait: {} }\n" },
  });
  return openTestRuntime({ pack });
}

test("llm.chat tells observers figures and names, and nothing that was said", async () => {
  verifies("llm.telemetry", "security.pii");
  const { texts, events } = await open({ prompt: "PROMPT {{in.text}}", tools: ["shop.order"] }, [
    order('{"arg":"ARGUMENT"}'),
    { text: "ANSWER" },
  ]);
  await texts("SAID");
  const told = events.filter(({ kind }) => kind === "model.ended");
  expect(told).toMatchObject([
    {
      name: "default",
      requestModel: "small",
      responseModel: "small-2026",
      finishReason: "tool_calls",
      outcome: "ok",
      node: "ask",
    },
    {
      finishReason: "stop",
      inputTokens: expect.any(Number),
      outputTokens: 1,
      firstChunkMs: expect.any(Number),
      maxTokens: 100,
    },
  ]);
  expect(JSON.stringify(events)).not.toMatch(/PROMPT|SAID|ARGUMENT|ANSWER|ordered/);
});

test("llm.chat leaves a replay one effect, whatever its parts were", async () => {
  verifies("llm.journal");
  const server = await startChatStandIn(({ messages }) =>
    messages.at(-1)?.role === "tool" ? { text: "Done" } : order('{"item":"tea"}'),
  );
  onTestFinished(() => server[Symbol.asyncDispose]());
  await using runtime = await openTestRuntime({
    pack: await packOf({ prompt: "x", tools: ["shop.order"] }),
    llmModels: [modelAt(server.url)],
    component: () => ({ ordered: true }),
    journal: "replay",
  });
  expect(await runtime.texts("a")).toEqual(['"Done"']);
  const [session] = await runtime.store.list({});
  const journal = session === undefined ? [] : await runtime.store.readJournal(session.key, { limit: 9 });
  const text = JSON.stringify(journal);
  expect(text).toContain('"main/ask"');
  expect(text).not.toContain("main/ask#");
});

const DEATHS = [1, 2, 3, 4, 5].flatMap((at) => (["before", "after"] as const).map((when) => ({ at, when })));

test.each(DEATHS)("llm.chat repeats no tool when its process dies $when record $at", async ({ at, when }) => {
  verifies("llm.journal");
  const server = await startChatStandIn(({ messages }) =>
    messages.at(-1)?.role === "tool" ? { text: "Done" } : order('{"item":"tea"}'),
  );
  onTestFinished(() => server[Symbol.asyncDispose]());
  const pack = await packOf({ prompt: "x", tools: ["shop.order"] });
  const world = new TestWorld();
  const inner = openMemoryStore(world);
  const dying = dyingStore(inner, { at, when, of: ["record"] });
  const platform = new Platform();
  const keys: (string | undefined)[] = [];
  const options = {
    pack,
    world,
    providers: [platform.channel],
    llmModels: [modelAt(server.url)],
    component: (ctx: { readonly idempotencyKey?: string }): JsonValue => {
      keys.push(ctx.idempotencyKey);
      return { ordered: true };
    },
  };
  const first = await openTestRuntime({ ...options, store: dying.store });
  await first.runtime.accept(
    platform.channel,
    receiveConsole(platform.channel.address, { text: "a" }, { session: "chat", id: "m1" }),
  );
  await expect.poll(() => dying.isDead(), { timeout: 10_000 }).toBe(true);
  await using second = await openTestRuntime({ ...options, store: inner });
  await expect
    .poll(async () => (await world.advance(5_000), platform.delivered.size), { timeout: 10_000, interval: 5 })
    .toBe(1);
  // Died between the beginning and the end of the tool: nobody knows, so it isn't done again.
  const isDoubtful = (at === 2 && when === "after") || (at === 3 && when === "before");
  expect([...platform.delivered.values()]).toEqual([isDoubtful ? "RUNNER_EFFECT_DOUBTFUL" : '"Done"']);
  expect(keys).toHaveLength(at === 2 && when === "after" ? 0 : 1);
  // What was told isn't asked again.
  const asked = server.requests.filter(({ messages }) => messages.at(-1)?.role !== "tool").length;
  expect(asked).toBe(at === 1 && when === "before" ? 2 : 1);
  expect(second.errors).toEqual([]);
});
