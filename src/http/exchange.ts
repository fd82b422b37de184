import type { AgentOptions, ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import type { RequestOptions as HttpsOptions } from "node:https";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { LookupFunction } from "node:net";
import { isIP } from "node:net";
import { GreenticError, quote } from "../types/index.ts";
import type { HttpHeader, HttpResponse } from "./http-message.ts";
import { bareHost } from "./origin.ts";
import type { CheckedAddress } from "./resolve-address.ts";

interface ExchangeRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: readonly HttpHeader[];
  readonly body: Uint8Array | undefined;
}

interface ExchangeOptions {
  /** Where the connection may go; undefined leaves it to the machine's resolver. */
  readonly addresses: readonly CheckedAddress[] | undefined;
  readonly signal: AbortSignal;
  readonly maxResponseBytes: number;
}

const AGENT: AgentOptions = { keepAlive: true, maxSockets: 64, maxFreeSockets: 16, timeout: 60_000, proxyEnv: {} };
const MAX_RESPONSE_HEADER_BYTES = 32_768;

// A kept connection is reused only for the same checked addresses: its name holds them, else a request that may not reach
// a private address could ride on the connection of one that may.
const nameWith = (name: string, options: { checked?: string } = {}): string =>
  `${name}:${options.checked ?? "unchecked"}`;
class CheckedHttpAgent extends HttpAgent {
  override getName(options?: RequestOptions & { checked?: string }): string {
    return nameWith(super.getName(options), options);
  }
}
class CheckedHttpsAgent extends HttpsAgent {
  override getName(options?: HttpsOptions & { checked?: string }): string {
    return nameWith(super.getName(options), options);
  }
}
const httpAgent = new CheckedHttpAgent(AGENT);
const httpsAgent = new CheckedHttpsAgent(AGENT);

/** Sends one request to the checked addresses and reads the whole response. @throws HTTP_RESPONSE_TOO_LARGE */
export function exchange(request: ExchangeRequest, options: ExchangeOptions): Promise<HttpResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>();
  const { url, body } = request;
  const host = bareHost(url);
  const isSecure = url.protocol === "https:";
  const shared = {
    method: request.method,
    protocol: url.protocol,
    hostname: host.startsWith("[") ? host.slice(1, -1) : host,
    port: url.port === "" ? (isSecure ? 443 : 80) : Number(url.port),
    path: `${url.pathname}${url.search}`,
    headers: headersOf(request, url),
    maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
    insecureHTTPParser: false,
    signal: options.signal,
    ...(options.addresses === undefined
      ? {}
      : { lookup: pinned(options.addresses), checked: options.addresses.map(({ address }) => address).join(",") }),
  };
  const sent: ClientRequest = isSecure
    ? httpsRequest({ ...shared, agent: httpsAgent, ...(isIP(shared.hostname) ? {} : { servername: host }) })
    : httpRequest({ ...shared, agent: httpAgent });
  sent.on("error", reject);
  sent.on("response", (response) => readResponse(response, { url, options, resolve, reject }));
  sent.end(body);
  return promise;
}

function readResponse(response: IncomingMessage, { url, options, resolve, reject }: Reading): void {
  const chunks: Buffer[] = [];
  let size = 0;
  response.on("data", (chunk: Buffer) => {
    size += chunk.byteLength;
    if (size <= options.maxResponseBytes) {
      chunks.push(chunk);
      return;
    }
    const limit = `expected at most ${options.maxResponseBytes} bytes, got more`;
    reject(new GreenticError("HTTP_RESPONSE_TOO_LARGE", `Read from ${quote(url.origin)}: ${limit}`));
    response.destroy();
  });
  response.on("error", reject);
  response.on("end", () => {
    const headers: HttpHeader[] = [];
    const raw = response.rawHeaders;
    for (let i = 0; i + 1 < raw.length; i += 2) headers.push([(raw[i] ?? "").toLowerCase(), raw[i + 1] ?? ""]);
    resolve({ status: response.statusCode ?? 0, headers, body: Buffer.concat(chunks, size) });
  });
}

interface Reading {
  readonly url: URL;
  readonly options: ExchangeOptions;
  readonly resolve: (response: HttpResponse) => void;
  readonly reject: (error: Error) => void;
}

function headersOf(request: ExchangeRequest, url: URL): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>;
  for (const [name, value] of request.headers) {
    const before = headers[name];
    headers[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value];
  }
  headers["host"] = url.host;
  // What isn't compressed can't unfold beyond the response's size limit.
  headers["accept-encoding"] ??= "identity";
  headers["user-agent"] ??= "greentic";
  if (request.body !== undefined || !["GET", "HEAD", "OPTIONS"].includes(request.method)) {
    headers["content-length"] = String(request.body?.byteLength ?? 0);
  }
  return headers;
}

function pinned(addresses: readonly CheckedAddress[]): LookupFunction {
  return (_host, options, callback) => {
    if (options.all === true) callback(null, [...addresses]);
    else callback(null, addresses[0]?.address ?? "", addresses[0]?.family ?? 4);
  };
}
