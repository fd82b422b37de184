import type { JsonValue, OutcomeError, ProviderRole, ProviderTraits } from "../../../types/index.ts";

/** One call into a part of a provider pack. */
export interface PackCall {
  readonly role: ProviderRole;
  readonly operation: string;
  readonly input: JsonValue;
  readonly timeoutMs: number;
  /** The same for every attempt of one send. */
  readonly idempotencyKey?: string;
  /** Counts from 1. */
  readonly attempt?: number;
  readonly signal?: AbortSignal;
}

/** How one HTTP request of a call ended, as the host that made it knows: `unsent` never left. */
export type PackRequestEnd =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly retryAfterMs?: number;
      /** Whether its body is JSON that says `ok: false`, as some platforms refuse with a 200. */
      readonly saysNotOk?: boolean;
    }
  | { readonly kind: "unsent"; readonly code: string }
  | { readonly kind: "unknown" };

/** One HTTP request that a call made. */
export interface PackRequest {
  /** Whether it only reads: GET, HEAD, OPTIONS. */
  readonly isSafe: boolean;
  readonly end: PackRequestEnd;
}

/** What a call gave, with the traffic that it caused. */
export type PackAnswer =
  | { readonly kind: "ok"; readonly output: JsonValue; readonly traffic: readonly PackRequest[] }
  | { readonly kind: "error"; readonly error: OutcomeError; readonly traffic: readonly PackRequest[] };

/** Calls a part of a provider pack within its grants, for one channel. Throws only where the host itself fails. */
export type CallPack = (call: PackCall) => Promise<PackAnswer>;

/** What a provider pack has, as found by asking its components. */
export interface PackParts {
  /** Name of the pack. */
  readonly name: string;
  readonly version: string;
  readonly traits: ProviderTraits;
  /** How its operations know the platform. */
  readonly providerType: string;
  /** The operations that each part really answers. */
  readonly operations: Readonly<Record<ProviderRole, ReadonlySet<string>>>;
}

/** Tells whether an error says that the component never came to its end: what it did until then stands in the traffic. */
export function isBrokenOff({ code }: OutcomeError): boolean {
  return (
    code === "COMPONENT_TRAPPED" ||
    code === "COMPONENT_DEADLINE_EXCEEDED" ||
    code === "COMPONENT_HOST_LOST" ||
    code === "COMPONENT_OUTPUT_INVALID"
  );
}
