import { GreenticError, isGreenticError, quote } from "../types/index.ts";

/** One request to one address; redirects are handed back. */
export interface ExchangeRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH";
  readonly url: URL;
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

/** Sends one request over fetch. Answers are asked for unencoded, so that nothing unfolds. @throws OCI_REGISTRY_UNAVAILABLE */
export async function exchange(request: ExchangeRequest): Promise<RegistryResponse> {
  const { method, url, headers, body, idleTimeoutMs } = request;
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
  let response: Response;
  try {
    response = await watch(
      fetch(url, {
        method,
        headers: { "accept-encoding": "identity", "user-agent": "greentic", ...headers },
        redirect: "manual",
        signal,
        ...(body && { body: body as Uint8Array<ArrayBuffer> }),
      }),
      idleTimeoutMs + (body?.byteLength ?? 0) / MIN_UPLOAD_BYTES_PER_MS,
    );
  } catch (error) {
    throw failed(error);
  }
  return {
    status: response.status,
    headers: response.headers,
    url,
    body: {
      async *[Symbol.asyncIterator]() {
        if (response.body === null) return;
        const reader = response.body.getReader();
        try {
          for (;;) {
            const { done, value } = await watch(reader.read(), idleTimeoutMs);
            if (done) return;
            yield value;
          }
        } catch (error) {
          throw failed(error);
        } finally {
          await reader.cancel().catch(() => undefined);
        }
      },
    },
    cancel: async () => {
      await response.body?.cancel().catch(() => undefined);
    },
  };
}

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
