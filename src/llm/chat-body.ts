import type { LlmModelConfig } from "../config/index.ts";
import type { JsonObject, JsonValue } from "../types/index.ts";
import type { ChatMessage, ChatRequest } from "./chat.ts";

/** Writes a question as the chat completions endpoint takes it. @see OpenAI API reference, POST /chat/completions */
export function chatBody(model: LlmModelConfig, request: ChatRequest): JsonObject {
  const { schema, tools, temperature } = request;
  return {
    model: model.model,
    messages: withSchema(model, request).map(messageBody),
    [model.maxTokensField]: request.maxTokens,
    ...(temperature === undefined ? {} : { temperature }),
    ...(model.stream ? { stream: true, stream_options: { include_usage: true } } : {}),
    ...(tools.length === 0
      ? {}
      : {
          tools: tools.map(({ name, description, parameters }) => ({
            type: "function",
            function: { name, description, parameters },
          })),
        }),
    ...(schema === undefined ? {} : formatOf(model, schema)),
  };
}

/**
 * Estimates the tokens of a question from above: a token is rarely less than two bytes of UTF-8, and often four. It decides what is
 * taken from a budget before the server has counted.
 */
export function estimateTokens(body: JsonObject): number {
  return Math.ceil(Buffer.byteLength(JSON.stringify([body["messages"] ?? null, body["tools"] ?? null])) / 2);
}

function formatOf({ structured }: LlmModelConfig, schema: JsonValue): JsonObject {
  if (structured === "prompt") return {};
  if (structured === "json_object") return { response_format: { type: "json_object" } };
  return { response_format: { type: "json_schema", json_schema: { name: "answer", schema } } };
}

/** A server that can't be told of the schema leaves it to the model, in words. */
function withSchema({ structured }: LlmModelConfig, { messages, schema }: ChatRequest): readonly ChatMessage[] {
  if (schema === undefined || structured === "json_schema") return messages;
  const content = `Answer with JSON alone that fits this JSON Schema:\n${JSON.stringify(schema)}`;
  const first = messages.findIndex(({ role }) => role !== "system");
  const at = first < 0 ? messages.length : first;
  return [...messages.slice(0, at), { role: "system", content }, ...messages.slice(at)];
}

function messageBody(message: ChatMessage): JsonObject {
  switch (message.role) {
    case "tool":
      return { role: "tool", tool_call_id: message.callId, content: message.content };
    case "assistant": {
      const { content, toolCalls = [] } = message;
      if (toolCalls.length === 0) return { role: "assistant", content };
      return {
        role: "assistant",
        content: content === "" ? null : content,
        tool_calls: toolCalls.map(({ id, name, argumentsText }) => ({
          id,
          type: "function",
          function: { name, arguments: argumentsText },
        })),
      };
    }
    default:
      return { role: message.role, content: message.content };
  }
}
