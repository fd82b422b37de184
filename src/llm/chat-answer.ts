import type { JsonObject, JsonValue } from "../types/index.ts";
import { GreenticError, isJsonObject, parseJson } from "../types/index.ts";
import type { ChatToolCall } from "./chat.ts";

/** Calls of tools that one answer may ask for. */
const MAX_TOOL_CALLS = 32;
/** What an answer may hold in all. */
const MAX_ANSWER_CHARS = 4 << 20;

/** An answer as its server tells it; `usage` where it counts. */
export interface RawAnswer {
  readonly text: string;
  readonly refusal: string;
  readonly toolCalls: readonly ChatToolCall[];
  /** Empty where the server hasn't said that the answer is over. */
  readonly finishReason: string;
  readonly model: string;
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number } | undefined;
}

/** Puts an answer together from the parts of a stream; a whole answer is one part. */
export class AnswerParts {
  #text = "";
  #refusal = "";
  #finishReason = "";
  #model = "";
  #size = 0;
  #usage: RawAnswer["usage"];
  readonly #calls = new Map<number, { id: string; name: string; argumentsText: string }>();

  /** Takes one `chat.completion.chunk` or `chat.completion`. @throws LLM_ANSWER_INVALID */
  add(part: JsonObject): void {
    const { choices, model, usage } = part;
    if (typeof model === "string") this.#model = model.slice(0, 256);
    if (usage !== undefined && isJsonObject(usage)) {
      const { prompt_tokens: input, completion_tokens: output } = usage;
      if (isCount(input) && isCount(output)) this.#usage = { inputTokens: input, outputTokens: output };
    }
    // Some servers end with a part of figures alone, with no choices or none that is a list.
    const [choice] = Array.isArray(choices) ? (choices as readonly JsonValue[]) : [];
    if (choice === undefined || !isJsonObject(choice)) return;
    const { delta, message, finish_reason: finishReason } = choice;
    if (typeof finishReason === "string") this.#finishReason = finishReason.slice(0, 64);
    const said = delta ?? message;
    if (said === undefined || !isJsonObject(said)) return;
    const { content, refusal, tool_calls: calls } = said;
    if (typeof content === "string") this.#text += this.#take(content);
    if (typeof refusal === "string") this.#refusal += this.#take(refusal);
    if (Array.isArray(calls)) (calls as readonly JsonValue[]).forEach((call, at) => this.#addCall(call, at));
  }

  /** The answer so far. */
  get answer(): RawAnswer {
    return {
      text: this.#text,
      refusal: this.#refusal,
      toolCalls: [...this.#calls]
        .sort(([a], [b]) => a - b)
        .map(([at, call]) => ({ ...call, id: call.id || `call_${at}` })),
      finishReason: this.#finishReason,
      model: this.#model,
      usage: this.#usage,
    };
  }

  #addCall(part: JsonValue, at: number): void {
    if (!isJsonObject(part)) throw invalid("a tool call is no object");
    const { index = at, id, function: called } = part;
    if (!isCount(index) || index >= MAX_TOOL_CALLS) throw invalid(`more than ${MAX_TOOL_CALLS} tool calls`);
    const known = this.#calls.get(index) ?? { id: "", name: "", argumentsText: "" };
    this.#calls.set(index, known);
    if (typeof id === "string" && known.id === "") known.id = this.#take(id);
    if (called === undefined || !isJsonObject(called)) return;
    const { name, arguments: text } = called;
    if (typeof name === "string" && known.name === "") known.name = this.#take(name);
    if (typeof text === "string") known.argumentsText += this.#take(text);
    // Some servers give the arguments as what they are.
    else if (text !== undefined && isJsonObject(text)) known.argumentsText = this.#take(JSON.stringify(text));
  }

  #take(text: string): string {
    this.#size += text.length;
    if (this.#size > MAX_ANSWER_CHARS) throw invalid(`more than ${MAX_ANSWER_CHARS} characters`);
    return text;
  }
}

/** Reads one JSON object of the protocol. @throws LLM_ANSWER_INVALID */
export function readPart(source: string | Uint8Array): JsonObject {
  let value: JsonValue;
  try {
    value = parseJson(typeof source === "string" ? Buffer.from(source) : source);
  } catch {
    // The text is the model's: it goes into no message, not as a cause either.
    throw invalid("it isn't JSON");
  }
  if (!isJsonObject(value)) throw invalid("it is no object");
  return value;
}

export function invalid(problem: string): GreenticError {
  return new GreenticError("LLM_ANSWER_INVALID", `Read a model's answer: ${problem}`);
}

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
