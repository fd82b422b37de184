import { exchange as exchangeHttp } from "../http/index.ts";
import type { CheckedAddress, OpenResponse } from "../http/index.ts";
import { GreenticError, isGreenticError, quote } from "../types/index.ts";

/** One request to one address; redirects are handed back. */
export interface ExchangeRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH";
  readonly url: URL;
  /** Where the connection goes. */
  readonly addresses: readonly CheckedAddress[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal | undefined;
  /** How long nothing may arrive. */
  readonly idleTimeoutMs: number;
}

/** What came back; the body must be read or cancelled. */
export interface RegistryResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly url: URL;
  /** Fails with OCI_REGISTRY_UNAVAILABLE where the connection breaks or nothing arrives in time. */
  readonly body: AsyncIterable<Uint8Array>;
  cancel(): Promise<void>;
}

/** The slowest upload that isn't given up. */
const MIN_UPLOAD_BYTES_PER_MS = 32;

/** Sends one request. Answers are asked for unencoded, so that nothing unfolds. @throws OCI_REGISTRY_UNAVAILABLE */
export async function exchange(request: ExchangeRequest): Promise<RegistryResponse> {
  const { method, url, addresses, headers, body, idleTimeoutMs } = request;
  const idle = new AbortController();
  const signal = request.signal === undefined ? idle.signal : AbortSignal.any([idle.signal, request.signal]);
  const watch = <T>(work: Promise<T>, limitMs: number): Promise<T> => {
    const timer = setTimeout(() => idle.abort(), limitMs);
    return work.finally(() => clearTimeout(timer));
  };
  const failed = (cause: unknown): unknown => {
    if (isGreenticError(cause) || request.signal?.aborted === true) return cause;
    const state = idle.signal.aborted ? `nothing arrived for ${idleTimeoutMs} ms` : "no connection, or broken off";
    return new GreenticError("OCI_REGISTRY_UNAVAILABLE", `${method} at ${quote(url.origin)}: ${state}`, { cause });
  };
  let response: OpenResponse;
  try {
    response = await watch(
      exchangeHttp({ method, url, headers: Object.entries(headers), body }, { addresses, signal }),
      idleTimeoutMs + (body?.byteLength ?? 0) / MIN_UPLOAD_BYTES_PER_MS,
    );
  } catch (error) {
    throw failed(error);
  }
  const { message } = response;
  return {
    status: response.status,
    headers: new Headers(response.headers.map(([name, value]) => [name, value])),
    url,
    body: {
      async *[Symbol.asyncIterator]() {
        const chunks = message[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
        try {
          for (;;) {
            const { done, value } = await watch(chunks.next(), idleTimeoutMs);
            if (done === true) return;
            yield value;
          }
        } catch (error) {
          throw failed(error);
        } finally {
          // What is left of a body that nobody reads on ends with its connection.
          if (!message.complete) message.destroy();
        }
      },
    },
    cancel: async () => {
      // Errors of what nobody reads are nobody's.
      message.on("error", () => undefined);
      const rest = method === "HEAD" ? 0 : Number(message.headers["content-length"] ?? Infinity);
      if (rest > KEPT_BYTES) message.destroy();
      else message.setTimeout(idleTimeoutMs, () => message.destroy()).resume();
    },
  };
}

/** Reading so much to its end costs less than another connection. */
const KEPT_BYTES = 64 << 10;

/** Reads a body of at most `maxBytes`. @throws OCI_BODY_TOO_LARGE, OCI_REGISTRY_UNAVAILABLE */
export async function readBody(response: RegistryResponse, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge(response.url, maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** Says that a registry sends more than was asked for. */
export function tooLarge(url: URL, maxBytes: number): GreenticError {
  const limit = `expected at most ${maxBytes} bytes, got more`;
  return new GreenticError("OCI_BODY_TOO_LARGE", `Read from ${quote(url.origin)}: ${limit}`);
}
