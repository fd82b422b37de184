/** Drives conversations and jobs against a server and checks every answer. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { jsonPost, openClient } from "../http-load.ts";
import type { ServerProcess } from "../server-process.ts";
import type { Row } from "../table.ts";

/** One HTTP exchange: the request, and what its answer must hold. */
interface Exchange {
  readonly path: string;
  readonly body: string;
  readonly expect: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A program under measurement. `unit(connection, n)` gives the exchanges of one conversation or job, in order. */
export interface Subject {
  readonly name: string;
  readonly start: () => Promise<ServerProcess>;
  readonly unit: (connection: number, n: number) => readonly Exchange[];
  /** Resolves when what a unit sends has arrived, for units that send. */
  readonly arrived?: (connection: number, n: number) => Promise<void>;
}

const WARM_MS = 1_500;
const RUN_MS = Number(process.env["GREENTIC_BENCH_SECONDS"] ?? 5) * 1_000;
const round = (value: number): number => Math.round(value * 100) / 100;

/**
 * Measures a subject with `connections` units under way at once: exchanges a second, their times, processor time of the server with its
 * children. A wrong answer counts as a failure.
 */
export async function drive(subject: Subject, server: ServerProcess, connections: number): Promise<Row> {
  await load(subject, {
    port: server.port,
    connections,
    durationMs: WARM_MS,
    offset: connections * 10_000_000 + 5_000_000,
  });
  const cpuMs = server.treeCpuMs();
  const { times, failures, seconds } = await load(subject, {
    port: server.port,
    connections,
    durationMs: RUN_MS,
    offset: connections * 10_000_000,
  });
  const spentMs = server.treeCpuMs() - cpuMs;
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return {
    subject: subject.name,
    "at once": connections,
    "per second": Math.round(times.length / seconds),
    "p50 ms": round(at(0.5)),
    "p99 ms": round(at(0.99)),
    "processor µs": Math.round((spentMs * 1_000) / times.length),
    failures,
  };
}

interface Load {
  readonly port: number;
  readonly connections: number;
  readonly durationMs: number;
  readonly offset: number;
}

async function load(
  subject: Subject,
  { port, connections, durationMs, offset }: Load,
): Promise<{ readonly times: number[]; readonly failures: number; readonly seconds: number }> {
  const times: number[] = [];
  let failures = 0;
  const startedMs = performance.now();
  const endMs = startedMs + durationMs;
  await Promise.all(
    Array.from({ length: connections }, async (_unused, connection) => {
      const client = await openClient(port);
      for (let n = offset; performance.now() < endMs; n++) {
        const arrived = subject.arrived?.(connection, n);
        for (const { path, body, expect, headers } of subject.unit(connection, n)) {
          const sentMs = performance.now();
          const answer = await client.exchange(jsonPost(path, body, headers));
          if (answer.status < 200 || answer.status > 299 || !answer.body.includes(expect)) failures++;
          if (arrived !== undefined) await arrived;
          times.push(performance.now() - sentMs);
        }
      }
      client.socket.destroy();
    }),
  );
  return { times, failures, seconds: (performance.now() - startedMs) / 1_000 };
}

/** An HTTP server that takes 5 ms for everything and tells whose `id` arrived. */
export interface Sink extends AsyncDisposable {
  readonly url: string;
  /** Resolves at the first arrival of an id. */
  wait(id: string): Promise<void>;
  /** Arrivals of ids that had arrived before. */
  readonly doubles: () => number;
}

const SINK_MS = 5;

/** Starts the sink in this process. */
export async function openSink(): Promise<Sink> {
  const waiting = new Map<string, () => void>();
  const seen = new Set<string>();
  let doubles = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { id } = JSON.parse(Buffer.concat(chunks).toString("utf8")) as { readonly id: string };
      setTimeout(() => {
        response.writeHead(200, { "content-length": 2 }).end("ok");
        if (seen.has(id)) doubles++;
        seen.add(id);
        waiting.get(id)?.();
        waiting.delete(id);
      }, SINK_MS);
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    wait: (id) => new Promise((done) => void waiting.set(id, done)),
    doubles: () => doubles,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
