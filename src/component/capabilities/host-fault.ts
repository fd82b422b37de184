import type { ErrorKind } from "../../types/index.ts";
import { isGreenticError } from "../../types/index.ts";
import type { HostAnswer, HostFaultCode } from "./host-request.ts";

const CODES: Readonly<Record<ErrorKind, HostFaultCode>> = {
  unknown: "internal",
  invalid_input: "invalid",
  not_found: "not_found",
  conflict: "unavailable",
  timeout: "timeout",
  unauthenticated: "denied",
  permission_denied: "denied",
  rate_limited: "unavailable",
  unavailable: "unavailable",
  internal: "internal",
};

/** Refuses a guest's request. */
export function fault(code: HostFaultCode, message: string): HostAnswer {
  return { kind: "fault", code, message };
}

/** Turns what a service threw into a refusal; only the public code and message of our own errors pass. */
export function faultOf(thrown: unknown): HostAnswer {
  if (!isGreenticError(thrown)) return fault("internal", "the host failed");
  return { kind: "fault", code: CODES[thrown.kind], message: `${thrown.code}: ${thrown.message}`, cause: thrown.code };
}
