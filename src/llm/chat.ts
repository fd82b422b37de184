import type { JsonValue } from "../types/index.ts";

/** One message of a conversation, in the protocol's own shape. */
export type ChatMessage =
  | { readonly role: "system" | "user"; readonly content: string }
  | { readonly role: "assistant"; readonly content: string; readonly toolCalls?: readonly ChatToolCall[] }
  | { readonly role: "tool"; readonly callId: string; readonly content: string };

/** A tool that the model may ask for. */
export interface ChatTool {
  /** Letters, digits, `_` and `-`, at most 64. */
  readonly name: string;
  readonly description: string;
  readonly parameters: JsonValue;
}

/** What the model asks to be called; `argumentsText` is its own text, not yet read. */
export interface ChatToolCall {
  readonly id: string;
  readonly name: string;
  readonly argumentsText: string;
}

/** One question to a model. */
export interface ChatRequest {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ChatTool[];
  /** JSON Schema of the answer. */
  readonly schema: JsonValue | undefined;
  readonly maxTokens: number;
  readonly temperature: number | undefined;
}

/** What a model answered. */
export interface ChatAnswer {
  readonly text: string;
  readonly toolCalls: readonly ChatToolCall[];
  /** `stop`, `length`, `tool_calls`, or the server's own word. */
  readonly finishReason: string;
  /** The model's name as its server gives it. */
  readonly model: string;
  readonly usage: ChatUsage;
  /** Milliseconds until the first part of a streamed answer was there. */
  readonly firstChunkMs?: number;
}

/** Tokens of one question and its answer; estimated where the server doesn't tell. */
interface ChatUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}
