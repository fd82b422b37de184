import type { HostServices } from "../component/index.ts";
import type { GreenticError, JsonValue, OutcomeError, TenantCtx } from "../types/index.ts";
import { isRetryable } from "../types/index.ts";
import type { AnswerElicitation, Elicitation, ElicitationAnswer } from "./elicitation.ts";
import type { ToolMapEntry } from "./tool-map.ts";

/** Steps of a long call, as its server tells them. */
export interface ToolProgress {
  readonly progress: number;
  readonly total?: number;
}

/** One call as it reaches what serves the tool. */
export interface BackendCall {
  readonly input: JsonValue;
  readonly services: HostServices;
  /** How long the call may be silent. */
  readonly timeoutMs: number | undefined;
  /** How long it may take in all. */
  readonly maxTimeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** What the person said to earlier elicitations of this call. */
  readonly answers: readonly ElicitationAnswer[];
  readonly answerNow: AnswerElicitation | undefined;
  readonly onProgress: ((progress: ToolProgress) => void) | undefined;
}

/** How one attempt ended. */
export type BackendResult =
  | { readonly kind: "ok"; readonly result: JsonValue; readonly content: JsonValue }
  | { readonly kind: "elicit"; readonly elicitation: Elicitation }
  | {
      readonly kind: "error";
      readonly error: OutcomeError;
      /** True where nobody knows whether the tool did its work. */
      readonly isUnknown?: boolean;
    };

/** A tool as who serves it describes it. */
export interface ToolFacts {
  readonly title?: string;
  readonly description: string;
  readonly inputSchema: JsonValue;
  readonly outputSchema?: JsonValue;
  readonly readOnly: boolean;
  /** True where it says that repeating a call does no harm. */
  readonly idempotent: boolean;
}

/** Serves the tools of one kind of target. */
export interface ToolBackend {
  /** @throws MCP_TOOL_UNKNOWN and what keeps the tool from being described */
  describe(ctx: TenantCtx, entry: ToolMapEntry, services: HostServices): Promise<ToolFacts>;
  /** Calls the tool once; whatever fails in the call is a result. */
  invoke(ctx: TenantCtx, entry: ToolMapEntry, call: BackendCall): Promise<BackendResult>;
}

/** What blocks say as one text, where they are all texts; the blocks themselves otherwise. */
export function resultOfContent(content: readonly JsonValue[]): JsonValue {
  const texts: string[] = [];
  for (const block of content) {
    const { type, text } =
      typeof block === "object" && block !== null ? (block as { type?: JsonValue; text?: JsonValue }) : {};
    if (type !== "text" || typeof text !== "string") return content;
    texts.push(text);
  }
  return texts.length === 0 ? content : texts.join("\n");
}

/** An error of ours as the outcome of a call. */
export function errorOf({ code, kind, message, retryAfterMs }: GreenticError): OutcomeError {
  return {
    code,
    message,
    retryable: isRetryable(kind),
    ...(retryAfterMs === undefined ? {} : { backoffMs: retryAfterMs }),
  };
}
