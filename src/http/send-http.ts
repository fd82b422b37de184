import { GreenticError, quote } from "../types/index.ts";
import { checkHeaders, checkMethod, checkUrl } from "./check-request.ts";
import type { OpenResponse } from "./exchange.ts";
import { exchange, readBody, sizeOf, streamBody } from "./exchange.ts";
import type { HttpBody, HttpHeader, HttpRequest, HttpResponse, HttpStream } from "./http-message.ts";
import { isOriginAllowed } from "./origin.ts";
import type { ResolveHost } from "./resolve-address.ts";
import { resolveAddresses, resolveHost } from "./resolve-address.ts";
import type { HttpRewrite } from "./rewrite.ts";
import { rewriteUrl } from "./rewrite.ts";

export type { ResolveHost } from "./resolve-address.ts";

/** Lets a request through, or throws. */
export type JudgeRequest = (request: { readonly url: URL; readonly method: string }) => void | Promise<void>;

/** What the operator decides about outbound requests. */
export interface HttpOptions {
  /** Addresses or CIDR ranges that are reachable though they aren't public. Default none. */
  readonly privateAddresses?: readonly string[];
  /** Applied after the original URL was judged; the target's address isn't checked. Default none. */
  readonly rewrites?: readonly HttpRewrite[];
  /** Default 4 MiB, of a stream 64 MiB. */
  readonly maxResponseBytes?: number;
  /** Default 8 MiB, of a stream 64 MiB. */
  readonly maxRequestBytes?: number;
  readonly signal?: AbortSignal;
  /** Judges every URL, redirects included, before anything is sent there; what it throws is what the request fails with. */
  readonly judge?: JudgeRequest | undefined;
  /** Default the machine's resolver. */
  readonly resolve?: ResolveHost;
}

interface Hop {
  readonly method: string;
  readonly url: URL;
  readonly headers: readonly HttpHeader[];
  readonly body: Uint8Array | HttpBody | undefined;
}

const MAX_REDIRECTS = 3;
const MAX_REDIRECT_BYTES = 1 << 20;
const DEFAULT_TIMEOUT_MS = 30_000;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
// Whatever else a caller sends may be a credential (`x-api-key`, cookies): only these go on to another origin.
const KEPT_ACROSS_ORIGINS = new Set(["accept", "accept-language", "content-type", "user-agent"]);

/**
 * Sends one request to an allowed origin and follows at most three redirects, each judged like the first URL. Proxies of
 * the machine's environment aren't used.
 * @throws HTTP_URL_INVALID, HTTP_METHOD_INVALID, HTTP_HEADER_INVALID, HTTP_REQUEST_TOO_LARGE, HTTP_ORIGIN_DENIED,
 * HTTP_ADDRESS_DENIED, HTTP_HOST_UNRESOLVED, HTTP_UNAVAILABLE, HTTP_TIMEOUT, HTTP_RESPONSE_TOO_LARGE, HTTP_REDIRECT_INVALID
 */
export async function sendHttp(request: HttpRequest, options: HttpOptions = {}): Promise<HttpResponse> {
  const deadline = AbortSignal.timeout(timeoutOf(request));
  const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
  return follow(request, { ...options, signal, deadline }, async (response) => ({
    status: response.status,
    headers: response.headers,
    body: await readBody(response, options.maxResponseBytes ?? 4 << 20),
  }));
}

/**
 * Sends one request as {@link sendHttp} does and hands the body on while it arrives: server-sent events. The request's timeout
 * ends with the headers; `signal` covers the body too, of which at most `maxResponseBytes` (default 64 MiB) are read.
 * @throws as {@link sendHttp}
 */
export async function openHttp(request: HttpRequest, options: HttpOptions = {}): Promise<HttpStream> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutOf(request));
  const signal = options.signal === undefined ? late.signal : AbortSignal.any([late.signal, options.signal]);
  try {
    return await follow(request, { ...options, signal, deadline: late.signal, isStream: true }, (response) => ({
      status: response.status,
      headers: response.headers,
      body: streamBody(response, options.maxResponseBytes ?? 64 << 20),
    }));
  } finally {
    clearTimeout(timer);
  }
}

function timeoutOf({ timeoutMs }: HttpRequest): number {
  return Math.max(1, timeoutMs ?? DEFAULT_TIMEOUT_MS);
}

interface HopOptions extends HttpOptions {
  readonly signal: AbortSignal;
  /** Aborts when the request's time is over. */
  readonly deadline: AbortSignal;
  readonly isStream?: boolean;
}

async function follow<T>(
  request: HttpRequest,
  options: HopOptions,
  read: (response: OpenResponse) => T | Promise<T>,
): Promise<T> {
  let hop: Hop = {
    method: checkMethod(request.method),
    url: checkUrl(request.url),
    headers: checkHeaders(request.headers),
    body: request.stream
      ? checkBody(request.stream, options.maxRequestBytes ?? 64 << 20)
      : checkBody(request.body, options.maxRequestBytes ?? 8 << 20),
  };
  try {
    for (let redirects = 0; ; redirects++) {
      const response = await sendHop(hop, request.origins, options);
      const location = REDIRECTS.has(response.status) ? headerOf(response, "location") : undefined;
      if (location === undefined || request.followRedirects === false) return await read(response);
      if (redirects === MAX_REDIRECTS) {
        response.message.destroy();
        throw new GreenticError("HTTP_REDIRECT_INVALID", `Follow ${quote(hop.url.origin)}: more than ${MAX_REDIRECTS}`);
      }
      // A redirect's text is nobody's; reading it keeps the connection.
      await readBody(response, MAX_REDIRECT_BYTES);
      hop = nextHop(hop, response.status, location);
    }
  } catch (error) {
    if (error instanceof GreenticError) throw error;
    const origin = quote(hop.url.origin);
    if (options.deadline.aborted) {
      const limit = `no answer within ${timeoutOf(request)} ms`;
      throw new GreenticError("HTTP_TIMEOUT", `Send to ${origin}: ${limit}`, { cause: error });
    }
    const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "aborted";
    throw new GreenticError("HTTP_UNAVAILABLE", `Send to ${origin}: ${quote(code)}`, { cause: error });
  }
}

async function sendHop(hop: Hop, origins: readonly string[], options: HopOptions): Promise<OpenResponse> {
  if (!isOriginAllowed(hop.url, origins)) {
    throw new GreenticError("HTTP_ORIGIN_DENIED", `Send to ${quote(hop.url.origin)}: origin isn't granted`);
  }
  if (options.judge !== undefined) await options.judge({ url: hop.url, method: hop.method });
  const rewritten = rewriteUrl(hop.url, options.rewrites ?? []);
  const { privateAddresses = [], resolve = resolveHost, signal, isStream = false } = options;
  const addresses =
    rewritten === undefined
      ? await untilAborted(resolveAddresses(hop.url, { privateAddresses, resolve }), signal)
      : undefined;
  return exchange({ ...hop, url: rewritten ?? hop.url }, { addresses, signal, isStream });
}

function nextHop(hop: Hop, status: number, location: string): Hop {
  let url: URL;
  try {
    url = checkUrl(location, hop.url);
  } catch (error) {
    throw new GreenticError("HTTP_REDIRECT_INVALID", `Follow ${quote(hop.url.origin)}: malformed location`, {
      cause: error,
    });
  }
  const becomesGet = (status === 303 && hop.method !== "HEAD") || (status < 303 && hop.method === "POST");
  let headers = hop.headers;
  if (url.origin !== hop.url.origin) headers = headers.filter(([name]) => KEPT_ACROSS_ORIGINS.has(name));
  if (becomesGet) headers = headers.filter(([name]) => !name.startsWith("content-"));
  return { method: becomesGet ? "GET" : hop.method, url, headers, body: becomesGet ? undefined : hop.body };
}

function checkBody(body: Hop["body"], maxBytes: number): Hop["body"] {
  const size = sizeOf(body);
  if (size > maxBytes) {
    throw new GreenticError(
      "HTTP_REQUEST_TOO_LARGE",
      `Send an HTTP request: expected at most ${maxBytes} bytes, got ${size}`,
    );
  }
  return body;
}

function headerOf(response: OpenResponse, name: string): string | undefined {
  return response.headers.find(([key]) => key === name)?.[1];
}

/** The machine's resolver can't be cancelled; the wait for it can. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason as Error);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
