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
  | { readonly kind: "secret-write"; readonly name: string; readonly value: Uint8Array }
  | ({ readonly kind: "state-read" } & StatePlace)
  | ({ readonly kind: "state-write"; readonly value: Uint8Array } & StatePlace)
  | ({ readonly kind: "state-delete" } & StatePlace)
  | { readonly kind: "tool"; readonly name: string; readonly inputJson: string }
  | { readonly kind: "asset"; readonly path: string }
  | { readonly kind: "asset-list" }
  | { readonly kind: "config"; readonly key: string }
  | {
      readonly kind: "oauth-consent";
      readonly provider: string;
      readonly subject: string;
      readonly scopes: readonly string[];
      readonly redirectPath: string;
      readonly extraJson: string;
    }
  | {
      readonly kind: "oauth-exchange";
      readonly provider: string;
      readonly subject: string;
      readonly code: string;
      readonly redirectPath: string;
    }
  | {
      readonly kind: "oauth-token";
      readonly provider: string;
      readonly subject: string;
      readonly scopes: readonly string[];
    };

/** Where a value of a component's state is. */
interface StatePlace {
  readonly key: string;
  /** A key-value namespace, which never meets keys without one; undefined for the component's own keys. */
  readonly namespace?: string | undefined;
}

/** The classes of refusal that a guest can tell apart. */
export type HostFaultCode = "denied" | "not_found" | "unavailable" | "timeout" | "invalid" | "internal";

/** What the host answers; a guest never sees an error of the host's own. */
export type HostAnswer =
  | { readonly kind: "ok"; readonly value: unknown }
  | { readonly kind: "fault"; readonly code: HostFaultCode; readonly message: string; readonly cause?: string };

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
    case "secret-write":
    case "state-write":
    case "state-delete":
    case "tool":
    case "oauth-consent":
    case "oauth-exchange":
      return true;
    case "secret":
    case "state-read":
    case "oauth-token":
    default:
      return false;
  }
}
