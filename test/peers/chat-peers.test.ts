/** Chat completions of other people: a server that our client asks, and a client that asks the server of our tests. */
import { randomBytes } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import type { LlmModelConfig } from "../../src/config/index.ts";
import { openHttp } from "../../src/http/index.ts";
import type { ChatAnswer, ChatRequest } from "../../src/llm/chat.ts";
import { Models } from "../../src/llm/index.ts";
import type { TenantCtx } from "../../src/types/index.ts";
import { envId, teamId, tenantId } from "../../src/types/index.ts";
import type { Said } from "../stand-ins/chat-completions.ts";
import { startChatStandIn } from "../stand-ins/chat-completions.ts";
import { verifies } from "../verifies.ts";
import { hasPeer, loadPeer } from "./load-peer.ts";

const SERVER = "@copilotkit/aimock";
const CLIENT = "@ai-sdk/openai-compatible";
if (!hasPeer(SERVER) || !hasPeer(CLIENT))
  process.stderr.write("chat peers: 6 skipped, npm run peers has not been run\n");

/** The parts of the server that this uses. */
interface Mock {
  readonly url: string;
  start(): Promise<unknown>;
  stop(): Promise<unknown>;
  onMessage(pattern: RegExp, answer: object, options?: object): this;
  nextRequestError(status: number, body?: object): void;
  getRequests(): readonly { readonly body: unknown }[];
}

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
  messages: [{ role: "user", content: "Say hello" }],
  tools: [],
  schema: undefined,
  maxTokens: 50,
  temperature: 0,
};

async function startMock(): Promise<Mock> {
  const { LLMock } = loadPeer(SERVER) as { readonly LLMock: new (options: object) => Mock };
  const mock = new LLMock({ port: 0, host: "127.0.0.1" });
  await mock.start();
  onTestFinished(() => mock.stop().then(() => undefined));
  return mock;
}

function ask(mock: Mock, stream: boolean, request: Partial<ChatRequest> = {}): Promise<ChatAnswer> {
  const model: LlmModelConfig = {
    name: "default",
    url: `${mock.url}/v1`,
    model: "small",
    secret: undefined,
    tenants: ["acme"],
    maxOutputTokens: 100,
    timeoutMs: 5_000,
    stream,
    structured: "json_schema",
    maxTokensField: "max_tokens",
    tokensPerTurn: undefined,
    tokensPerDay: undefined,
  };
  const world = {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    randomBytes: (size: number) => randomBytes(size),
    // Whoever is told to come again later does so at once.
    schedule: (_delayMs: number, task: () => void) => {
      task();
      return () => undefined;
    },
  };
  const models = new Models({
    models: [model],
    world,
    open: (head, signal) => openHttp(head, { privateAddresses: ["127.0.0.0/8"], signal }),
    secret: async () => "test-key",
    takeTokens: async () => 0,
  });
  const limits = { signal: new AbortController().signal, deadlineMs: Date.now() + 60_000, maxRetries: 1 };
  return models.ask(ctx, {
    model,
    request: { ...REQUEST, ...request },
    limits: { ...limits, onAttempt: () => undefined },
  });
}

describe.skipIf(!hasPeer(SERVER))("a server of others, asked by our client", () => {
  test.each([true, false])("answers with texts, tools and what fits a schema (stream: %s)", async (stream) => {
    verifies("llm.client", "llm.schema");
    const mock = await startMock();
    mock.onMessage(/hello/, { content: "Hello, Zoë 🌤, and a few words more so that there are several parts" });
    mock.onMessage(/weather/, {
      toolCalls: [
        { name: "weather", arguments: '{"city":"Paris"}' },
        { name: "weather", arguments: '{"city":"Rome"}' },
      ],
    });
    mock.onMessage(/where/, { content: '{"city":"Paris"}' });
    const said = (content: string): Partial<ChatRequest> => ({ messages: [{ role: "user", content }] });
    expect(await ask(mock, stream)).toMatchObject({
      text: "Hello, Zoë 🌤, and a few words more so that there are several parts",
      toolCalls: [],
      finishReason: "stop",
    });
    const tools = [{ name: "weather", description: "W", parameters: { type: "object" } }];
    const { toolCalls, finishReason } = await ask(mock, stream, { ...said("weather"), tools });
    expect([finishReason, toolCalls.map(({ argumentsText }) => JSON.parse(argumentsText) as unknown)]).toEqual([
      "tool_calls",
      [{ city: "Paris" }, { city: "Rome" }],
    ]);
    expect(new Set(toolCalls.map(({ id }) => id)).size).toBe(2);
    const { text } = await ask(mock, stream, { ...said("where"), schema: { type: "object" } });
    expect(JSON.parse(text)).toEqual({ city: "Paris" });
    expect(mock.getRequests().at(-1)?.body).toMatchObject({ response_format: { type: "json_schema" } });
  });

  test("is asked again where it has too much to do, and not where it refuses", async () => {
    verifies("llm.faults");
    const mock = await startMock();
    mock.onMessage(/hello/, { content: "Hello" });
    mock.nextRequestError(429, { message: "slow down", type: "rate_limit_error" });
    expect((await ask(mock, true)).text).toBe("Hello");
    mock.nextRequestError(401, { message: "no", type: "authentication_error" });
    await expect(ask(mock, true)).rejects.toMatchObject({ code: "LLM_UNAUTHORIZED" });
    expect(mock.getRequests()).toHaveLength(3);
  });

  test("that leaves in the middle of its answer is a failure, never half an answer", async () => {
    verifies("llm.faults");
    const mock = await startMock();
    mock.onMessage(/hello/, { content: "a long answer ".repeat(50) }, { chunkSize: 10, truncateAfterChunks: 3 });
    await expect(ask(mock, true)).rejects.toMatchObject({ code: expect.stringMatching(/^LLM_/) });
  });
});

/** The parts of the client that this uses, by its own interface of language models. */
interface LanguageModel {
  doGenerate(options: object): Promise<{
    readonly content: readonly object[];
    readonly finishReason: unknown;
    readonly usage: unknown;
  }>;
  doStream(
    options: object,
  ): Promise<{ readonly stream: ReadableStream<{ readonly type: string; readonly delta?: string }> }>;
}

describe.skipIf(!hasPeer(CLIENT))("the AI SDK's client, at the server of our tests", () => {
  const open = (url: string): LanguageModel => {
    const { createOpenAICompatible } = loadPeer(CLIENT) as {
      readonly createOpenAICompatible: (options: object) => (model: string) => LanguageModel;
    };
    return createOpenAICompatible({ name: "own", baseURL: url, apiKey: "test-key", includeUsage: true })("small");
  };
  const prompt = [{ role: "user", content: [{ type: "text", text: "Say hello" }] }];
  const tools = [{ type: "function", name: "weather", description: "W", inputSchema: { type: "object" } }];

  test.each<[string, Said, object]>([
    ["a text", { text: "Hello, Zoë" }, { type: "text", text: "Hello, Zoë" }],
    [
      "a tool's call",
      { tools: [{ name: "weather", arguments: '{"city":"Paris"}' }] },
      { type: "tool-call", toolName: "weather", input: '{"city":"Paris"}' },
    ],
  ])("reads %s, whole and as a stream", async (_what, said, expected) => {
    verifies("llm.client");
    await using server = await startChatStandIn(() => said, { key: "test-key" });
    const model = open(server.url);
    const { content } = await model.doGenerate({ prompt, tools });
    expect(content).toMatchObject([expected]);
    const { stream } = await model.doStream({ prompt, tools });
    const parts: { readonly type: string; readonly delta?: string }[] = [];
    for await (const part of stream) parts.push(part);
    const text = parts.filter(({ type }) => type === "text-delta").map(({ delta }) => delta);
    if ("text" in said) expect(text.join("")).toBe(said.text);
    else expect(parts).toContainEqual(expect.objectContaining(expected));
    expect(parts.map(({ type }) => type)).not.toContain("error");
  });
});
