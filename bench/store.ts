import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { openMemoryStore, openPostgresStore, openRedisStore, openSqliteStore } from "../src/session/index.ts";
import type { SessionRecord, SessionStore } from "../src/session/index.ts";
import { channelId, conversationId, envId, formatSessionKey, teamId, tenantId, userId } from "../src/types/index.ts";
import type { ChannelMessageEnvelope, SessionKeyText, World } from "../src/types/index.ts";
import { hasPostgres, startPostgres } from "../test/stand-ins/postgres-server.ts";
import { hasRedis, startRedis } from "../test/stand-ins/redis-server.ts";

/** One line of a benchmark's table. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

const WARM_UP_MS = 500;
const RUN_MS = 2_500;

const world: World = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  randomBytes: (size) => crypto.getRandomValues(new Uint8Array(size)),
  schedule: (delayMs, task) => {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};

/** How a turn gets its lease: with `accept`, or by a call of its own. */
type Way = "accept+lease, commit" | "accept, lease, commit";

interface Load {
  readonly concurrency: number;
  readonly way: Way;
}

interface Figures {
  readonly turnsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mainCpuUs: number;
  readonly cpuUs: number;
}

/**
 * Measures turns of one message, one state value and one reply against both embedded stores and, where they are installed, a Redis and
 * a PostgreSQL of its own that flush before they answer. Turns per second are comparable only within one run on one machine.
 */
export async function benchStore(): Promise<Row[]> {
  const rows: Row[] = [];
  const add = (name: string, figures: Figures): void => {
    rows.push(
      { name: `${name} throughput`, value: Math.round(figures.turnsPerSecond), unit: "turns/s" },
      { name: `${name} p50`, value: round(figures.p50Ms), unit: "ms" },
      { name: `${name} p99`, value: round(figures.p99Ms), unit: "ms" },
      { name: `${name} main thread`, value: round(figures.mainCpuUs), unit: "us/turn" },
      { name: `${name} process`, value: round(figures.cpuUs), unit: "us/turn" },
    );
  };
  for (const way of ["accept+lease, commit", "accept, lease, commit"] as const) {
    {
      await using store = openMemoryStore(world);
      add(`memory ${way} C=1`, await measure(store, { concurrency: 1, way }));
    }
    for (const concurrency of [1, 32, 64]) {
      const dir = await mkdtemp(join(tmpdir(), "greentic-bench-"));
      try {
        await using store = await openSqliteStore({ dir, world });
        add(`sqlite ${way} C=${concurrency}`, await measure(store, { concurrency, way }));
      } finally {
        await rm(dir, { recursive: true });
      }
    }
    if (hasRedis) {
      await using server = await startRedis();
      for (const concurrency of [1, 32, 64]) {
        await using store = await openRedisStore({ url: server.url, world });
        add(`redis ${way} C=${concurrency}`, await measure(store, { concurrency, way }));
      }
    }
    if (hasPostgres) {
      await using server = await startPostgres({ shared_buffers: "128MB" }, { isOnDisk: true });
      for (const concurrency of [1, 32, 64]) {
        await using store = await openPostgresStore({ url: server.url, world });
        add(`postgres ${way} C=${concurrency}`, await measure(store, { concurrency, way }));
      }
    }
  }
  return rows;
}

async function measure(store: SessionStore, load: Load): Promise<Figures> {
  const latencies: number[] = [];
  let stopAtMs = performance.now() + WARM_UP_MS;
  const talk = async (conversation: number): Promise<void> => {
    const key = sessionKey(conversation);
    for (let n = 1; performance.now() < stopAtMs; n++) {
      const startedMs = performance.now();
      await turn(store, { key, name: `${conversation}-${startedMs}-${n}`, way: load.way });
      latencies.push(performance.now() - startedMs);
    }
  };
  const all = (): Promise<unknown> => Promise.all(Array.from({ length: load.concurrency }, (_, n) => talk(n)));
  await all();
  latencies.length = 0;
  stopAtMs = performance.now() + RUN_MS;
  const startedMs = performance.now();
  const thread = process.threadCpuUsage();
  const cpu = process.cpuUsage();
  await all();
  const main = process.threadCpuUsage(thread);
  const whole = process.cpuUsage(cpu);
  const seconds = (performance.now() - startedMs) / 1_000;
  const turns = latencies.length;
  latencies.sort((a, b) => a - b);
  return {
    turnsPerSecond: turns / seconds,
    p50Ms: latencies[Math.floor(turns * 0.5)] ?? 0,
    p99Ms: latencies[Math.floor(turns * 0.99)] ?? 0,
    mainCpuUs: (main.user + main.system) / turns,
    cpuUs: (whole.user + whole.system) / turns,
  };
}

async function turn(
  store: SessionStore,
  { key, name, way }: { readonly key: SessionKeyText; readonly name: string; readonly way: Way },
): Promise<void> {
  const entry = {
    key,
    dedupeKey: name,
    receivedAtMs: Date.now(),
    traceId: "0af7651916cd43dd8448eb211c80319c",
    envelope: ENVELOPE,
    dedupeTtlMs: 60_000,
  };
  const isShort = way === "accept+lease, commit";
  const accepted = await store.accept(entry, isShort ? { leaseTo: { worker: "bench" } } : {});
  const lease = isShort ? accepted.lease : (await store.lease("bench", { limit: 1, keys: [key] }))[0];
  if (lease === undefined) throw new Error(`expected a lease of ${key}`);
  const revision = (lease.session?.revision ?? 0) + 1;
  await store.commit(lease, {
    session: { ...RECORD, revision },
    consumed: lease.inbox.map(({ order }) => order),
    state: [{ key: "flow/count", value: revision }],
    timersDone: [],
    timersNew: [],
    outbox: [{ id: name, provider: "bench", sinkClass: "A", payload: REPLY, traceId: entry.traceId }],
    log: [],
  });
}

function sessionKey(conversation: number): SessionKeyText {
  return formatSessionKey({
    env: envId("prod"),
    tenant: tenantId("acme"),
    team: teamId("support"),
    channel: channelId("webchat"),
    conversation: conversationId(`conversation-${conversation}`),
    user: userId(`user-${conversation}`),
  });
}

const ENVELOPE: ChannelMessageEnvelope = {
  id: "f3b1c1f0-6c1b-4a7e-9f3e-0a4f5f1d2c3b",
  tenant: { env: "prod", tenant: "acme", team: "support", user: "user-17" },
  channel: "webchat",
  session_id: "conversation-17",
  reply_scope: { conversation: "conversation-17" },
  from: { id: "user-17", kind: "user" },
  text: "I would like to return the blue jacket that I ordered last week, please.",
  attachments: [],
  metadata: { locale: "en-GB" },
};
const RECORD: SessionRecord = {
  cursor: { flow: "returns", node: "ask-order-number" },
  waitReason: "reply",
  pack: "acme-support",
  packHash: "8d777f385d3dfec8815d20f7496026dc8d777f385d3dfec8815d20f7496026dc",
  locale: "en-GB",
  revision: 1,
  snapshot: {
    frames: [{ flow: "returns", node: "ask-order-number" }],
    vars: { customer: "user-17", reason: "too small" },
    prev: { text: "Which order is it about?", status: "ok" },
  },
};
const REPLY = {
  to: { conversation: "conversation-17" },
  text: "Which order is it about?",
  attachments: [],
  metadata: {},
};

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

if (import.meta.main) {
  for (const { name, value, unit } of await benchStore()) {
    console.log(`${name.padEnd(52)} ${String(value).padStart(9)} ${unit}`);
  }
}
