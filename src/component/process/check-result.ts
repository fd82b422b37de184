import type { JsonValue } from "../../types/index.ts";
import { isJsonObject } from "../../types/index.ts";
import type { ComponentResult } from "../host.ts";

const MAX_DEPTH = 80;

/**
 * Reads a result that another process sent, as far as a guest that has broken out could have made it: exact fields, plain JSON.
 * Undefined where it is anything else.
 */
export function checkResult(value: unknown): ComponentResult | undefined {
  if (!isRecord(value) || !isRecord(value["stats"])) return undefined;
  const { wallMs, fuel, peakMemoryBytes, hostCalls, log } = value["stats"];
  if (typeof wallMs !== "number" || typeof fuel !== "number" || typeof peakMemoryBytes !== "number") return undefined;
  if (typeof log !== "string" || !Array.isArray(hostCalls)) return undefined;
  if (!hostCalls.every((name) => typeof name === "string")) return undefined;
  const stats = { wallMs, fuel, peakMemoryBytes, hostCalls, log };
  if (value["kind"] === "ok") {
    const { output } = value;
    return isJson(output, 0) ? { kind: "ok", output, stats } : undefined;
  }
  const { error } = value;
  if (value["kind"] !== "error" || !isRecord(error) || !isJson(error, 0)) return undefined;
  const { code, message, retryable, backoffMs, details } = error as Readonly<Record<string, JsonValue | undefined>>;
  if (typeof code !== "string" || typeof message !== "string" || typeof retryable !== "boolean") return undefined;
  return {
    kind: "error",
    error: {
      code,
      message,
      retryable,
      ...(typeof backoffMs === "number" ? { backoffMs } : {}),
      ...(details === undefined ? {} : { details }),
    },
    stats,
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return isJsonObject(value);
}

function isJson(value: unknown, depth: number): value is JsonValue {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value);
    case "object":
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (depth > MAX_DEPTH) return false;
  if (Array.isArray(value)) return value.every((item) => isJson(item, depth + 1));
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  return Object.values(value).every((item) => isJson(item, depth + 1));
}
