/**
 * A request and its answer apart from any server: the intake routes are written against this, so that they run on node:http
 * directly (hot) and inside the Hono app (`app.request`, embedding) alike.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { WebhookRequest } from "../messaging/index.ts";
import { GreenticError } from "../types/index.ts";

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
}

/** What is sent back. */
export interface GatewayAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

const EMPTY = new Uint8Array(0);

/** Wraps a request of node:http. */
export function fromNode(incoming: IncomingMessage): GatewayRequest {
  const url = incoming.url ?? "/";
  const mark = url.indexOf("?");
  return {
    method: incoming.method ?? "GET",
    path: mark === -1 ? url : url.slice(0, mark),
    query: mark === -1 ? "" : url.slice(mark + 1),
    address: incoming.socket.remoteAddress ?? "",
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
  };
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
    "content-length": typeof body === "string" ? Buffer.byteLength(body) : body.byteLength,
    ...(isUnread ? { connection: "close" } : {}),
  });
  outgoing.end(outgoing.req.method === "HEAD" ? undefined : body);
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
  return new Response(isBodiless ? null : (answer.body as string | Uint8Array<ArrayBuffer>), {
    status: answer.status,
    headers: answer.headers,
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
