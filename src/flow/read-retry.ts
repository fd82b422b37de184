import type { JsonValue } from "../types/index.ts";
import { didYouMean, isJsonObject, quote } from "../types/index.ts";
import type { RetryIr } from "./ir.ts";

const KEYS = ["max_attempts", "base_delay_ms", "factor", "max_delay_ms", "jitter"];
const MAX_ATTEMPTS = 20;
const MAX_DELAY_MS = 86_400_000;
const MAX_FACTOR = 10;
const DEFAULT_BASE_DELAY_MS = 200;

/** Where what is wrong goes; pointers are from the `retry` key. */
export interface RetryFindings {
  readonly refuse: (problem: string, pointer: string) => void;
  /** Says that `retry` is of a shape that public flows carry and nobody executes. */
  readonly ignore: () => void;
}

/** Reads a node's `retry`; undefined where there is none, or none that means anything. */
export function readRetry(retry: JsonValue | undefined, findings: RetryFindings): RetryIr | undefined {
  if (retry === undefined) return undefined;
  if (!isJsonObject(retry) || retry["max_attempts"] === undefined) {
    findings.ignore();
    return undefined;
  }
  const stray = Object.keys(retry).find((key) => !KEYS.includes(key));
  if (stray !== undefined) {
    findings.refuse(`unknown key ${quote(stray)} in \`retry\`${didYouMean(stray, KEYS)}`, "");
    return undefined;
  }
  const { max_attempts: maxAttempts, base_delay_ms: baseDelayMs = DEFAULT_BASE_DELAY_MS } = retry;
  const { factor, max_delay_ms: maxDelayMs, jitter } = retry;
  const isIn = (value: JsonValue | undefined, from: number, to: number): value is number =>
    typeof value === "number" && value >= from && value <= to;
  const isWhole = (value: JsonValue | undefined, from: number, to: number): value is number =>
    isIn(value, from, to) && Number.isInteger(value);
  const wanted = (key: string, range: string): undefined => {
    findings.refuse(`expected ${key} to be ${range}`, `/${key}`);
    return undefined;
  };
  if (!isWhole(maxAttempts, 1, MAX_ATTEMPTS)) return wanted("max_attempts", `1 to ${MAX_ATTEMPTS}`);
  if (!isWhole(baseDelayMs, 0, MAX_DELAY_MS)) return wanted("base_delay_ms", `0 to ${MAX_DELAY_MS}`);
  if (factor !== undefined && !isIn(factor, 1, MAX_FACTOR)) return wanted("factor", `1 to ${MAX_FACTOR}`);
  if (maxDelayMs !== undefined && !isWhole(maxDelayMs, 0, MAX_DELAY_MS))
    return wanted("max_delay_ms", `0 to ${MAX_DELAY_MS}`);
  if (jitter !== undefined && !isIn(jitter, 0, 1)) return wanted("jitter", "0 to 1");
  return {
    maxAttempts,
    baseDelayMs,
    ...(factor === undefined ? {} : { factor }),
    ...(maxDelayMs === undefined ? {} : { maxDelayMs }),
    ...(jitter === undefined ? {} : { jitter }),
  };
}
