import { expect, test } from "vitest";
import { hasPeers, peerFile } from "../peers/load-peer.ts";
import { AWS_ENVIRONMENT, AWS_REGION } from "../stand-ins/aws-key.ts";
import { startDynamo } from "../stand-ins/dynamodb-server.ts";
import { openFaultProxy } from "../stand-ins/fault-proxy.ts";
import type { Fault } from "../stand-ins/fault-proxy.ts";
import { startLibsql } from "../stand-ins/libsql-server.ts";
import { startNatsServer } from "../stand-ins/nats-server.ts";
import { hasPostgres, startPostgres } from "../stand-ins/postgres-server.ts";
import { hasRedis, startRedis } from "../stand-ins/redis-server.ts";
import { hasServer } from "../stand-ins/server-program.ts";
import { openTelegramStandIn } from "../stand-ins/telegram.ts";
import { openWebhookReceiver } from "../stand-ins/webhook-receiver.ts";
import { verifies } from "../verifies.ts";
import type { Deployment } from "./deployment.ts";
import { MEMBER_NAMES, startDeployment } from "./deployment.ts";
import { Conversations, KILL_HOOK_SECRET, KILL_TOKEN, makeKillBundle, pause, seeded } from "./kill-harness.ts";

/** The full run is 10,000 conversations and 300 kills; a quick one proves the harness on every `npm test`. */
const CONVERSATIONS = Number(process.env["GREENTIC_SCALE_CONVERSATIONS"] ?? 20);
const KILLS = Number(process.env["GREENTIC_SCALE_KILLS"] ?? 6);
/** Conversations under way at once, at most. */
const AT_ONCE = 200;
/** Where hosts find what their operators would have installed. */
const PEERS = peerFile("");
const hasNats = hasServer("nats-server");
/** The stores that processes share, and the shares of the full run that a quick one does of each. */
const STORES = [
  {
    name: "Redis",
    isThere: hasRedis,
    open: startRedis,
    variables: (url: string) => ({ GREENTIC_REDIS_URL: url }),
    conversations: CONVERSATIONS,
    kills: KILLS,
  },
  {
    name: "PostgreSQL",
    isThere: hasPostgres,
    open: () => startPostgres(),
    variables: (url: string) => ({ GREENTIC_POSTGRES_URL: url }),
    conversations: Math.ceil(CONVERSATIONS / 2),
    kills: Math.ceil(KILLS / 2),
  },
  {
    name: "libSQL",
    isThere: hasPeers,
    open: () => startLibsql({ token: "hunter2" }),
    variables: (url: string) => ({
      NODE_PATH: PEERS,
      GREENTIC_LIBSQL_URL: url,
      GREENTIC_LIBSQL_TOKEN: "hunter2",
    }),
    conversations: Math.ceil(CONVERSATIONS / 4),
    kills: Math.ceil(KILLS / 3),
  },
  {
    name: "DynamoDB",
    isThere: hasPeers,
    open: () => startDynamo(),
    variables: (url: string) => ({
      NODE_PATH: PEERS,
      GREENTIC_DYNAMODB_TABLE: "greentic",
      AWS_ENDPOINT_URL_DYNAMODB: url,
      AWS_REGION,
      ...AWS_ENVIRONMENT,
    }),
    conversations: Math.ceil(CONVERSATIONS / 4),
    kills: Math.ceil(KILLS / 3),
  },
] as const;
type Store = (typeof STORES)[number];
const VERIFIED: Readonly<Record<Store["name"], () => void>> = {
  Redis: () => verifies("scale.roles.killed"),
  PostgreSQL: () => verifies("stores.postgres.hosts"),
  libSQL: () => verifies("stores.libsql.hosts"),
  DynamoDB: () => verifies("stores.dynamodb.hosts"),
};

/** Runs conversations while `disturb` does its worst; `share` tells how much of it is done. */
async function run(options: {
  readonly natsPort: (port: number) => Promise<number>;
  readonly store: Store;
  readonly storePort: (port: number) => Promise<number>;
  readonly disturb: (deployment: Deployment, progress: (share: number) => void) => Promise<void>;
}): Promise<string> {
  const telegram = await openTelegramStandIn({ token: KILL_TOKEN, isPaced: false, answerAfterMs: 100 });
  const { conversations: count } = options.store;
  await using store = await options.store.open();
  await using nats = await startNatsServer();
  const hook = await openWebhookReceiver(KILL_HOOK_SECRET);
  hook.answerAfterMs = 50;
  const bundle = await makeKillBundle(MEMBER_NAMES, { hookUrl: hook.url });
  const deployment = await startDeployment({
    bundle,
    store: options.store.variables(store.url.replace(`:${store.port}`, `:${await options.storePort(store.port)}`)),
    natsUrl: `nats://127.0.0.1:${await options.natsPort(nats.port)}`,
    env: { GREENTIC_HTTP_REWRITE: `https://api.telegram.org=${telegram.url}` },
  });
  let share = 0;
  let underWay = 0;
  const conversations = new Conversations(count, { telegram, gateway: () => deployment.gatewayUrl });
  try {
    const disturbed = options.disturb(deployment, (next) => {
      share = next;
    });
    await conversations.hold(
      async (i) => {
        const mayStart = (): boolean => share >= 0.95 * (i / count) && underWay < AT_ONCE;
        while (!mayStart()) await pause(20);
        underWay++;
      },
      () => void underWay--,
    );
    await disturbed;
    await conversations.checkWebChat();
    // What is still unknown is resolved by policy after a while; then every row is at rest.
    await pause(15_000);
    expect(await deployment.stop()).toEqual(MEMBER_NAMES.map(() => 0));
    const { doubledInTelegram, recordedUnknown } = await conversations.check(await deployment.rows());
    const repeated = conversations.checkHook(hook);
    return `${options.store.name}: conversations ${count}, lost 0, doubled in WebChat 0, doubled at the webhook 0 (${repeated} repetitions known by their key), doubled in Telegram ${doubledInTelegram}, recorded as unknown ${recordedUnknown}`;
  } catch (error) {
    process.stderr.write(`${deployment.said()}\n`);
    throw error;
  } finally {
    await deployment.stop();
    await telegram.close();
    await hook.close();
  }
}

const same = (port: number): Promise<number> => Promise.resolve(port);

for (const store of STORES) {
  test.skipIf(!hasNats || !store.isThere)(
    `${store.conversations} conversations over ${store.name} and NATS through ${store.kills} kills and pauses of gateway, workers and egress lose and double nothing that isn't on record`,
    { timeout: 3_600_000 },
    async () => {
      VERIFIED[store.name]();
      const random = seeded(20_261_122);
      let frozen = 0;
      const told = await run({
        natsPort: same,
        store,
        storePort: same,
        disturb: async (deployment, progress) => {
          for (let kills = 0; kills < store.kills;) {
            await pause(300 + random() * 700);
            const name = MEMBER_NAMES[Math.floor(random() * MEMBER_NAMES.length)] ?? "gateway";
            if (random() < 0.2) {
              await deployment.freeze(name, 500 + random() * 6_000);
              frozen++;
            } else {
              await deployment.kill(name);
              kills++;
              progress(kills / store.kills);
            }
          }
        },
      });
      process.stderr.write(`kills ${store.kills}, pauses ${frozen}, ${told}\n`);
    },
  );
}

test.skipIf(!hasNats || !hasRedis)(
  "conversations go on through connections to Redis and NATS that are down, slow, silent, cut and sliced",
  { timeout: 3_600_000 },
  async () => {
    verifies("scale.connections.broken");
    const random = seeded(20_261_123);
    const proxies: Awaited<ReturnType<typeof openFaultProxy>>[] = [];
    const proxied = async (port: number): Promise<number> => {
      const proxy = await openFaultProxy({ port });
      proxies.push(proxy);
      return proxy.port;
    };
    const faults: readonly Fault[] = [
      { kind: "down" },
      { kind: "slow", delayMs: 100 },
      { kind: "silent" },
      { kind: "sliced", sliceBytes: 7 },
    ];
    const rounds = Math.max(KILLS, faults.length * 2);
    const told = await run({
      natsPort: proxied,
      store: STORES[0],
      storePort: proxied,
      disturb: async (_deployment, progress) => {
        for (let round = 0; round < rounds; round++) {
          const proxy = proxies[round % proxies.length];
          proxy?.set(faults[Math.floor(round / 2) % faults.length] ?? { kind: "none" });
          await pause(500 + random() * 3_000);
          if (random() < 0.5) proxy?.reset();
          proxy?.set({ kind: "none" });
          await pause(500);
          progress((round + 1) / rounds);
        }
      },
    });
    for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
    process.stderr.write(`faults ${rounds}, ${told}\n`);
  },
);
