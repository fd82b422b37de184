// What a component can import from the host, as its engine shows it: `option` is null or the value; the error side of a
// `result` is thrown as an Error whose `payload` is the error's value.

declare module "greentic:http/http-client@1.1.0" {
  export interface HttpRequest {
    method: string;
    url: string;
    headers: [string, string][];
    body?: Uint8Array | null;
  }
  export interface HttpResponse {
    status: number;
    headers: [string, string][];
    body: Uint8Array | null;
  }
  export interface HttpRequestOptions {
    timeoutMs?: number | null;
    allowInsecure?: boolean | null;
    followRedirects?: boolean | null;
  }
  /** Throws with payload `{ code, message }`; code is denied, unavailable, timeout, invalid or internal. */
  export function send(request: HttpRequest, options: HttpRequestOptions | null, ctx: null): HttpResponse;
}

declare module "greentic:secrets-store/secrets-store@1.0.0" {
  /** Throws with payload not-found, denied, invalid-key or internal. */
  export function get(key: string): Uint8Array | null;
}

declare module "greentic:secrets-store/secrets-store@1.1.0" {
  /** Throws with payload not-found, denied, invalid-key or internal. */
  export function get(key: string): Uint8Array | null;
  /** Writes a secret of `[grants] secrets_write`, UTF-8 text; a write that isn't granted stops the component. */
  export function put(key: string, value: Uint8Array): void;
}

declare module "greentic:oauth-broker/broker-v1@1.0.0" {
  /** Each gives an empty text where there is nothing to give. */
  export function getConsentUrl(
    providerId: string,
    subject: string,
    scopes: string[],
    redirectPath: string,
    extraJson: string,
  ): string;
  export function exchangeCode(providerId: string, subject: string, code: string, redirectPath: string): string;
  export function getToken(providerId: string, subject: string, scopes: string[]): string;
}

declare module "greentic:runtime-config/runtime-config@1.0.0" {
  /** A configuration value of the pack as JSON; only for components with a world of their own. */
  export function get(key: string): string | null;
}

declare module "greentic:component/control@0.6.0" {
  /** True from a little before the call is stopped; only for components with a world of their own. */
  export function shouldCancel(): boolean;
  export function yieldNow(): void;
}

declare module "greentic:state/state-store@1.0.0" {
  /** Throws with payload `{ code, message }`; code is not_found where the key has no value. */
  export function read(key: string, ctx: null): Uint8Array;
  export function write(key: string, bytes: Uint8Array, ctx: null): "ok";
  function remove(key: string, ctx: null): "ok";
  export { remove as delete };
}

declare module "greentic:telemetry/logger-api@1.0.0" {
  export interface SpanContext {
    tenant: string;
    sessionId: string | null;
    flowId: string;
    nodeId: string | null;
    provider: string;
    startMs: number | null;
    endMs: number | null;
  }
  export function log(span: SpanContext, fields: [string, string][], ctx: null): "ok";
}

declare module "greentic:host/assets@1.0.0" {
  /** Reads one file of the pack's assets, as `assets/…`; throws with a text as payload. */
  export function read(path: string): Uint8Array;
}

declare module "greentic:host/tools@1.0.0" {
  /** Takes and gives JSON; throws with a text as payload. */
  export function invoke(name: string, inputJson: string): string;
}
