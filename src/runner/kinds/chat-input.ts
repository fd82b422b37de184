import type { ChatMessage } from "../../llm/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { GreenticError, isJsonObject } from "../../types/index.ts";
import { print, text } from "./kind.ts";

/** What a node says of its conversation with a model. */
export interface ChatInput {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly schema: JsonValue | undefined;
  readonly tools: readonly string[];
  readonly maxToolRounds: number;
  /** Of one answer; the model's own bound where absent. */
  readonly maxTokens: number | undefined;
  /** Of the whole node. */
  readonly budgetTokens: number | undefined;
  readonly temperature: number | undefined;
  readonly isOptional: boolean;
  readonly fallback: JsonValue;
}

const MAX_TOOL_ROUNDS = 5;
const ROLES: ReadonlySet<string> = new Set(["system", "user", "assistant"]);

/** JSON Schema of the node's input. */
export const CHAT_INPUT_SCHEMA: JsonObject = {
  type: "object",
  properties: {
    model: {
      type: "string",
      default: "default",
      description: "What the operator calls it: `llm.<name>` in greentic.toml",
    },
    system: { type: "string", description: "How the model shall behave" },
    prompt: { type: "string", description: "What it is asked" },
    messages: {
      type: ["array", "string"],
      description: "The conversation so far, before `prompt`",
      items: {
        type: "object",
        properties: { role: { enum: ["system", "user", "assistant"] }, content: { type: "string" } },
        required: ["role", "content"],
        additionalProperties: false,
      },
      maxItems: 200,
    },
    schema: { type: ["object", "string"], description: "JSON Schema that the answer must fit" },
    tools: {
      type: "array",
      items: { type: "string" },
      maxItems: 64,
      description: "Names of the tool map that the model may have called; no others are",
    },
    max_tool_rounds: { type: "integer", minimum: 0, maximum: 20, default: MAX_TOOL_ROUNDS },
    max_tokens: { type: "integer", minimum: 1, maximum: 1_000_000, description: "Tokens of one answer" },
    budget_tokens: { type: "integer", minimum: 1, description: "Tokens of all questions and answers of the node" },
    temperature: { type: "number", minimum: 0, maximum: 2 },
    optional: { type: "boolean", description: "Ends with `unavailable` where there is no model or no good answer" },
    fallback: { description: "What is the result then" },
  },
  additionalProperties: false,
};

/** Reads the rendered input. @throws LLM_INPUT_INVALID */
export function readChatInput(input: JsonObject): ChatInput {
  const { system, prompt, messages = [], tools = [], schema } = input;
  const number = (key: string): number | undefined => (typeof input[key] === "number" ? input[key] : undefined);
  const said: ChatMessage[] = Array.isArray(messages)
    ? (messages as readonly JsonValue[]).map(readMessage)
    : [{ role: "user", content: print(messages) }];
  if (text(system) !== undefined) said.unshift({ role: "system", content: print(system) });
  if (text(prompt) !== undefined) said.push({ role: "user", content: print(prompt) });
  if (!said.some(({ role }) => role === "user"))
    throw new GreenticError("LLM_INPUT_INVALID", "Ask a model: expected a prompt or messages of a user, got neither");
  if (schema !== undefined && !isJsonObject(schema))
    throw new GreenticError("LLM_SCHEMA_INVALID", "Ask a model: expected the schema to be an object");
  return {
    model: text(input["model"]) ?? "default",
    messages: said,
    schema,
    tools: Array.isArray(tools) ? (tools as readonly JsonValue[]).filter((name) => typeof name === "string") : [],
    maxToolRounds: number("max_tool_rounds") ?? MAX_TOOL_ROUNDS,
    maxTokens: number("max_tokens"),
    budgetTokens: number("budget_tokens"),
    temperature: number("temperature"),
    isOptional: input["optional"] === true,
    fallback: input["fallback"] ?? null,
  };
}

function readMessage(value: JsonValue): ChatMessage {
  const { role, content } = isJsonObject(value) ? value : {};
  if (typeof role !== "string" || !ROLES.has(role) || typeof content !== "string")
    throw new GreenticError("LLM_INPUT_INVALID", "Ask a model: expected messages as { role, content }");
  return { role: role as "system" | "user" | "assistant", content };
}
