import type { LlmModelConfig } from "../../config/index.ts";
import type { ChatAnswer, ChatMessage } from "../../llm/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { GreenticError, isGreenticError, quote } from "../../types/index.ts";
import type { EffectCall } from "../effect-call.ts";
import type { ChatInput } from "./chat-input.ts";
import { CHAT_INPUT_SCHEMA, readChatInput } from "./chat-input.ts";
import { checkSchema, readOutput } from "./chat-schema.ts";
import { ChatTools } from "./chat-tools.ts";
import type { Kind, KindResult, NodeCall } from "./kind.ts";
import { fields, ok, print } from "./kind.ts";

/** Models think longer than other effects take. */
const TIMEOUT_MS = 120_000;
/** The model's own end comes before its node's, so that the flow hears why. */
const MARGIN_MS = 250;
const MAX_RETRIES = 2;
/** What `optional` doesn't excuse: mistakes of the flow, and what may have been done. */
const NEVER_OPTIONAL: ReadonlySet<string> = new Set(["LLM_INPUT_INVALID", "LLM_SCHEMA_INVALID"]);

/**
 * `llm.chat`: asks a language model, lets it have the node's tools called, and checks its answer against the node's schema. Every
 * answer and every tool's outcome is journaled on its own, so that a crash in the middle asks and does nothing twice that was told.
 * What people, tools and models say is data: nothing of it is run as a template, names a tool that the node doesn't, or chooses the
 * model.
 */
export const llmChat: Kind = {
  name: "llm.chat",
  summary: "Asks a language model that the operator lends, with tools and a checked schema where the node names them.",
  effect: "effectful",
  statuses: ["ok", "cut", "error", "unavailable"],
  timeoutMs: TIMEOUT_MS,
  input: CHAT_INPUT_SCHEMA,
  output: {
    type: "object",
    properties: {
      result: {
        description: "The checked value where there is a schema, else the text; the `fallback` where unavailable",
      },
      text: { type: "string" },
      model: { type: "string" },
      finish_reason: { type: "string" },
      usage: {
        type: "object",
        properties: { input_tokens: { type: "integer" }, output_tokens: { type: "integer" } },
      },
      tools: { type: "array", description: "The tools that were called, in order: { tool, ok }" },
      reason: { type: "string", description: "The code of why it is unavailable" },
    },
    required: ["result"],
  },
  async run(input, call) {
    const { effect } = call;
    if (effect === undefined) throw new TypeError("Ask a model: outside of an attempt");
    const given = readChatInput(fields(input));
    if (given.schema !== undefined) checkSchema(given.schema);
    try {
      const stubbed = effect.chat.stub?.(given.model, fields(input));
      if (stubbed !== undefined) return stubbedResult(stubbed);
      const model = effect.chat.models.find(effect.ctx, given.model);
      return await new Conversation({ model, given, call, effect }).run();
    } catch (error) {
      if (!given.isOptional || !isGreenticError(error) || !isExcused(error.code)) throw error;
      return ok({ result: given.fallback, text: "", reason: error.code }, "unavailable");
    }
  },
};

function isExcused(code: string): boolean {
  return code.startsWith("LLM_") && !NEVER_OPTIONAL.has(code);
}

function stubbedResult(stubbed: NonNullable<ReturnType<NonNullable<EffectCall["chat"]["stub"]>>>): KindResult {
  if ("error" in stubbed) return { kind: "error", error: stubbed.error };
  return ok({ result: stubbed.result, text: print(stubbed.result), finish_reason: "stop" });
}

interface ConversationParts {
  readonly model: LlmModelConfig;
  readonly given: ChatInput;
  readonly call: NodeCall;
  readonly effect: EffectCall;
}

/** One node's questions and answers. */
class Conversation {
  readonly #parts: ConversationParts;
  readonly #messages: ChatMessage[];
  readonly #called: JsonObject[] = [];
  #inputTokens = 0;
  #outputTokens = 0;

  constructor(parts: ConversationParts) {
    this.#parts = parts;
    this.#messages = [...parts.given.messages];
  }

  async run(): Promise<KindResult> {
    const { given, call, effect } = this.#parts;
    const tools = await ChatTools.open(given.tools, call, effect);
    let answer = await this.#answer(tools);
    if (given.schema === undefined) {
      return ok(this.#output(answer, answer.text), answer.finishReason === "length" ? "cut" : "ok");
    }
    let read = readOutput(answer.text, given.schema);
    if (read.kind === "unfit") {
      this.#messages.push({ role: "assistant", content: answer.text });
      this.#messages.push({
        role: "user",
        content: `Your answer doesn't fit the JSON Schema: ${read.problem}. Give the whole answer again, as JSON alone that fits it.`,
      });
      answer = await this.#answer(tools);
      read = readOutput(answer.text, given.schema);
    }
    if (read.kind === "ok") return ok(this.#output(answer, read.value));
    // What differs quotes the model: it stays out of messages that are logged.
    const problem =
      answer.finishReason === "length" ? "it was cut at its bound of tokens" : "it doesn't fit the schema";
    throw new GreenticError("LLM_OUTPUT_INVALID", `Read the answer of model ${quote(given.model)}: ${problem}`);
  }

  /** Asks until the model answers instead of having tools called. */
  async #answer(tools: ChatTools): Promise<ChatAnswer> {
    const { given, call, effect } = this.#parts;
    for (let round = 0; ; round++) {
      const answer = await this.#ask(tools);
      if (answer.toolCalls.length === 0) return answer;
      if (round >= given.maxToolRounds) {
        const limit = `it asks for tools more than ${given.maxToolRounds} times`;
        throw new GreenticError("LLM_BUDGET_EXCEEDED", `Ask model ${quote(given.model)}: ${limit}`);
      }
      this.#messages.push({ role: "assistant", content: answer.text, toolCalls: answer.toolCalls });
      // One after another: tools with effects keep the order in which the model wants them.
      for (const asked of answer.toolCalls) {
        const { tool, isOk, content } = await tools.call(asked, call, effect);
        this.#called.push({ tool, ok: isOk });
        this.#messages.push({ role: "tool", callId: asked.id, content });
      }
    }
  }

  async #ask(tools: ChatTools): Promise<ChatAnswer> {
    const { model, given, call, effect } = this.#parts;
    this.#checkBudgets();
    const request = {
      messages: this.#messages,
      tools: tools.offered,
      schema: given.schema,
      maxTokens: Math.min(given.maxTokens ?? model.maxOutputTokens, model.maxOutputTokens),
      temperature: given.temperature,
    };
    call.noteCall({ target: model.name });
    const input = request as unknown as JsonObject;
    const { deadlineMs = Number.POSITIVE_INFINITY } = effect.ctx;
    const recorded = await effect.step({ name: `model:${model.name}`, input, isRepeatable: true }, async () => {
      const answer = await effect.chat.models.ask(effect.ctx, {
        model,
        request,
        limits: {
          signal: effect.signal,
          deadlineMs: deadlineMs - Math.min(MARGIN_MS, effect.timeoutMs / 10),
          // A node that retries by itself leaves nothing to its model.
          maxRetries: call.node.compiled.ir.retry === undefined ? MAX_RETRIES : 0,
          onAttempt: (attempt) => effect.noteModel(attempt),
        },
      });
      return answer as unknown as JsonValue;
    });
    const answer = recorded as unknown as ChatAnswer;
    this.#inputTokens += answer.usage.inputTokens;
    this.#outputTokens += answer.usage.outputTokens;
    effect.spendTokens(answer.usage.inputTokens + answer.usage.outputTokens);
    return answer;
  }

  /** A bound that is reached ends the conversation before the next question; one answer may go over it. */
  #checkBudgets(): void {
    const { model, given, effect } = this.#parts;
    const doing = `Ask model ${quote(given.model)}: `;
    if (given.budgetTokens !== undefined && this.#inputTokens + this.#outputTokens >= given.budgetTokens)
      throw new GreenticError("LLM_BUDGET_EXCEEDED", `${doing}the node's ${given.budgetTokens} tokens are used up`);
    if (model.tokensPerTurn !== undefined && effect.tokensSpent >= model.tokensPerTurn)
      throw new GreenticError("LLM_BUDGET_EXCEEDED", `${doing}the turn's ${model.tokensPerTurn} tokens are used up`);
  }

  #output(answer: ChatAnswer, result: JsonValue): JsonObject {
    return {
      result,
      text: answer.text,
      model: answer.model,
      finish_reason: answer.finishReason,
      usage: { input_tokens: this.#inputTokens, output_tokens: this.#outputTokens },
      ...(this.#called.length === 0 ? {} : { tools: this.#called }),
    };
  }
}
