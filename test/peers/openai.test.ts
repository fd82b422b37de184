/** OpenAI's own client against the server that stands in for it: what our client is tested with, theirs reads the same way. */
import { describe, expect, test } from "vitest";
import type { Said } from "../stand-ins/chat-completions.ts";
import { startChatStandIn } from "../stand-ins/chat-completions.ts";
import { verifies } from "../verifies.ts";
import { hasPeers, loadPeer } from "./load-peer.ts";

if (!hasPeers) process.stderr.write("openai: 4 skipped, npm run peers has not been run\n");

interface Completion {
  readonly choices: readonly {
    readonly message: {
      readonly content: string | null;
      readonly refusal: string | null;
      readonly tool_calls?: readonly { readonly function: { readonly name: string; readonly arguments: string } }[];
      readonly parsed?: unknown;
    };
    readonly finish_reason: string;
  }[];
  readonly usage?: { readonly total_tokens: number };
}

/** The parts of the client that this uses. */
interface OpenAi {
  readonly chat: {
    readonly completions: {
      create(body: object): Promise<Completion>;
      parse(body: object): Promise<Completion>;
      stream(body: object): { finalChatCompletion(): Promise<Completion> };
    };
  };
}

function open(url: string, key = "test-key"): OpenAi {
  const { OpenAI } = loadPeer("openai") as { readonly OpenAI: new (options: object) => OpenAi };
  return new OpenAI({ baseURL: url, apiKey: key, maxRetries: 1 });
}

const messages = [{ role: "user", content: "Say hello" }];
const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }];

describe.skipIf(!hasPeers)("OpenAI's client", () => {
  test.each<[string, Said, Completion["choices"][0]]>([
    [
      "a text",
      { text: "Hello, Zoë, you there" },
      { message: { content: "Hello, Zoë, you there", refusal: null }, finish_reason: "stop" },
    ],
    [
      "tool calls",
      {
        tools: [
          { name: "weather", arguments: '{"city":"Paris"}' },
          { name: "weather", arguments: '{"city":"Rome"}' },
        ],
      },
      {
        message: {
          content: null,
          refusal: null,
          tool_calls: [
            { function: { name: "weather", arguments: '{"city":"Paris"}' } },
            { function: { name: "weather", arguments: '{"city":"Rome"}' } },
          ],
        },
        finish_reason: "tool_calls",
      },
    ],
    ["a refusal", { refusal: "I won't" }, { message: { content: null, refusal: "I won't" }, finish_reason: "stop" }],
  ])("reads %s, whole and as a stream", async (_what, said, expected) => {
    verifies("llm.client");
    await using server = await startChatStandIn(() => said, { key: "test-key" });
    const { completions } = open(server.url).chat;
    const asked = { model: "small", messages, tools };
    const whole = await completions.create(asked);
    const streamed = await completions
      .stream({ ...asked, stream_options: { include_usage: true } })
      .finalChatCompletion();
    expect(whole.choices[0]).toMatchObject(expected);
    const { content } = expected.message;
    // The client makes an empty text of a first part without one.
    const message = {
      ...expected.message,
      content: content ?? expect.toSatisfy((text) => text === null || text === ""),
    };
    expect(streamed.choices[0]).toMatchObject({ ...expected, message });
    expect(streamed.usage).toEqual(whole.usage);
  });

  test("is refused, told to wait and cut off as by the real server", async () => {
    const said: Said[] = [
      { status: 429, headers: { "retry-after-ms": "1" } },
      { text: '{"city":"Paris"}' },
      { status: 500, headers: { "retry-after-ms": "1" } },
      { status: 500 },
      { status: 400, code: "context_length_exceeded" },
      { cut: "Hel" },
    ];
    await using server = await startChatStandIn((_body, count) => said[count - 1] ?? { status: 500 }, {
      key: "test-key",
    });
    const { completions } = open(server.url).chat;
    const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
    const format = { type: "json_schema", json_schema: { name: "answer", schema } };
    const parsed = await completions.parse({ model: "small", messages, response_format: format });
    expect(parsed.choices[0]?.message.parsed ?? JSON.parse(parsed.choices[0]?.message.content ?? "")).toEqual({
      city: "Paris",
    });
    await expect(completions.create({ model: "small", messages })).rejects.toMatchObject({ status: 500 });
    await expect(completions.create({ model: "small", messages })).rejects.toMatchObject({
      code: "context_length_exceeded",
    });
    await expect(completions.stream({ model: "small", messages }).finalChatCompletion()).rejects.toThrow();
    await expect(open(server.url, "wrong").chat.completions.create({ model: "small", messages })).rejects.toMatchObject(
      {
        status: 401,
      },
    );
    expect(server.requests).toHaveLength(said.length);
  });
});
