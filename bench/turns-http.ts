/** Conversation turns over HTTP: durable and memory store against a bare echo server, in one run. */
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { buildPack } from "../src/pack/index.ts";
import { jsonPost, loadHttp } from "./http-load.ts";
import { startServer } from "./server-process.ts";
import type { ServerProcess } from "./server-process.ts";
import type { Row } from "./table.ts";
import { printTable } from "./table.ts";

const MAIN = resolve(import.meta.dirname, "../src/cli/main.ts");
const ECHO = resolve(import.meta.dirname, "echo-server.ts");
const FLOW = `id: turn
type: webhook
schema_version: 2
start: render
nodes:
  render:
    template.render: { template: "Hello {{in.text}}, welcome back." }
    routing: [{ to: answer }]
  answer:
    message.send: { text: "{{render.text}}" }
    routing: out
`;
const ASK = `id: ask
type: webhook
schema_version: 2
start: ask
nodes:
  ask:
    qa:
      questions:
        - { id: name, prompt: "What is your name?", type: string }
        - { id: city, prompt: "Which city are you in?", type: string }
        - { id: date, prompt: "Which day?", type: date }
    routing: [{ to: again }]
  again:
    message.send: { text: "Noted." }
    routing: [{ to: ask }]
`;

const CONVERSE = `id: converse
type: webhook
schema_version: 2
start: ask
nodes:
  ask:
    qa:
      questions:
        - { id: name, prompt: "What is your name?", type: string }
        - { id: city, prompt: "Which city are you in?", type: string }
    routing: [{ to: answer }]
  answer:
    message.send: { text: "{{ask.answers.name}} in {{ask.answers.city}}" }
    routing: out
`;

/** Makes a bundle directory with one unsigned pack of pure flows. */
export async function makeBundle(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "greentic-bench-"));
  await mkdir(join(dir, "pack/flows"), { recursive: true });
  await writeFile(join(dir, "pack/flows/turn.ygtc"), FLOW);
  await writeFile(join(dir, "pack/flows/ask.ygtc"), ASK);
  await writeFile(join(dir, "pack/flows/converse.ygtc"), CONVERSE);
  await writeFile(
    join(dir, "pack/pack.toml"),
    '[pack]\nname = "bench"\nversion = "1.0.0"\ndescription = "Turns to measure"\nauthors = []\n[capabilities]\nid = "greentic.cap.app.v1"\nprovides = ["bench"]\n[flows]\nturn = "flows/turn.ygtc"\nask = "flows/ask.ygtc"\nconverse = "flows/converse.ygtc"\n',
  );
  const built = await buildPack(join(dir, "pack"), { probeComponent: () => ({ abi: "none", world: "" }) });
  await writeFile(join(dir, "bench.gtpack"), built.bytes);
  await writeFile(
    join(dir, "greentic.demo.yaml"),
    "tenant: demo\nproviders:\n  webchat: { type: webchat }\napps:\n  bench: { pack: bench.gtpack }\n",
  );
  await writeFile(join(dir, "greentic.toml"), "[security]\nreject_unsigned = false\n");
  return dir;
}

/** Starts `gtc start` on a bundle. */
export function startHost(bundle: string, store: "memory" | "sqlite"): Promise<ServerProcess> {
  return startServer([MAIN, "start", ".", "--port", "0", "--data", join(bundle, `data-${store}`), "--store", store], {
    cwd: bundle,
    env: { GREENTIC_LOG_LEVEL: "warn" },
  });
}

const DURATION_MS = 4_000;

async function measure(
  server: ServerProcess,
  connections: number,
  request: (connection: number, n: number) => string,
): Promise<Row> {
  await loadHttp({
    port: server.port,
    connections,
    durationMs: 1_000,
    request: (connection, n) => request(connection, n + 1_000_000),
  });
  const cpuMs = server.cpuMs();
  const load = await loadHttp({ port: server.port, connections, durationMs: DURATION_MS, request });
  const spentMs = server.cpuMs() - cpuMs;
  return {
    "at once": connections,
    "per second": Math.round(load.requests / load.seconds),
    "p50 ms": round(load.p50Ms),
    "p99 ms": round(load.p99Ms),
    "processor µs": Math.round((spentMs * 1_000) / load.requests),
    failures: load.failures,
  };
}

const round = (value: number): number => Math.round(value * 100) / 100;

/** Runs echo, memory and SQLite at 1, 32 and 64 conversations at once. */
export async function benchTurnsHttp(): Promise<readonly Row[]> {
  const bundle = await makeBundle();
  const rows: Row[] = [];
  const turn = (connection: number, n: number): string =>
    jsonPost(`/v1/webhook/demo/turn?session=s${connection}`, JSON.stringify({ text: `Ana ${n}` }));
  try {
    for (const [name, start] of [
      ["echo server", () => startServer([ECHO], { cwd: bundle })],
      ["turn, memory", () => startHost(bundle, "memory")],
      ["turn, SQLite (fsync)", () => startHost(bundle, "sqlite")],
    ] as const) {
      const server = await start();
      for (const connections of [1, 32, 64])
        rows.push({ subject: name, ...(await measure(server, connections, turn)) });
      await server.stop();
    }
  } finally {
    await rm(bundle, { recursive: true, force: true });
  }
  const rate = (subject: string, connections: number): number =>
    Number(rows.find((row) => row["subject"] === subject && row["at once"] === connections)?.["per second"] ?? 0);
  return rows.map((row) => ({
    ...row,
    "of echo": round(Number(row["per second"]) / rate("echo server", Number(row["at once"]))),
    "of memory":
      row["subject"] === "echo server"
        ? ""
        : round(Number(row["per second"]) / rate("turn, memory", Number(row["at once"]))),
  }));
}

if (import.meta.main) printTable("Turns over HTTP", await benchTurnsHttp());
