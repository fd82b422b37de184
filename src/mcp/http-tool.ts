import type { GrantAuth } from "../config/index.ts";
import type { HttpHeader, HttpRequest, HttpResponse } from "../http/index.ts";
import type { JsonObject, JsonValue, OutcomeError, TenantCtx } from "../types/index.ts";
import { GreenticError, isGreenticError, isJsonObject, parseJson, quote } from "../types/index.ts";
import { checkOutput } from "./check-input.ts";
import type { BackendCall, BackendResult, ToolBackend, ToolFacts } from "./tool-backend.ts";
import { errorOf } from "./tool-backend.ts";
import type { HttpEndpoint, ToolMapEntry } from "./tool-map.ts";

/** What HTTP tools need of the host. */
export interface HttpToolsOptions {
  /** Sends a request under the tenant's egress policy. */
  readonly send: (ctx: TenantCtx, request: HttpRequest, signal?: AbortSignal) => Promise<HttpResponse>;
  /** Reads a secret of the pack; undefined where there is none, or where policy keeps it. */
  readonly secret: (ctx: TenantCtx, name: string) => Promise<string | undefined>;
  /** Gives a token of the OAuth broker for a request to a URL; without it there are none. */
  readonly grant?: (ctx: TenantCtx, wanted: GrantAuth, url: URL) => Promise<string>;
  /** Tells whether the tenant's policy lets the pack reach an origin. Default: any. */
  readonly isOriginAllowed?: (origin: string) => boolean;
}

const SAFE = new Set(["GET"]);
const IDEMPOTENT = new Set(["GET", "PUT", "DELETE"]);
const RETRYABLE = new Set([408, 425, 429, 500, 502, 503, 504]);
/** Statuses with which a server says that it did nothing. */
const UNDONE = new Set([425, 429, 503]);
const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Tools that are HTTP endpoints: fields in braces fill the URL's path; what is left of the input is the query of GET and DELETE
 * and the JSON body of the others. A JSON answer is the result, any other its text; a status of 400 or more is a failure.
 */
export class HttpTools implements ToolBackend {
  readonly #options: HttpToolsOptions;

  constructor(options: HttpToolsOptions) {
    this.#options = options;
  }

  async describe(_ctx: TenantCtx, entry: ToolMapEntry): Promise<ToolFacts> {
    const { description, inputSchema, outputSchema, method } = endpointOf(entry);
    return {
      description,
      inputSchema,
      ...(outputSchema === undefined ? {} : { outputSchema }),
      readOnly: SAFE.has(method),
      idempotent: IDEMPOTENT.has(method),
    };
  }

  async invoke(ctx: TenantCtx, entry: ToolMapEntry, call: BackendCall): Promise<BackendResult> {
    const endpoint = endpointOf(entry);
    let response: HttpResponse;
    try {
      const request = await this.#request(ctx, endpoint, call);
      response = await this.#options.send(ctx, request, call.signal);
    } catch (error) {
      if (!isGreenticError(error)) throw error;
      const isUnknown = error.code === "HTTP_TIMEOUT" || error.code === "HTTP_UNAVAILABLE";
      return { kind: "error", error: errorOf(error), isUnknown };
    }
    const body = readBody(response);
    if (response.status >= 400) {
      return { kind: "error", error: failureOf(entry, response, body), isUnknown: !UNDONE.has(response.status) };
    }
    if (endpoint.outputSchema !== undefined) {
      try {
        checkOutput(entry.name, endpoint.outputSchema, body);
      } catch (error) {
        if (!isGreenticError(error)) throw error;
        return { kind: "error", error: errorOf(error) };
      }
    }
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return { kind: "ok", result: body, content: [{ type: "text", text }] };
  }

  async #request(ctx: TenantCtx, endpoint: HttpEndpoint, call: BackendCall): Promise<HttpRequest> {
    const { method, auth, headers } = endpoint;
    const { url, rest } = fillUrl(endpoint, isJsonObject(call.input) ? call.input : {});
    if (this.#options.isOriginAllowed?.(url.origin) === false) {
      throw new GreenticError("HTTP_ORIGIN_DENIED", `Call ${quote(url.origin)}: its origin isn't allowed`);
    }
    const sent: HttpHeader[] = Object.entries(headers);
    sent.push(["accept", "application/json, text/*;q=0.5"]);
    if (ctx.idempotencyKey !== undefined && !SAFE.has(method)) sent.push(["idempotency-key", ctx.idempotencyKey]);
    if (auth?.kind === "grant") {
      const { grant } = this.#options;
      if (grant === undefined)
        throw new GreenticError(
          "OAUTH_PROVIDER_UNKNOWN",
          `Call ${quote(url.origin)}: no OAuth provider ${quote(auth.provider)} is declared`,
        );
      sent.push(["authorization", `Bearer ${await grant(ctx, auth, url)}`]);
    } else if (auth !== undefined) {
      const secret = await this.#options.secret(ctx, auth.secret);
      if (secret === undefined) {
        throw new GreenticError("MCP_SECRET_MISSING", `Call ${quote(url.origin)}: no secret ${quote(auth.secret)}`);
      }
      sent.push(auth.kind === "bearer" ? ["authorization", `Bearer ${secret}`] : [auth.header, secret]);
    }
    const hasBody = method === "POST" || method === "PUT" || method === "PATCH";
    if (hasBody) sent.push(["content-type", "application/json"]);
    else for (const [name, value] of Object.entries(rest)) addQuery(url, name, value);
    return {
      method,
      url: url.href,
      headers: sent,
      origins: [url.origin],
      timeoutMs: call.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      ...(hasBody ? { body: Buffer.from(JSON.stringify(rest)) } : {}),
    };
  }
}

function endpointOf({ name, target }: ToolMapEntry): HttpEndpoint {
  if (target.kind === "http") return target.endpoint;
  throw new TypeError(`Call tool ${quote(name)}: it is no HTTP endpoint`);
}

/** Puts fields into the path; each is one segment or part of one, whatever it holds. @throws MCP_INPUT_INVALID */
function fillUrl({ url }: HttpEndpoint, input: JsonObject): { readonly url: URL; readonly rest: JsonObject } {
  const rest: Record<string, JsonValue> = { ...input };
  const filled = url.replaceAll(/\{([^{}]+)\}/g, (_all, name: string) => {
    const value = Object.hasOwn(input, name) ? input[name] : undefined;
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") {
      throw new GreenticError("MCP_INPUT_INVALID", `Call an HTTP tool: ${quote(name)} must be a text or number`);
    }
    // `.` and `..` would climb out of the path though nothing in them is escaped.
    if (value === "" || /^\.{1,2}$/.test(String(value))) {
      throw new GreenticError("MCP_INPUT_INVALID", `Call an HTTP tool: ${quote(name)} can't stand in a path`);
    }
    delete rest[name];
    return encodeURIComponent(String(value));
  });
  return { url: new URL(filled), rest };
}

function addQuery(url: URL, name: string, value: JsonValue): void {
  if (Array.isArray(value)) for (const item of value as readonly JsonValue[]) addQuery(url, name, item);
  else if (value !== null)
    url.searchParams.append(name, typeof value === "object" ? JSON.stringify(value) : String(value));
}

function readBody({ headers, body }: HttpResponse): JsonValue {
  const type = headers.find(([name]) => name === "content-type")?.[1] ?? "";
  if (/^application\/(?:[\w.+-]+\+)?json\b/i.test(type)) {
    try {
      return parseJson(body);
    } catch {
      // What calls itself JSON and isn't is text like any other.
    }
  }
  return new TextDecoder().decode(body);
}

function failureOf({ name }: ToolMapEntry, response: HttpResponse, body: JsonValue): OutcomeError {
  const { status, headers } = response;
  const wait = Number(headers.find(([header]) => header === "retry-after")?.[1]);
  return {
    code: "MCP_ENDPOINT_FAILED",
    message: `Call tool ${quote(name)}: it answered with HTTP ${status}`,
    retryable: RETRYABLE.has(status),
    ...(Number.isFinite(wait) && wait > 0 ? { backoffMs: Math.min(wait * 1_000, 60_000) } : {}),
    details: { status, body },
  };
}
