/**
 * What telling costs: start to ready without and with an export, and a turn's spans and metrics: `npm run bench:telemetry`, or with
 * `-- --write` to keep the table in docs/performance.md.
 */
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { createLogger, createLogObserver, openOtlpExport, SecretRedactor } from "../src/telemetry/index.ts";
import type { TurnEvent, TurnObserver } from "../src/telemetry/index.ts";
import { channelId, conversationId, envId, sessionCtx, teamId, tenantId, userId } from "../src/types/index.ts";
import { startServer } from "./server-process.ts";
import type { Row } from "./table.ts";
import { keepTables, printTable } from "./table.ts";

const ROOT = resolve(import.meta.dirname, "..");
const STARTS = 5;
const TURNS = 20_000;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** A collector that takes everything and keeps nothing. */
async function openCollector(): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => response.setHeader("content-type", "application/json").end("{}"));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

/** Starts in turns, so that whatever else the machine does meets both alike. */
async function starts(endpoint: string): Promise<readonly Row[]> {
  const data = join(ROOT, ".greentic/bench-telemetry");
  rmSync(data, { recursive: true, force: true });
  const times = { off: [] as number[], on: [] as number[] };
  const processor = { off: [] as number[], on: [] as number[] };
  for (let run = 0; run <= STARTS; run++)
    for (const kind of ["off", "on"] as const) {
      const server = await startServer(
        [join(ROOT, "src/cli/main.ts"), "start", "examples/weather-demo", "--port", "0", "--data", data],
        { cwd: ROOT, ...(kind === "on" && { env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } }) },
      );
      // The first of each fills what later starts find on disk.
      if (run > 0) times[kind].push(server.readyMs);
      if (run > 0) processor[kind].push(server.treeCpuMs());
      await server.stop();
    }
  const [off, on] = [median(times.off), median(times.on)];
  const row = (kind: "off" | "on", ms: number): Row => ({
    subject: `start to ready, ${kind === "off" ? "no export" : "exporting"}, median of ${STARTS}`,
    ms: Math.round(ms),
    "of none": Math.round((ms / off) * 100) / 100,
    "processor ms by then": Math.round(median(processor[kind])),
  });
  return [row("off", off), row("on", on)];
}

/** The events of one turn of three nodes, one of them a component's call, with its answer. */
function turnEvents(n: number): readonly TurnEvent[] {
  const ctx = sessionCtx(
    {
      env: envId("dev"),
      tenant: tenantId("acme"),
      team: teamId("default"),
      channel: channelId("webchat"),
      conversation: conversationId(`c${n}`),
      user: userId("u"),
    },
    { traceId: n.toString(16).padStart(32, "5"), correlationId: "c", locale: "en" },
  );
  const atMs = 1_700_000_000_000 + n;
  const cost = { wallMs: 1, fuel: 5_000, peakMemoryBytes: 1 << 16, hostCalls: 1 };
  const node = (name: string): TurnEvent => ({
    kind: "node.ended",
    ctx,
    flow: "on_message",
    node: name,
    operation: "qa",
    outcome: "ok",
    status: "ok",
    atMs,
    durationMs: 1,
  });
  return [
    { kind: "message.accepted", ctx, duplicate: false, atMs, durationMs: 0.2 },
    { kind: "flow.started", ctx, flow: "on_message", pack: "weather", packVersion: "1.0.0", acceptedAtMs: atMs, atMs },
    node("ask"),
    { ...(node("call") as Extract<TurnEvent, { kind: "node.ended" }>), target: "forecast", cost },
    node("answer"),
    { kind: "flow.ended", ctx, flow: "on_message", pack: "weather", outcome: "done", atMs, durationMs: 3 },
    { kind: "send.ended", ctx, outcome: "sent", atMs, durationMs: 3 },
  ];
}

/** Spans of a turn: accept, wait, flow, three nodes, a component's call, a send. */
const SPANS_A_TURN = 8;

async function turnCost(observe: TurnObserver, end: () => Promise<void>): Promise<number> {
  const events = Array.from({ length: TURNS }, (_unused, n) => turnEvents(n));
  const before = process.cpuUsage();
  for (const [n, turn] of events.entries()) {
    for (const event of turn) observe(event);
    // The export runs beside the turns, as it does in a host.
    if (n % 100 === 0) await new Promise((later) => setImmediate(later));
  }
  await end();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / TURNS;
}

async function turns(endpoint: string): Promise<readonly Row[]> {
  const redactor = new SecretRedactor();
  for (let n = 0; n < 200; n++) redactor.add(`sk-live-secret-number-${n}-of-a-host`);
  const export_ = async (options: {
    readonly redactor?: SecretRedactor;
    readonly sampleRatio?: number;
  }): Promise<number> => {
    const otlp = await openOtlpExport({ endpoint, headers: {}, serviceName: "bench", serviceVersion: "0", ...options });
    return turnCost(otlp.observe, () => otlp.shutdown());
  };
  const log = createLogObserver(createLogger({ level: "info", format: "json", stream: { write: () => undefined } }));
  const rows: (readonly [string, number])[] = [
    [
      "nobody listens",
      await turnCost(
        () => undefined,
        async () => undefined,
      ),
    ],
    ["log at info", await turnCost(log, async () => undefined)],
    ["metrics, no trace kept (sample_ratio 0)", await export_({ sampleRatio: 0 })],
    ["spans and metrics", await export_({})],
    ["spans and metrics, 200 known secrets looked for", await export_({ redactor })],
  ];
  const base = rows[0]?.[1] ?? 0;
  return rows.map(([subject, micros]) => ({
    subject: `a turn's events, ${SPANS_A_TURN} spans: ${subject}`,
    "processor µs a turn": Math.round((micros - base) * 10) / 10,
    "µs a span": subject.startsWith("spans") ? Math.round(((micros - base) / SPANS_A_TURN) * 100) / 100 : "",
  }));
}

const collector = await openCollector();
const tables = [
  ["Telemetry: start", await starts(collector.url)],
  ["Telemetry: a turn", await turns(collector.url)],
] as const;
collector.close();
for (const [title, rows] of tables) printTable(title, rows);
if (process.argv.includes("--write")) keepTables("telemetry", tables);
