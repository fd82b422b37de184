import type { JsonValue, OutcomeError } from "../../types/index.ts";
import { isJsonObject } from "../../types/index.ts";
import type { FamilyAnswer } from "./family.ts";
import { guestCbor, guestValue, plainText } from "./guest-text.ts";

const MAX_CODE = 128;

/** The error record that nodes of all generations share; details are JSON text or CBOR. */
export interface NodeError {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly backoffMs: bigint | undefined;
  readonly details: string | Uint8Array | undefined;
}

/** Keeps all that a node says of its failure. */
export function nodeFailure({ code, message, retryable, backoffMs, details }: NodeError): FamilyAnswer {
  return failure({
    code: guestCode(code) ?? "COMPONENT_FAILED",
    message: plainText(message) || "The component reported a failure",
    retryable,
    ...(backoffMs === undefined ? {} : { backoffMs: safeMs(backoffMs) }),
    ...(details === undefined || details.length === 0 ? {} : { details: detailsOf(details) }),
  });
}

/** Makes the answer of a failure. */
export function failure(error: OutcomeError): FamilyAnswer {
  return { kind: "error", error };
}

/**
 * Reads a payload that may be a failure in itself: `{ ok: false, … }`, or the `{ error: { code, message } }` that cards and
 * templates answer with (templates say `kind` for code). Undefined where it is none.
 */
export function payloadFailure(output: JsonValue, fallbackCode: string): OutcomeError | undefined {
  if (!isJsonObject(output)) return undefined;
  const { ok, error } = output;
  const isRecord =
    isJsonObject(error) && typeof (error["code"] ?? error["kind"]) === "string" && typeof error["message"] === "string";
  if (ok !== false && !(isRecord && ok === undefined)) return undefined;
  const record = isJsonObject(error) ? error : {};
  const said = [record["message"], error, output["message"]].find((text) => typeof text === "string" && text !== "");
  const retryable = [record["retryable"], output["retryable"]].find((flag) => typeof flag === "boolean");
  const backoffMs = [record["backoff_ms"], output["backoff_ms"]].find((ms) => Number.isSafeInteger(ms));
  return {
    code: guestCode(record["code"]) ?? guestCode(record["kind"]) ?? guestCode(output["code"]) ?? fallbackCode,
    message: plainText(typeof said === "string" ? said : "") || "The component reported a failure",
    retryable: retryable === true,
    ...(typeof backoffMs === "number" && backoffMs >= 0 ? { backoffMs } : {}),
    details: record["details"] ?? output,
  };
}

/** A code of the component's own, fit for routes and logs; undefined where there is none. */
function guestCode(code: JsonValue | undefined): string | undefined {
  if (typeof code !== "string") return undefined;
  return plainText(code).slice(0, MAX_CODE) || undefined;
}

function detailsOf(details: string | Uint8Array): JsonValue {
  if (typeof details === "string") return guestValue(details);
  try {
    return guestCbor(details);
  } catch {
    // Details that can't be read must not hide the failure that they belong to.
    return Buffer.from(details.subarray(0, 1024)).toString("base64");
  }
}

function safeMs(value: bigint): number {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
}
