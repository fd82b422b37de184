import { connect } from "node:net";
import type { Socket } from "node:net";

/** What a load run measured. */
export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failures: number;
}

/**
 * Keeps `connections` requests under way against a loopback server, one a connection, over raw sockets so that the client
 * costs as little of the shared processor as it can. `request(connection, n)` gives the whole HTTP/1.1 request.
 */
export async function loadHttp(options: {
  readonly port: number;
  readonly connections: number;
  readonly durationMs: number;
  readonly request: (connection: number, n: number) => string;
  /** Ends after this many requests, where that is sooner. */
  readonly limit?: number;
}): Promise<LoadResult> {
  const latencies: number[] = [];
  let failures = 0;
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  const startedMs = performance.now();
  const endMs = startedMs + options.durationMs;
  await Promise.all(
    Array.from({ length: options.connections }, async (_unused, connection) => {
      const client = await openClient(options.port);
      for (let n = 0; performance.now() < endMs && left-- > 0; n++) {
        const sentMs = performance.now();
        const { status } = await client.exchange(options.request(connection, n));
        latencies.push(performance.now() - sentMs);
        if (status !== 200) failures++;
      }
      client.socket.destroy();
    }),
  );
  const seconds = (performance.now() - startedMs) / 1_000;
  latencies.sort((a, b) => a - b);
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  return { requests: latencies.length, seconds, p50Ms: at(0.5), p99Ms: at(0.99), failures };
}

/** One connection of the load: whole requests in, whole answers out, one at a time. */
export interface Client {
  readonly socket: Socket;
  /** Answers status 0 where the connection broke. The body is as it came, chunk sizes included where it was chunked. */
  exchange(request: string): Promise<{ readonly status: number; readonly body: string }>;
}

/** Connects to a loopback server. */
export async function openClient(port: number): Promise<Client> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await new Promise<void>((ready, fail) => socket.once("connect", ready).once("error", fail));
  let buffered = "";
  let waiting: ((answer: { readonly status: number; readonly body: string }) => void) | undefined;
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    buffered += chunk;
    const head = buffered.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = /content-length: (\d+)/i.exec(buffered.slice(0, head))?.[1];
    const end =
      length === undefined
        ? buffered.endsWith("0\r\n\r\n") || / 204 /.test(buffered.slice(0, 16))
          ? buffered.length
          : -1
        : head + 4 + Number(length);
    if (end < 0 || buffered.length < end) return;
    const answer = { status: Number(buffered.slice(9, 12)), body: buffered.slice(head + 4, end) };
    buffered = "";
    const done = waiting;
    waiting = undefined;
    done?.(answer);
  });
  socket.on("error", () => waiting?.({ status: 0, body: "" }));
  return {
    socket,
    exchange: (request) =>
      new Promise((done) => {
        waiting = done;
        socket.write(request);
      }),
  };
}

/** Builds a POST with a JSON body. */
export function jsonPost(path: string, body: string, headers: Readonly<Record<string, string>> = {}): string {
  const extra = Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("");
  return `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n${extra}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
