import type { AgentOptions, ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import type { RequestOptions as HttpsOptions } from "node:https";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { LookupFunction } from "node:net";
import { isIP } from "node:net";
import { GreenticError, quote } from "../types/index.ts";
import type { HttpBody, HttpHeader } from "./http-message.ts";
import { bareHost } from "./origin.ts";
import type { CheckedAddress } from "./resolve-address.ts";

interface ExchangeRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: readonly HttpHeader[];
  readonly body: Uint8Array | HttpBody | undefined;
}

interface ExchangeOptions {
  /** Where the connection may go; undefined leaves it to the machine's resolver. */
  readonly addresses: readonly CheckedAddress[] | undefined;
  readonly signal: AbortSignal;
  /** True where the response may stay open for long. */
  readonly isStream?: boolean;
}

const AGENT: AgentOptions = { keepAlive: true, maxSockets: 64, maxFreeSockets: 64, timeout: 60_000, proxyEnv: {} };
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
const AGENTS = { http: new CheckedHttpAgent(AGENT), https: new CheckedHttpsAgent(AGENT) };
// Streams stay open for as long as their session lasts; among the others they would take every place that there is.
const STREAMS: AgentOptions = { ...AGENT, maxSockets: 4_096 };
const STREAM_AGENTS = { http: new CheckedHttpAgent(STREAMS), https: new CheckedHttpsAgent(STREAMS) };

/** A response of which status and headers are here. */
export interface OpenResponse {
  readonly url: URL;
  readonly status: number;
  readonly headers: readonly HttpHeader[];
  readonly message: IncomingMessage;
}

/** Sends one request to the checked addresses; resolves when the response's headers are here. */
export function exchange(request: ExchangeRequest, options: ExchangeOptions): Promise<OpenResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<OpenResponse>();
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
  const { http, https } = options.isStream === true ? STREAM_AGENTS : AGENTS;
  const sent: ClientRequest = isSecure
    ? httpsRequest({ ...shared, agent: https, ...(isIP(shared.hostname) ? {} : { servername: host }) })
    : httpRequest({ ...shared, agent: http });
  sent.on("error", reject);
  sent.on("response", (message) => {
    const headers: HttpHeader[] = [];
    const raw = message.rawHeaders;
    for (let i = 0; i + 1 < raw.length; i += 2) headers.push([(raw[i] ?? "").toLowerCase(), raw[i + 1] ?? ""]);
    resolve({ url, status: message.statusCode ?? 0, headers, message });
  });
  if (body === undefined || body instanceof Uint8Array) sendBody(sent, body);
  else
    sendStream(sent, body).catch((error: unknown) => {
      // A body that breaks off must not look whole: without its end the server drops it.
      reject(error);
      sent.destroy();
    });
  return promise;
}

/** The length of a body in bytes, 0 where there is none. */
export function sizeOf(body: ExchangeRequest["body"]): number {
  return body === undefined ? 0 : body instanceof Uint8Array ? body.byteLength : body.sizeBytes;
}

/** Handing over more at once would hold up the event loop: TLS encrypts it in one go. */
const SLICE_BYTES = 128 << 10;

/** Sends a body as fast as the connection takes it. */
function sendBody(sent: ClientRequest, body: Uint8Array | undefined): void {
  let at = 0;
  const send = (): void => {
    for (;;) {
      const slice = body?.subarray(at, at + SLICE_BYTES);
      at += SLICE_BYTES;
      if (body === undefined || at >= body.byteLength) return void sent.end(slice);
      if (!sent.write(slice)) return void sent.once("drain", send);
    }
  };
  send();
}

/** Sends a body as it is read. What is read must have the length that the headers said. */
async function sendStream(sent: ClientRequest, { sizeBytes, read }: HttpBody): Promise<void> {
  let size = 0;
  for await (const chunk of read()) {
    size += chunk.byteLength;
    if (size > sizeBytes) break;
    // A connection that is gone has told why by its error.
    if (sent.destroyed) return;
    if (!sent.write(chunk)) await untilDrained(sent);
  }
  if (size !== sizeBytes) throw new TypeError(`Send body: expected ${sizeBytes} bytes, got ${size}`);
  sent.end();
}

function untilDrained(sent: ClientRequest): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (): void => {
    sent.off("drain", done).off("close", done);
    resolve();
  };
  sent.on("drain", done).on("close", done);
  return promise;
}

/** Reads the rest of a response. @throws HTTP_RESPONSE_TOO_LARGE */
export function readBody({ url, message }: OpenResponse, maxBytes: number): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const chunks: Buffer[] = [];
  let size = 0;
  message.on("data", (chunk: Buffer) => {
    size += chunk.byteLength;
    if (size <= maxBytes) {
      chunks.push(chunk);
      return;
    }
    reject(tooLarge(url, maxBytes));
    message.destroy();
  });
  message.on("error", reject);
  message.on("end", () => resolve(Buffer.concat(chunks, size)));
  return promise;
}

/** Hands the rest of a response on as it arrives, no faster than it is read. */
export function streamBody({ url, message }: OpenResponse, maxBytes: number): ReadableStream<Uint8Array> {
  let size = 0;
  let isOver = false;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const fail = (error: GreenticError): void => {
        if (isOver) return;
        isOver = true;
        controller.error(error);
        message.destroy();
      };
      message.on("data", (chunk: Buffer) => {
        if (isOver) return;
        size += chunk.byteLength;
        if (size > maxBytes) return fail(tooLarge(url, maxBytes));
        controller.enqueue(new Uint8Array(chunk));
        if ((controller.desiredSize ?? 0) <= 0) message.pause();
      });
      message.on("error", (cause: Error) =>
        fail(new GreenticError("HTTP_UNAVAILABLE", `Read from ${quote(url.origin)}: broken off`, { cause })),
      );
      message.on("end", () => {
        if (!isOver) controller.close();
        isOver = true;
      });
    },
    pull: () => void message.resume(),
    cancel() {
      isOver = true;
      message.destroy();
    },
  });
}

function tooLarge(url: URL, maxBytes: number): GreenticError {
  const limit = `expected at most ${maxBytes} bytes, got more`;
  return new GreenticError("HTTP_RESPONSE_TOO_LARGE", `Read from ${quote(url.origin)}: ${limit}`);
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
    headers["content-length"] = String(sizeOf(request.body));
  }
  return headers;
}

function pinned(addresses: readonly CheckedAddress[]): LookupFunction {
  return (_host, options, callback) => {
    if (options.all === true) callback(null, [...addresses]);
    else callback(null, addresses[0]?.address ?? "", addresses[0]?.family ?? 4);
  };
}
