/** What a guest asks of the host: plain data, since it crosses a process. */
export type HostRequest =
  | {
      readonly kind: "http";
      readonly method: string;
      readonly url: string;
      readonly headers: readonly (readonly [string, string])[];
      readonly body: Uint8Array | undefined;
      readonly timeoutMs: number | undefined;
      readonly followRedirects: boolean;
    }
  | { readonly kind: "secret"; readonly name: string }
  | { readonly kind: "state-read"; readonly key: string }
  | { readonly kind: "state-write"; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: "state-delete"; readonly key: string }
  | { readonly kind: "tool"; readonly name: string; readonly inputJson: string }
  | { readonly kind: "asset"; readonly path: string };

/** The classes of refusal that a guest can tell apart. */
export type HostFaultCode = "denied" | "not_found" | "unavailable" | "timeout" | "invalid" | "internal";

/** What the host answers; a guest never sees an error of the host's own. */
export type HostAnswer =
  | { readonly kind: "ok"; readonly value: unknown }
  | { readonly kind: "fault"; readonly code: HostFaultCode; readonly message: string };

/** A line of a guest's log. */
export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
}

/** Tells whether a request may change something outside the call, so that the call can't be repeated unnoticed. */
export function hasEffect(request: HostRequest): boolean {
  switch (request.kind) {
    case "http":
      return !["GET", "HEAD", "OPTIONS"].includes(request.method.toUpperCase());
    case "state-write":
    case "state-delete":
    case "tool":
      return true;
    case "secret":
    case "state-read":
    default:
      return false;
  }
}
