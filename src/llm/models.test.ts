import { randomBytes } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import type { ChatStandIn, Said } from "../../test/stand-ins/chat-completions.ts";
import { startChatStandIn } from "../../test/stand-ins/chat-completions.ts";
import { verifies } from "../../test/verifies.ts";
import type { LlmModelConfig } from "../config/index.ts";
import { openHttp } from "../http/index.ts";
import type { TenantCtx, World } from "../types/index.ts";
import { envId, teamId, tenantId } from "../types/index.ts";
import type { ChatAnswer, ChatRequest } from "./chat.ts";
import type { ModelAttempt, ModelsOptions } from "./models.ts";
import { Models } from "./models.ts";

const ctx: TenantCtx = {
  env: envId("test"),
  tenant: tenantId("acme"),
  team: teamId("default"),
  traceId: "t",
  correlationId: "t",
  attempt: 1,
  locale: "en",
};
const REQUEST: ChatRequest = {
  messages: [{ role: "user", content: "Say hello to Zoë" }],
  tools: [],
  schema: undefined,
  maxTokens: 50,
  temperature: 0.5,
};

interface Opened {
  readonly server: ChatStandIn;
  readonly models: Models;
  readonly waits: readonly number[];
  readonly attempts: ModelAttempt[];
  readonly ask: (
    how?: Partial<ChatRequest> & { readonly maxRetries?: number; readonly signal?: AbortSignal },
  ) => Promise<ChatAnswer>;
}

/** Models over the stand-in, in a world where waits take no time. */
async function open(
  said: Said | readonly Said[] | ((count: number) => Said),
  config: Partial<LlmModelConfig> = {},
  options: Partial<ModelsOptions> = {},
): Promise<Opened> {
  const list: readonly Said[] = Array.isArray(said) ? (said as readonly Said[]) : [];
  const server = await startChatStandIn((_body, count) =>
    typeof said === "function" ? said(count) : (list[count - 1] ?? (said as Said)),
  );
  onTestFinished(() => server[Symbol.asyncDispose]());
  const waits: number[] = [];
  let nowMs = Date.parse("2026-03-05T10:00:00Z");
  const world: World = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    randomBytes: (size) => randomBytes(size),
    schedule: (delayMs, task) => {
      waits.push(delayMs);
      nowMs += delayMs;
      task();
      return () => undefined;
    },
  };
  const model: LlmModelConfig = {
    name: "default",
    url: server.url,
    model: "small",
    secret: undefined,
    tenants: ["acme"],
    maxOutputTokens: 100,
    timeoutMs: 5_000,
    stream: true,
    structured: "json_schema",
    maxTokensField: "max_tokens",
    tokensPerTurn: undefined,
    tokensPerDay: undefined,
    ...config,
  };
  const models = new Models({
    models: [model],
    world,
    open: (request, signal) => openHttp(request, { privateAddresses: ["127.0.0.0/8"], signal }),
    secret: async () => "test-key",
    takeTokens: async () => 0,
    ...options,
  });
  const attempts: ModelAttempt[] = [];
  return {
    server,
    models,
    waits,
    attempts,
    ask: ({ maxRetries = 2, signal = new AbortController().signal, ...request } = {}) =>
      models.ask(ctx, {
        model,
        request: { ...REQUEST, ...request },
        limits: {
          signal,
          deadlineMs: nowMs + 60_000,
          maxRetries,
          onAttempt: (attempt) => void attempts.push(attempt),
        },
      }),
  };
}

test.each([true, false])("Models asks as the protocol says and reads the answer (stream: %s)", async (stream) => {
  verifies("llm.client");
  const { ask, server, attempts } = await open({ text: "Hello, Zoë 🌤" }, { stream });
  expect(await ask()).toMatchObject({
    text: "Hello, Zoë 🌤",
    toolCalls: [],
    finishReason: "stop",
    model: "small-2026",
    usage: { inputTokens: 4, outputTokens: 3 },
  });
  expect(server.requests).toEqual([
    {
      model: "small",
      messages: [{ role: "user", content: "Say hello to Zoë" }],
      max_tokens: 50,
      temperature: 0.5,
      ...(stream && { stream: true, stream_options: { include_usage: true } }),
    },
  ]);
  expect(attempts).toMatchObject([{ answer: { finishReason: "stop" }, maxTokens: 50 }]);
  expect(attempts[0]?.answer?.firstChunkMs !== undefined).toBe(stream);
});

test.each([true, false])(
  "Models reads the tools that are asked for and sends what they said (stream: %s)",
  async (stream) => {
    verifies("llm.client");
    const { ask, server } = await open(
      {
        tools: [
          { name: "a", arguments: '{"x":"a long one"}' },
          { name: "b", arguments: "{}" },
        ],
      },
      { stream, maxTokensField: "max_completion_tokens" },
    );
    const tools = [{ name: "a", description: "A", parameters: { type: "object" } }];
    const { toolCalls, finishReason } = await ask({ tools });
    expect({ toolCalls, finishReason }).toEqual({
      toolCalls: [
        { id: "call_0", name: "a", argumentsText: '{"x":"a long one"}' },
        { id: "call_1", name: "b", argumentsText: "{}" },
      ],
      finishReason: "tool_calls",
    });
    await ask({
      messages: [
        ...REQUEST.messages,
        { role: "assistant", content: "", toolCalls },
        { role: "tool", callId: "call_0", content: "1" },
        { role: "tool", callId: "call_1", content: "2" },
      ],
    });
    expect(server.requests[1]).toMatchObject({ max_completion_tokens: 50, messages: [{}, { content: null }, {}, {}] });
    expect(server.requests[0]?.tools).toEqual([
      { type: "function", function: { name: "a", description: "A", parameters: { type: "object" } } },
    ]);
  },
);

test.each([
  ["json_schema", { type: "json_schema", json_schema: { name: "answer", schema: { type: "object" } } }],
  ["json_object", { type: "json_object" }],
  ["prompt", undefined],
] as const)("Models tells of a schema by %s", async (structured, format) => {
  verifies("llm.schema");
  const { ask, server } = await open({ text: "{}" }, { structured });
  await ask({ schema: { type: "object" } });
  expect(server.requests[0]?.response_format).toEqual(format);
  const inWords = server.requests[0]?.messages.some(({ content }) => content?.includes('{"type":"object"}') === true);
  expect(inWords).toBe(structured !== "json_schema");
});

test.each<[string, Said, string]>([
  ["a bad key", { status: 401 }, "LLM_UNAUTHORIZED"],
  ["an account without credit", { status: 429, code: "insufficient_quota" }, "LLM_UNAUTHORIZED"],
  ["a request that is refused", { status: 404 }, "LLM_REQUEST_REFUSED"],
  ["too long a conversation", { status: 400, code: "context_length_exceeded" }, "LLM_CONTEXT_TOO_LONG"],
  ["a filter", { status: 400, code: "content_filter" }, "LLM_REFUSED"],
  ["a refusal", { refusal: "I won't" }, "LLM_REFUSED"],
  ["an answer that is filtered", { text: "Hel", finish: "content_filter" }, "LLM_REFUSED"],
  ["a stream that isn't one", { raw: 'data: {"choices":\n\n' }, "LLM_ANSWER_INVALID"],
  ["a stream of something else", { raw: "data: [1]\n\n" }, "LLM_ANSWER_INVALID"],
  [
    "more tool calls than there may be",
    { raw: 'data: {"choices":[{"delta":{"tool_calls":[{"index":32}]}}]}\n\n' },
    "LLM_ANSWER_INVALID",
  ],
])("Models gives up at once on %s", async (_what, said, code) => {
  verifies("llm.faults");
  const { ask, server, attempts } = await open(said);
  await expect(ask()).rejects.toMatchObject({ code });
  expect(server.requests).toHaveLength(1);
  expect(attempts).toMatchObject([{ errorCode: code }]);
});

test.each<[string, Said, string]>([
  ["a server that fails", { status: 500 }, "LLM_UNAVAILABLE"],
  ["a limit", { status: 429 }, "LLM_RATE_LIMITED"],
  ["a stream that is cut", { cut: "Hel" }, "LLM_UNAVAILABLE"],
  ["a stream that ends early", { raw: 'data: {"choices":[{"delta":{"content":"Hel"}}]}\n\n' }, "LLM_UNAVAILABLE"],
  ["a failure in a stream", { raw: 'data: {"error":{"message":"no"}}\n\n' }, "LLM_UNAVAILABLE"],
])("Models tries %s again, and then gives up", async (_what, said, code) => {
  verifies("llm.faults");
  const passing = await open([said, { text: "Hello" }]);
  expect((await passing.ask()).text).toBe("Hello");
  const lasting = await open(said);
  await expect(lasting.ask({ maxRetries: 1 })).rejects.toMatchObject({ code });
  expect(lasting.server.requests).toHaveLength(2);
});

test("Models waits as long as the server asks, and not where the time is over before", async () => {
  verifies("llm.faults");
  const { ask, waits } = await open([
    { status: 429, headers: { "retry-after": "7" } },
    { status: 503, headers: { "retry-after": "Thu, 05 Mar 2026 10:00:20 GMT" } },
    { text: "Hello" },
  ]);
  await ask();
  expect(waits).toEqual([7_000, 13_000]);
  const late = await open({ status: 429, headers: { "retry-after": "61" } });
  await expect(late.ask()).rejects.toMatchObject({ code: "LLM_RATE_LIMITED", retryAfterMs: 61_000 });
  expect(late.server.requests).toHaveLength(1);
});

test("Models ends what takes too long, and closes what nobody waits for", async () => {
  verifies("llm.faults");
  const slow = await open({ silent: true }, { timeoutMs: 100 });
  await expect(slow.ask({ maxRetries: 0 })).rejects.toMatchObject({ code: "LLM_UNAVAILABLE" });
  await expect.poll(() => slow.server.left()).toBe(1);
  const { ask, server } = await open({ silent: true });
  const abort = new AbortController();
  const asked = ask({ signal: abort.signal });
  asked.catch(() => undefined);
  await expect.poll(() => server.requests.length).toBe(1);
  abort.abort();
  await expect(asked).rejects.toMatchObject({ code: "LLM_UNAVAILABLE" });
  await expect.poll(() => server.left()).toBe(1);
});

test("Models knows no others than the operator's, lends them to their tenants, and wants their keys", async () => {
  verifies("llm.operator");
  const { models } = await open({ text: "x" });
  expect(models.find(ctx, "default").model).toBe("small");
  expect(() => models.find(ctx, "defualt")).toThrow(expect.objectContaining({ code: "LLM_MODEL_UNKNOWN" }));
  const other = { ...ctx, tenant: tenantId("other") };
  expect(() => models.find(other, "default")).toThrow(expect.objectContaining({ code: "LLM_MODEL_DENIED" }));
  const keyless = await open({ text: "x" }, { secret: "openai" }, { secret: async () => undefined });
  await expect(keyless.ask()).rejects.toMatchObject({ code: "LLM_SECRET_MISSING" });
  expect(keyless.server.requests).toEqual([]);
});

test("Models takes a tenant's tokens of the day before it asks and gives back what wasn't used", async () => {
  verifies("llm.budget");
  let left = 200;
  const buckets = new Set<string>();
  const takeTokens: ModelsOptions["takeTokens"] = async (bucket, rate, tokens) => {
    buckets.add(`${bucket} ${rate.capacity}`);
    if (tokens > left) return 5_000;
    left -= tokens;
    return 0;
  };
  const { ask, server } = await open([{ text: "Hello there" }, { status: 400 }], { tokensPerDay: 200 }, { takeTokens });
  await ask();
  expect(left).toBe(200 - 4 - 2);
  await expect(ask()).rejects.toMatchObject({ code: "LLM_REQUEST_REFUSED" });
  expect(left).toBe(200 - 4 - 2);
  left = 60;
  await expect(ask()).rejects.toMatchObject({ code: "LLM_QUOTA_EXCEEDED", retryAfterMs: 5_000 });
  await expect(ask({ maxTokens: 200 })).rejects.toMatchObject({ code: "LLM_QUOTA_EXCEEDED" });
  expect(server.requests).toHaveLength(2);
  expect([...buckets]).toEqual(["llm:test:acme:default 200"]);
});
