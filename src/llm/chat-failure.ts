import type { HttpHeader } from "../http/index.ts";
import type { JsonValue } from "../types/index.ts";
import { GreenticError, isJsonObject, parseJson, quote } from "../types/index.ts";

/** No server's wish is waited for longer. */
const MAX_WAIT_MS = 86_400_000;

/** What a server said in place of an answer. */
export interface FailedResponse {
  readonly status: number;
  readonly headers: readonly HttpHeader[];
  /** Never shown: it may quote the prompt. */
  readonly body: Uint8Array;
  readonly nowMs: number;
}

/** Makes the failure of a status and what came with it. */
export function failureOf(model: string, response: FailedResponse): GreenticError {
  const { status } = response;
  const doing = `Ask model ${quote(model)}: `;
  const said = `the server answered with HTTP ${status}`;
  const code = codeOf(response.body);
  if (code === "context_length_exceeded" || code === "string_above_max_length" || status === 413)
    return new GreenticError("LLM_CONTEXT_TOO_LONG", `${doing}the conversation is too long for it`);
  if (code === "content_filter" || code === "content_policy_violation")
    return new GreenticError("LLM_REFUSED", `${doing}the server's filter declined`);
  if (status === 401 || status === 403) return new GreenticError("LLM_UNAUTHORIZED", doing + said);
  // An account without money doesn't get better by waiting.
  if (code === "insufficient_quota") return new GreenticError("LLM_UNAUTHORIZED", `${doing}the account has no credit`);
  if (status === 429) {
    const retryAfterMs = waitOf(response);
    return new GreenticError("LLM_RATE_LIMITED", doing + said, retryAfterMs === undefined ? {} : { retryAfterMs });
  }
  if (status >= 500 || status === 408 || status === 409 || status === 425) {
    const retryAfterMs = waitOf(response);
    return new GreenticError("LLM_UNAVAILABLE", doing + said, retryAfterMs === undefined ? {} : { retryAfterMs });
  }
  return new GreenticError("LLM_REQUEST_REFUSED", doing + said);
}

/** How long a server asks to wait: seconds, a date, or milliseconds in OpenAI's own header. @see RFC 9110 §10.2.3 */
function waitOf({ headers, nowMs }: FailedResponse): number | undefined {
  const header = (name: string): string | undefined => headers.find(([key]) => key === name)?.[1];
  const exact = header("retry-after-ms");
  const given = header("retry-after");
  const ms = exact !== undefined ? Number(exact) : /^\d+$/.test(given ?? "") ? Number(given) * 1_000 : undefined;
  const wait = ms ?? (given === undefined ? Number.NaN : Date.parse(given) - nowMs);
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 0), MAX_WAIT_MS) : undefined;
}

function codeOf(body: Uint8Array): string | undefined {
  let value: JsonValue;
  try {
    value = parseJson(body);
  } catch {
    return undefined;
  }
  const error = isJsonObject(value) ? value["error"] : undefined;
  const code = error !== undefined && isJsonObject(error) ? (error["code"] ?? error["type"]) : undefined;
  return typeof code === "string" ? code : undefined;
}
