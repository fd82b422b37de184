/**
 * What channels cost, in one run: `npm run bench:channels`, `-- --write` keeps the tables in docs/performance.md. A real host with SQLite
 * FULL takes platforms' signed webhooks; what it sends goes to stand-ins on loopback. GREENTIC_BENCH_SECONDS is how long each figure is
 * measured (default 5).
 */
import { once } from "node:events";
import { rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { makeChannelBundle } from "../test/e2e/channel-bundle.ts";
import { CHANNEL_SETTINGS } from "../test/platforms/channel-settings.ts";
import type { IngressPlatform } from "../test/platforms/ingress-platforms.ts";
import { CONVERSATIONS, INGRESS_PLATFORMS } from "../test/platforms/ingress-platforms.ts";
import { STORM_PLATFORMS } from "../test/platforms/storm-platforms.ts";
import { jsonPost, loadHttp, openClient } from "./http-load.ts";
import type { ServerProcess } from "./server-process.ts";
import { startServer } from "./server-process.ts";
import type { Row } from "./table.ts";
import { keepTables, printTable } from "./table.ts";

const MAIN = resolve(import.meta.dirname, "../src/cli/main.ts");
const ECHO = resolve(import.meta.dirname, "echo-server.ts");
const DURATION_MS = Number(process.env["GREENTIC_BENCH_SECONDS"] ?? 5) * 1_000;
const AT_ONCE = [1, 32, 64] as const;
const ORIGINS = [
  "https://api.telegram.org",
  "https://slack.com",
  "https://graph.facebook.com",
  "https://login.botframework.com",
  "https://login.microsoftonline.com",
  "https://smba.trafficmanager.net",
  "https://webexapis.com",
];
/** Answers, unless it is told to be quiet: what is measured of taking messages in isn't held up by paces of answers. */
const FLOW = `id: on_message
type: messaging
schema_version: 2
start: read
nodes:
  read: { template.render: { template: "{{in.text}}" }, routing: [{ condition: 'entry.text == "quiet"', out: true }, { to: tell }] }
  tell: { message.send: { text: "You said {{read.text}}." }, routing: out }
`;
/** How long it is between two messages whose answers are timed: longer than the platform's pace, so that no answer waits for it. */
const APART_MS: Readonly<Record<IngressPlatform["type"], number>> = {
  telegram: 60,
  slack: 260,
  whatsapp: 40,
  teams: 60,
  webex: 260,
};

const round = (value: number): number => Math.round(value * 100) / 100;

/** A message of a person of whom there are many, and the conversation that answers it. */
function messageOf(
  platform: IngressPlatform,
  n: number,
  text: string,
): { readonly body: string; readonly whom: string } {
  const own = CONVERSATIONS[platform.type];
  const whom = platform.type === "whatsapp" ? String(16_000_000_000 + n) : `${own}${String(n).padStart(7, "0")}`;
  const body = JSON.stringify(platform.message(n, text, Date.now()));
  return {
    body: body.replaceAll(
      platform.type === "telegram" ? `:${own}` : own,
      platform.type === "telegram" ? `:${whom}` : whom,
    ),
    whom,
  };
}

function requestOf(platform: IngressPlatform, body: string, sign = platform.sign): string {
  const headers = sign(Buffer.from(body), Date.now());
  return jsonPost(`/v1/messaging/ingress/${platform.type}/demo`, body, headers);
}

/** The platforms' side of what the host sends. */
interface Sink extends AsyncDisposable {
  readonly url: string;
  /** Resolves when an answer to a conversation arrives, with the time. */
  readonly next: (whom: string) => Promise<number>;
}

async function openSink(): Promise<Sink> {
  const waiting = new Map<string, (atMs: number) => void>();
  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const atMs = performance.now();
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const [url = "", body] = [incoming.url, Buffer.concat(chunks)];
    const request = { method: incoming.method ?? "", url, headers: [], body, origins: [] };
    const told = INGRESS_PLATFORMS.map((platform) => platform.answer?.(request)).find((answer) => answer !== undefined);
    const answer = told ?? STORM_PLATFORMS[typeIn(url)]?.taken(request);
    outgoing.writeHead(answer?.status ?? 404, { "content-type": "application/json" }).end(answer?.body);
    if (told !== undefined) return;
    const text = `${decodeURIComponent(url)} ${body.toString()}`;
    for (const [whom, resolve] of waiting) if (text.includes(whom)) resolve(atMs);
  };
  const server = createServer((incoming, outgoing) => void handle(incoming, outgoing));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    next: async (whom) => {
      const { promise, resolve } = Promise.withResolvers<number>();
      waiting.set(whom, resolve);
      return promise.finally(() => waiting.delete(whom));
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function typeIn(url: string): IngressPlatform["type"] {
  if (url.startsWith("/bot")) return "telegram";
  if (url.startsWith("/api/")) return "slack";
  if (url === "/v1/messages") return "webex";
  return url.includes("/v3/conversations/") ? "teams" : "whatsapp";
}

/** As many signed webhooks as are acknowledged, each on disk before it is. */
async function acknowledgements(start: (what: string) => Promise<ServerProcess>): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let serial = 0;
  const measure = async (subject: string, server: ServerProcess, request: () => string): Promise<void> => {
    for (const connections of AT_ONCE) {
      await loadHttp({ port: server.port, connections, durationMs: DURATION_MS / 4, request });
      const cpuMs = server.cpuMs();
      const load = await loadHttp({ port: server.port, connections, durationMs: DURATION_MS, request });
      const row: Row = {
        channel: subject,
        "at once": connections,
        "per second": Math.round(load.requests / load.seconds),
        "p50 ms": round(load.p50Ms),
        "p99 ms": round(load.p99Ms),
        "processor µs": Math.round(((server.cpuMs() - cpuMs) * 1_000) / load.requests),
        failures: load.failures,
      };
      process.stderr.write(`${JSON.stringify(row)}\n`);
      rows.push(row);
    }
    await server.stop();
  };
  const body = JSON.stringify(INGRESS_PLATFORMS[0]?.message(1, "quiet", 0));
  await measure("echo server, nothing kept", await start("echo"), () => jsonPost("/", body));
  for (const platform of INGRESS_PLATFORMS) {
    // Only Teams' signature isn't of the body, and it alone is slow to make.
    const token = platform.sign(Buffer.alloc(0), Date.now());
    const sign = platform.isBodySigned ? platform.sign : () => token;
    await measure(platform.type, await start("host"), () =>
      requestOf(platform, messageOf(platform, ++serial, "quiet").body, sign),
    );
  }
  return rows.map((row) => {
    const echo = rows.find((other) => other["at once"] === row["at once"]);
    return { ...row, "of echo": round(Number(row["per second"]) / Number(echo?.["per second"])) };
  });
}

/** From a webhook's first byte to the platform's having the answer: taken in, on disk, the flow's turn, committed, sent. */
async function replies(server: ServerProcess, sink: Sink): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let serial = 5_000_000;
  const client = await openClient(server.port);
  for (const platform of INGRESS_PLATFORMS) {
    const times: number[] = [];
    const apartMs = APART_MS[platform.type];
    const count = Math.max(20, Math.round((DURATION_MS * 2) / apartMs));
    let failures = 0;
    for (let n = -10; n < count; n++) {
      const { body, whom } = messageOf(platform, ++serial, "hello");
      const answered = sink.next(whom);
      const startMs = performance.now();
      if ((await client.exchange(requestOf(platform, body))).status !== 200) failures++;
      const atMs = await Promise.race([answered, later(10_000)]);
      if (atMs === undefined) failures++;
      else if (n >= 0) times.push(atMs - startMs);
      await later(Math.max(0, apartMs - (performance.now() - startMs)));
    }
    times.sort((a, b) => a - b);
    const at = (share: number): number => round(times[Math.floor(times.length * share)] ?? 0);
    rows.push({ channel: platform.type, answers: times.length, "p50 ms": at(0.5), "p99 ms": at(0.99), failures });
  }
  client.socket.destroy();
  await server.stop();
  return rows;
}

const later = (ms: number): Promise<undefined> => new Promise((done) => void setTimeout(() => done(undefined), ms));

await using sink = await openSink();
const types = INGRESS_PLATFORMS.map(({ type }) => type);
const bundle = await makeChannelBundle({
  flow: FLOW,
  providers: types
    .map((type) => `  ${type}: { type: ${type}, config: ${JSON.stringify(CHANNEL_SETTINGS[type]?.config)} }\n`)
    .join(""),
  secrets: Object.fromEntries(types.map((type) => [type, CHANNEL_SETTINGS[type]?.secrets ?? {}])),
});
const start = (what: string): Promise<ServerProcess> =>
  what === "echo"
    ? startServer([ECHO], { cwd: bundle })
    : startServer([MAIN, "start", ".", "--port", "0", "--data", join(bundle, "data"), "--store", "sqlite"], {
        cwd: bundle,
        env: {
          GREENTIC_LOG_LEVEL: "warn",
          GREENTIC_HTTP_REWRITE: ORIGINS.map((origin) => `${origin}=${sink.url}`).join(","),
        },
      });
const tables: [string, readonly Row[]][] = [];
try {
  tables.push(["Signed webhooks, each on disk before it is acknowledged", await acknowledgements(start)]);
  tables.push(["From a webhook to the platform's having the answer", await replies(await start("host"), sink)]);
} finally {
  await rm(bundle, { recursive: true, force: true });
}
for (const [title, rows] of tables) printTable(title, rows);
if (process.argv.includes("--write")) keepTables("channels", tables);
