import type { LlmModelConfig } from "../config/index.ts";
import type { HttpHeader, HttpRequest, HttpStream } from "../http/index.ts";
import type { JsonObject, World } from "../types/index.ts";
import { GreenticError, isGreenticError, isJsonObject, quote } from "../types/index.ts";
import type { RawAnswer } from "./chat-answer.ts";
import { AnswerParts, invalid, readPart } from "./chat-answer.ts";
import { failureOf } from "./chat-failure.ts";
import { readEvents } from "./read-events.ts";

/** Sends a request whose response may be a stream. */
export type OpenChat = (request: HttpRequest, signal: AbortSignal) => Promise<HttpStream>;

/** One request to a model's server. */
export interface ModelQuestion {
  readonly model: LlmModelConfig;
  readonly body: JsonObject;
  /** The key; undefined where the server wants none. */
  readonly key: string | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const MAX_ERROR_BYTES = 64 << 10;
const MAX_ANSWER_BYTES = 16 << 20;

/**
 * Asks a model once.
 * @returns what it said, and how long the first part of a stream took
 * @throws LLM_UNAVAILABLE, LLM_RATE_LIMITED, LLM_UNAUTHORIZED, LLM_REQUEST_REFUSED, LLM_CONTEXT_TOO_LONG, LLM_REFUSED, LLM_ANSWER_INVALID
 */
export async function askModel(
  { model, body, key, timeoutMs, signal }: ModelQuestion,
  { open, world }: { readonly open: OpenChat; readonly world: World },
): Promise<RawAnswer & { readonly firstChunkMs: number | undefined }> {
  const doing = `Ask model ${quote(model.name)}: `;
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutMs);
  const startedMs = world.monotonicMs();
  try {
    const response = await open(requestOf({ model, body, key, timeoutMs }), AbortSignal.any([signal, late.signal]));
    if (response.status !== 200) {
      const said = await readAll(response.body, MAX_ERROR_BYTES);
      throw failureOf(model.name, { ...response, body: said ?? new Uint8Array(), nowMs: world.nowMs() });
    }
    let firstChunkMs: number | undefined;
    const parts = new AnswerParts();
    if (isStream(response.headers)) {
      for await (const data of readEvents(response.body)) {
        if (data === "[DONE]") break;
        firstChunkMs ??= world.monotonicMs() - startedMs;
        addPart(parts, readPart(data), doing);
      }
    } else {
      const whole = await readAll(response.body, MAX_ANSWER_BYTES);
      if (whole === undefined) throw invalid(`more than ${MAX_ANSWER_BYTES} bytes`);
      addPart(parts, readPart(whole), doing);
    }
    const { answer } = parts;
    // A stream that was cut has parts and no end: half an answer is none.
    if (answer.finishReason === "") throw new GreenticError("LLM_UNAVAILABLE", `${doing}the answer broke off`);
    if (answer.refusal !== "" || answer.finishReason === "content_filter")
      throw new GreenticError("LLM_REFUSED", `${doing}it declined to answer`);
    return { ...answer, firstChunkMs };
  } catch (error) {
    if (late.signal.aborted)
      throw new GreenticError("LLM_UNAVAILABLE", `${doing}no answer within ${timeoutMs} ms`, { cause: error });
    if (isGreenticError(error) && !error.code.startsWith("HTTP_")) throw error;
    if (isGreenticError(error, "HTTP_RESPONSE_TOO_LARGE")) throw invalid("it is too large");
    throw new GreenticError("LLM_UNAVAILABLE", `${doing}the server can't be reached or broke off`, { cause: error });
  } finally {
    clearTimeout(timer);
    // Whoever leaves in the middle of a stream closes it.
    late.abort();
  }
}

function requestOf({ model, body, key, timeoutMs }: Omit<ModelQuestion, "signal">): HttpRequest {
  const url = `${model.url}/chat/completions`;
  const headers: HttpHeader[] = [
    ["content-type", "application/json"],
    ["accept", model.stream ? "text/event-stream, application/json;q=0.5" : "application/json"],
  ];
  if (key !== undefined) headers.push(["authorization", `Bearer ${key}`]);
  return {
    method: "POST",
    url,
    headers,
    body: Buffer.from(JSON.stringify(body)),
    origins: [new URL(url).origin],
    timeoutMs,
    // Prompts and the key go where the operator says and nowhere else.
    followRedirects: false,
  };
}

/** Some servers tell of a failure in the middle of a stream. */
function addPart(parts: AnswerParts, part: JsonObject, doing: string): void {
  const { error } = part;
  if (error !== undefined && error !== null && isJsonObject(error))
    throw new GreenticError("LLM_UNAVAILABLE", `${doing}the server failed while it answered`);
  parts.add(part);
}

function isStream(headers: readonly HttpHeader[]): boolean {
  const type = headers.find(([name]) => name === "content-type")?.[1] ?? "";
  return /^text\/event-stream\b/i.test(type);
}

/** Reads a body; undefined where it is larger. */
async function readAll(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}
