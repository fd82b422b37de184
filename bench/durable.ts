/**
 * Durable conversations against peers, in one run: `npm run bench:durable`, `-- --write` keeps the tables in docs/performance.md.
 * GREENTIC_PEERS_DIR names a folder with the peers, installed there by
 * `npm install --ignore-scripts node-red@5 @microsoft/agents-hosting @microsoft/agents-hosting-express @restatedev/restate-server @restatedev/restate-sdk`;
 * without it ours are measured alone. GREENTIC_BENCH_SECONDS is how long each figure is measured (default 5).
 */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Subject } from "./durable/drive.ts";
import { drive, openSink } from "./durable/drive.ts";
import { startRedis } from "./durable/redis.ts";
import type { Places } from "./durable/subjects.ts";
import { conversations, sends, startWebhooks, steps } from "./durable/subjects.ts";
import { jsonPost, loadHttp, openClient } from "./http-load.ts";
import { keepTables, printTable } from "./table.ts";
import type { Row } from "./table.ts";
import { makeBundle, startHost } from "./turns-http.ts";

const AT_ONCE = [1, 32, 64, 256] as const;
const round = (value: number): number => Math.round(value * 100) / 100;

async function measure(subjects: readonly Subject[]): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const subject of subjects) {
    const server = await subject.start();
    for (const connections of AT_ONCE) {
      const row = await drive(subject, server, connections);
      rows.push(row);
      process.stderr.write(`${JSON.stringify(row)}\n`);
    }
    await server.stop();
  }
  return rows.map((row) => {
    const ofSame = (name: string): Row | undefined =>
      rows.find((other) => other["subject"] === name && other["at once"] === row["at once"]);
    const ratio = (name: string): number | string => {
      const other = ofSame(name);
      return other === undefined ? "" : round(Number(row["per second"]) / Number(other["per second"]));
    };
    return { ...row, "of memory": ratio("Greentic, memory"), "of Restate": ratio("Restate") };
  });
}

const SECRET = { "x-telegram-bot-api-secret-token": "bench-secret" };
const WEBHOOKS_A_SECOND = 1_000;

/** Sends signed webhooks at a fixed pace, whether or not the ones before are answered, and times each from when it was due. */
async function acknowledgements(places: Places): Promise<readonly Row[]> {
  const server = await startWebhooks(places);
  const clients = await Promise.all(Array.from({ length: 128 }, () => openClient(server.port)));
  const idle = [...clients];
  const times: number[] = [];
  let failures = 0;
  let starved = 0;
  const total = WEBHOOKS_A_SECOND * 12;
  const startMs = performance.now();
  const pending: Promise<void>[] = [];
  for (let n = 0; n < total;) {
    const dueMs = startMs + n;
    if (performance.now() < dueMs) {
      await new Promise((later) => setTimeout(later, 1));
      continue;
    }
    const client = idle.pop();
    if (client === undefined) {
      starved++;
      await new Promise((later) => setTimeout(later, 1));
      continue;
    }
    const update = {
      update_id: n,
      message: {
        message_id: n,
        date: Math.floor(Date.now() / 1_000),
        text: String(n),
        chat: { id: 5_000 + (n % 2_000), type: "private" },
        from: { id: 5_000 + (n % 2_000), is_bot: false, first_name: "A" },
      },
    };
    const request = jsonPost("/v1/messaging/ingress/telegram/demo", JSON.stringify(update), SECRET);
    pending.push(
      client.exchange(request).then(({ status }) => {
        if (n >= WEBHOOKS_A_SECOND * 2) times.push(performance.now() - dueMs);
        if (status !== 200) failures++;
        idle.push(client);
      }),
    );
    n++;
  }
  await Promise.all(pending);
  for (const { socket } of clients) socket.destroy();
  await server.stop();
  times.sort((a, b) => a - b);
  const at = (share: number): number => round(times[Math.floor(times.length * share)] ?? 0);
  return [
    {
      subject: `${WEBHOOKS_A_SECOND} signed webhooks a second, SQLite FULL, flows and sends behind them`,
      "p50 ms": at(0.5),
      "p99 ms": at(0.99),
      "max ms": at(0.999999),
      failures,
      "waits for a free connection": starved,
    },
  ];
}

const OPEN_SESSIONS = 10_000;

/** Kills a host with open sessions and times the first answer of the next one, from its start. */
async function recovery(places: Places): Promise<readonly Row[]> {
  const first = await startHost(places.bundle, "sqlite");
  await loadHttp({
    port: first.port,
    connections: 64,
    durationMs: 60_000,
    limit: OPEN_SESSIONS,
    request: (connection, n) =>
      jsonPost(`/v1/webhook/demo/ask?session=r${connection}-${n}`, JSON.stringify({ text: "hi" })),
  });
  first.child.kill("SIGKILL");
  await new Promise((gone) => first.child.once("exit", gone));
  const startedMs = performance.now();
  const second = await startHost(places.bundle, "sqlite");
  const client = await openClient(second.port);
  const { status, body } = await client.exchange(
    jsonPost("/v1/webhook/demo/ask?session=r0-0", JSON.stringify({ text: "Ana" })),
  );
  const firstTurnMs = performance.now() - startedMs;
  client.socket.destroy();
  await second.stop();
  return [
    {
      subject: `${OPEN_SESSIONS} open sessions, host killed and started again`,
      "ready after ms": Math.round(second.readyMs),
      "first turn after ms": Math.round(firstTurnMs),
      answered: status === 200 && body.includes("city") ? "the waiting question's answer" : `wrong: ${status}`,
    },
  ];
}

/** Bytes and memory of waiting sessions. */
async function waiting(count: number): Promise<readonly Row[]> {
  const dir = await mkdtemp(join(tmpdir(), "greentic-waiting-"));
  const run = async (...args: readonly string[]): Promise<{ readonly ms: number; readonly residentMiB: number }> => {
    const script = join(import.meta.dirname, "durable/waiting.ts");
    const { stdout } = await promisify(execFile)(process.execPath, [script, ...args]);
    return JSON.parse(stdout) as { readonly ms: number; readonly residentMiB: number };
  };
  try {
    const empty = await run("open", await mkdtemp(join(dir, "empty-")));
    const full = join(dir, "full");
    const fill = await run("fill", full, String(count));
    const open = await run("open", full);
    const sizes = await Promise.all((await readdir(full)).map(async (name) => (await stat(join(full, name))).size));
    return [
      {
        subject: `${count} waiting sessions`,
        "filled in s": round(fill.ms / 1_000),
        "disk bytes a session": Math.round(sizes.reduce((sum, size) => sum + size, 0) / count),
        "opened in ms": Math.round(open.ms),
        "resident bytes a session": Math.round(((open.residentMiB - empty.residentMiB) * 1_048_576) / count),
        "resident MiB": Math.round(open.residentMiB),
      },
    ];
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const bundle = await makeBundle();
const redis = await startRedis(bundle);
const places: Places = { bundle, peers: process.env["GREENTIC_PEERS_DIR"], redisUrl: redis?.url };
const tables: [string, readonly Row[]][] = [];
const only = process.env["GREENTIC_BENCH_ONLY"]?.split(",");
const table = async (key: string, title: string, run: () => Promise<readonly Row[]>): Promise<void> => {
  if (only !== undefined && !only.includes(key)) return;
  const rows = await run();
  printTable(title, rows);
  tables.push([title, rows]);
};
try {
  await table("turns", "A conversation of three turns over HTTP", () => measure(conversations(places)));
  await table("steps", "Three journaled steps", () => measure(steps(places)));
  await table("sends", "Two journaled steps and one HTTP send of 5 ms", async () => {
    await using sink = await openSink();
    const rows = await measure(sends(places, sink));
    return [...rows, { subject: "sends that arrived twice, all together", failures: sink.doubles() }];
  });
  await table("acks", "Acknowledgements", () => acknowledgements(places));
  await table("recovery", "Recovery", () => recovery(places));
  await table("waiting", "Waiting sessions", () =>
    waiting(Number(process.env["GREENTIC_BENCH_SESSIONS"] ?? 1_000_000)),
  );
} finally {
  await redis?.stop();
  await rm(bundle, { recursive: true, force: true });
}
if (process.argv.includes("--write")) keepTables("durable", tables);
