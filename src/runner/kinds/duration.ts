import { GreenticError, quote } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import type { NodeCall } from "./kind.ts";

/** JSON Schema of a duration in a node's input. */
export const DURATION_SCHEMA: JsonObject = {
  type: ["string", "number"],
  description: "How long: 90s, 15m, 24h, 7d, or seconds as a number",
};

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const MAX_MS = 365 * 86_400_000;

/** Reads when a wait of this length ends; undefined where none is given. @throws RUNNER_INPUT_INVALID */
export function expiryOf(duration: JsonValue | undefined, call: NodeCall, field = "expires"): number | undefined {
  if (duration === undefined || duration === null) return undefined;
  const lengthMs = lengthOf(duration);
  if (!(lengthMs > 0 && lengthMs <= MAX_MS)) {
    throw new GreenticError(
      "RUNNER_INPUT_INVALID",
      `Read ${quote(field)}: expected 90s, 15m, 24h, 7d or seconds, at most a year, got ${quote(JSON.stringify(duration))}`,
    );
  }
  return call.nowMs + Math.round(lengthMs);
}

/** Reads the instant that a wait ends at: an ISO 8601 time with its offset, or milliseconds since the epoch. @throws RUNNER_INPUT_INVALID */
export function instantOf(value: JsonValue, call: NodeCall, field: string): number {
  const hasOffset = typeof value === "string" && /(?:Z|[+-]\d\d:?\d\d)$/i.test(value.trim());
  const atMs = typeof value === "number" ? value : hasOffset ? Date.parse(value.trim()) : Number.NaN;
  if (!(atMs <= call.nowMs + MAX_MS)) {
    throw new GreenticError(
      "RUNNER_INPUT_INVALID",
      `Read ${quote(field)}: expected a time such as 2026-03-05T10:00:00Z, at most a year ahead, got ${quote(JSON.stringify(value))}`,
    );
  }
  return Math.round(atMs);
}

function lengthOf(duration: JsonValue): number {
  if (typeof duration === "number") return duration * 1_000;
  const match = typeof duration === "string" ? /^(\d{1,12})(ms|s|m|h|d)$/.exec(duration.trim()) : null;
  return Number(match?.[1]) * (UNIT_MS[match?.[2] ?? ""] ?? 0);
}
