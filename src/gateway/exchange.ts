/**
 * A request and its answer apart from any server: the intake routes are written against this, so that they run on node:http
 * directly (hot) and inside the Hono app (`app.request`, embedding) alike.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { OpenBlob } from "../blob/index.ts";
import type { WebhookRequest } from "../messaging/index.ts";
import { GreenticError } from "../types/index.ts";
import { clientAddress } from "./client-address.ts";

/** A request whose body is still to be read. */
export interface GatewayRequest {
  readonly method: string;
  /** Path without query, as it came. */
  readonly path: string;
  /** Without the question mark; empty where there is none. */
  readonly query: string;
  /** The peer's address; empty where it isn't known. */
  readonly address: string;
  /** One header's value; undefined where it is absent, all values with commas between them where it was sent more than once. */
  readonly header: (name: string) => string | undefined;
  readonly headers: () => WebhookRequest["headers"];
  /** Reads the body, once. @throws GATEWAY_BODY_TOO_LARGE, GATEWAY_ENCODING_UNSUPPORTED, GATEWAY_BODY_INCOMPLETE */
  readonly body: (maxBytes: number) => Promise<Uint8Array>;
  /** Reads the body in place of `body`, once, while it arrives. @throws as `body` */
  readonly stream: (maxBytes: number) => AsyncIterable<Uint8Array>;
}

/** What is sent back. */
export interface GatewayAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | OpenBlob;
}

const EMPTY = new Uint8Array(0);

/** Wraps a request of node:http. */
export function fromNode(incoming: IncomingMessage, trustedProxies: readonly string[] = []): GatewayRequest {
  const url = incoming.url ?? "/";
  const mark = url.indexOf("?");
  return {
    method: incoming.method ?? "GET",
    path: mark === -1 ? url : url.slice(0, mark),
    query: mark === -1 ? "" : url.slice(mark + 1),
    address: clientAddress(incoming.socket.remoteAddress ?? "", forwardedFor(incoming, trustedProxies), trustedProxies),
    header: (name) => {
      const values = incoming.headersDistinct[name];
      return values?.length === 1 ? values[0] : values?.join(", ");
    },
    headers: () => {
      const headers: Record<string, string | readonly string[]> = {};
      for (const [name, values] of Object.entries(incoming.headersDistinct)) {
        if (values !== undefined) headers[name] = values.length === 1 ? (values[0] ?? "") : values;
      }
      return headers;
    },
    body: (maxBytes) => readNodeBody(incoming, maxBytes),
    stream: (maxBytes) =>
      limit(incoming.iterator({ destroyOnReturn: false }), {
        maxBytes,
        refusal: refuseByHeaders(incoming.headers["content-length"], incoming.headers["content-encoding"], maxBytes),
      }),
  };
}

function forwardedFor({ headers }: IncomingMessage, trustedProxies: readonly string[]): string | undefined {
  const value = trustedProxies.length === 0 ? undefined : headers["x-forwarded-for"];
  return typeof value === "string" ? value : value?.join(",");
}

function readNodeBody(incoming: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const refusal = refuseByHeaders(incoming.headers["content-length"], incoming.headers["content-encoding"], maxBytes);
  if (refusal !== undefined) return Promise.reject(refusal);
  if (incoming.readableEnded || incoming.complete) {
    const rest = incoming.read() as Buffer | null;
    return rest !== null && rest.byteLength > maxBytes
      ? Promise.reject(tooLarge(maxBytes))
      : Promise.resolve(rest ?? EMPTY);
  }
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const chunks: Buffer[] = [];
  let size = 0;
  incoming.on("data", (chunk: Buffer) => {
    size += chunk.byteLength;
    if (size > maxBytes) {
      // What else comes is dropped unread; the answer closes the connection.
      chunks.length = 0;
      incoming.pause();
      reject(tooLarge(maxBytes));
      return;
    }
    chunks.push(chunk);
  });
  incoming.on("end", () => resolve(chunks.length === 1 ? (chunks[0] ?? EMPTY) : Buffer.concat(chunks, size)));
  const broken = (): void => {
    // Every request closes; making an error is costly.
    if (incoming.readableEnded) return;
    reject(new GreenticError("GATEWAY_BODY_INCOMPLETE", "Read request body: connection ended early"));
  };
  incoming.on("error", broken);
  incoming.on("close", broken);
  return promise;
}

/** Writes an answer to node:http. */
export function toNode(answer: GatewayAnswer, outgoing: ServerResponse): void {
  if (outgoing.destroyed || outgoing.headersSent) return;
  // Text leaves in one piece with its headers, bytes don't: node:http writes them apart.
  const { body } = answer;
  // A body that was refused unread leaves bytes on the connection that nobody wants to read.
  const isUnread = !outgoing.req.complete;
  outgoing.writeHead(answer.status, {
    ...answer.headers,
    "content-length": lengthOf(body),
    ...(isUnread ? { connection: "close" } : {}),
  });
  if (outgoing.req.method === "HEAD") outgoing.end();
  else if (typeof body === "string" || body instanceof Uint8Array) outgoing.end(body);
  // A file that breaks off ends the connection, so that nobody takes it for whole.
  else pipeline(body.read(), outgoing).catch(() => outgoing.destroy());
}

function lengthOf(body: GatewayAnswer["body"]): number {
  if (typeof body === "string") return Buffer.byteLength(body);
  return body instanceof Uint8Array ? body.byteLength : body.sizeBytes;
}

/** Passes a body on until it is over or too long. */
async function* limit(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { maxBytes, refusal }: { readonly maxBytes: number; readonly refusal: GreenticError | undefined },
): AsyncGenerator<Uint8Array, void> {
  if (refusal !== undefined) throw refusal;
  let size = 0;
  try {
    for await (const chunk of chunks) {
      size += chunk.byteLength;
      if (size > maxBytes) throw tooLarge(maxBytes);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof GreenticError) throw error;
    throw new GreenticError("GATEWAY_BODY_INCOMPLETE", "Read request body: connection ended early", { cause: error });
  }
}

/** Wraps a request of the Fetch standard. */
export function fromWeb(request: Request, address: string): GatewayRequest {
  const url = new URL(request.url);
  return {
    method: request.method,
    path: url.pathname,
    query: url.search.slice(1),
    address,
    header: (name) => request.headers.get(name) ?? undefined,
    headers: () => Object.fromEntries(request.headers),
    body: (maxBytes) => readWebBody(request, maxBytes),
    stream: (maxBytes) => {
      const { headers } = request;
      const refusal = refuseByHeaders(headers.get("content-length"), headers.get("content-encoding"), maxBytes);
      return limit(request.body?.values({ preventCancel: true }) ?? [], { maxBytes, refusal });
    },
  };
}

async function readWebBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  const { headers } = request;
  const refusal = refuseByHeaders(headers.get("content-length"), headers.get("content-encoding"), maxBytes);
  if (refusal !== undefined) throw refusal;
  if (request.body === null) return EMPTY;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** Makes a Fetch response of an answer. */
export function toWeb(answer: GatewayAnswer): Response {
  const isBodiless = answer.status === 204 || answer.status === 304;
  const { body, status, headers } = answer;
  if (typeof body === "string" || body instanceof Uint8Array)
    return new Response(isBodiless ? null : (body as string | Uint8Array<ArrayBuffer>), { status, headers });
  return new Response(ReadableStream.from(body.read()), {
    status,
    headers: { ...headers, "content-length": String(body.sizeBytes) },
  });
}

function refuseByHeaders(
  length: string | null | undefined,
  encoding: string | null | undefined,
  maxBytes: number,
): GreenticError | undefined {
  if (encoding !== null && encoding !== undefined && encoding.toLowerCase() !== "identity") {
    // Nothing is unpacked for strangers: a small body would become a large one.
    return new GreenticError("GATEWAY_ENCODING_UNSUPPORTED", "Read request body: content encoding isn't accepted");
  }
  return length !== null && length !== undefined && Number(length) > maxBytes ? tooLarge(maxBytes) : undefined;
}

function tooLarge(maxBytes: number): GreenticError {
  return new GreenticError("GATEWAY_BODY_TOO_LARGE", `Read request body: expected at most ${maxBytes} bytes, got more`);
}
