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
