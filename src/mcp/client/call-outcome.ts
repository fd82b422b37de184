import type { CallToolResult } from "@modelcontextprotocol/client";
import type { JsonValue } from "../../types/index.ts";
import { GreenticError, isGreenticError, quote } from "../../types/index.ts";
import { checkOutput } from "../check-input.ts";
import type { BackendResult } from "../tool-backend.ts";
import { errorOf, resultOfContent } from "../tool-backend.ts";

const MAX_DEPTH = 64;
const MAX_RESULT_CHARS = 4 << 20;

/** Reads a server's result: structured content is the result, what isn't structured is its text; `isError` is a failure. */
export function readCallResult(
  tool: string,
  result: CallToolResult,
  outputSchema: JsonValue | undefined,
): BackendResult {
  const content = result.content as unknown as readonly JsonValue[];
  const structured = result.structuredContent as JsonValue | undefined;
  if (!isBounded([content, structured ?? null])) {
    const limit = `deeper than ${MAX_DEPTH} levels or larger than ${MAX_RESULT_CHARS} characters`;
    const error = new GreenticError("MCP_ANSWER_INVALID", `Read the result of tool ${quote(tool)}: ${limit}`);
    return { kind: "error", error: errorOf(error) };
  }
  if (result.isError === true) {
    const said = resultOfContent(content);
    const message = typeof said === "string" ? plain(said) : "The tool reported a failure";
    const details = { content: content as JsonValue, structured: structured ?? null };
    return { kind: "error", error: { code: "execution-error", message, retryable: false, details } };
  }
  if (outputSchema !== undefined && structured !== undefined) {
    try {
      checkOutput(tool, outputSchema, structured);
    } catch (error) {
      if (!isGreenticError(error)) throw error;
      return { kind: "error", error: errorOf(error) };
    }
  }
  return { kind: "ok", result: structured ?? resultOfContent(content), content: content as JsonValue };
}

/** Tells whether a server's value can be kept and shown: what is deeper than a stack ends the process that prints it. */
function isBounded(value: JsonValue): boolean {
  let level: JsonValue[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return false;
    level = level.flatMap((one) => (typeof one === "object" && one !== null ? Object.values(one) : []));
  }
  return JSON.stringify(value).length <= MAX_RESULT_CHARS;
}

/** A failure on the way to a server or back, in our own words. */
export interface CallFailure {
  readonly error: GreenticError;
  /** True where the server may have done the work. */
  readonly isUnknown: boolean;
  /** True where the server doesn't know the session any more, and did nothing. */
  readonly isSessionGone?: boolean;
}

/**
 * Tells what a thrown error means for a call. `isSent` says whether the call itself was on its way: before, nothing can have
 * been done. Texts of servers stay out; their codes are quoted.
 */
export async function readFailure(
  server: string,
  thrown: unknown,
  { isSent }: { readonly isSent: boolean },
): Promise<CallFailure> {
  const make = (code: GreenticError["code"], problem: string): GreenticError =>
    new GreenticError(code, `Call MCP server ${quote(server)}: ${problem}`, { cause: thrown });
  const own = greenticCauseOf(thrown);
  if (own !== undefined) return { error: own, isUnknown: isSent && UNKNOWN.has(own.code) };
  const sdk = await import("@modelcontextprotocol/client");
  if (thrown instanceof sdk.ProtocolError) {
    return { error: make("MCP_CALL_REFUSED", `it answered with error ${thrown.code}`), isUnknown: false };
  }
  if (thrown instanceof sdk.SdkHttpError) {
    const { status } = thrown;
    if (status === 404) {
      return {
        error: make("MCP_SERVER_UNAVAILABLE", "it answered with HTTP 404"),
        isUnknown: false,
        isSessionGone: true,
      };
    }
    if (status === 401 || status === 403) {
      return { error: make("MCP_SERVER_UNAUTHORIZED", `it answered with HTTP ${status}`), isUnknown: false };
    }
    if (status === 429 || status === 503) {
      return { error: make("MCP_SERVER_UNAVAILABLE", `it answered with HTTP ${status}`), isUnknown: false };
    }
    if (status >= 500) return { error: make("MCP_CALL_LOST", `it answered with HTTP ${status}`), isUnknown: isSent };
    return { error: make("MCP_CALL_REFUSED", `it answered with HTTP ${status}`), isUnknown: false };
  }
  if (
    thrown instanceof sdk.UnauthorizedError ||
    thrown instanceof sdk.OAuthError ||
    thrown instanceof sdk.OAuthClientFlowError
  ) {
    return { error: make("MCP_SERVER_UNAUTHORIZED", "it wants another authorization"), isUnknown: false };
  }
  if (thrown instanceof sdk.SdkError) {
    const code = quote(thrown.code);
    if (thrown.code === sdk.SdkErrorCode.NotConnected) {
      return { error: make("MCP_SERVER_UNAVAILABLE", code), isUnknown: false };
    }
    if (thrown.code === sdk.SdkErrorCode.ConnectionClosed || thrown.code === sdk.SdkErrorCode.SendFailed) {
      return { error: make(isSent ? "MCP_CALL_LOST" : "MCP_SERVER_UNAVAILABLE", code), isUnknown: isSent };
    }
    return { error: make("MCP_ANSWER_INVALID", code), isUnknown: isSent };
  }
  return { error: make("MCP_ANSWER_INVALID", "it doesn't speak the protocol"), isUnknown: isSent };
}

const UNKNOWN = new Set<string>(["MCP_CALL_TIMEOUT", "MCP_SERVER_UNAVAILABLE", "HTTP_TIMEOUT", "HTTP_UNAVAILABLE"]);
const MAX_CAUSES = 8;

/** The error of ours that the SDK wrapped. */
function greenticCauseOf(thrown: unknown): GreenticError | undefined {
  let error: unknown = thrown;
  for (let depth = 0; depth < MAX_CAUSES && error instanceof Error; depth++) {
    if (isGreenticError(error)) return error;
    const { data } = error as { data?: { cause?: unknown } };
    error = error.cause ?? data?.cause;
  }
  return undefined;
}

/** A server's text as one line that can't be mistaken for ours. */
function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is taken out
  return text.replaceAll(/[\u0000-\u001f\u007f]+/g, " ").slice(0, 500) || "The tool reported a failure";
}
