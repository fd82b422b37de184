/**
 * A host for the benchmark: the production runtime and gateway over one pack, whose tools answer at once in this process, as a durable
 * execution's own step functions do. Argument: `memory`, `sqlite:DIR` or `redis:URL`. `SINK_URL` is where messages are sent.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openInProcessBus } from "../../src/bus/index.ts";
import type { ComponentHost } from "../../src/component/index.ts";
import { createGateway } from "../../src/gateway/index.ts";
import { sendHttp } from "../../src/http/index.ts";
import { createTelegramProvider, createWebhookProvider } from "../../src/messaging/index.ts";
import type { ChannelAddress, Provider } from "../../src/messaging/index.ts";
import type { Pack } from "../../src/pack/index.ts";
import { buildPack, openPack, TRUST_NOBODY } from "../../src/pack/index.ts";
import { createMachineWorld, openRuntime } from "../../src/runner/index.ts";
import { createSecretReader } from "../../src/secrets/index.ts";
import { openMemoryStore, openRedisStore, openSqliteStore } from "../../src/session/index.ts";
import type { SessionStore } from "../../src/session/index.ts";
import { channelId, DENY_ALL, envId, teamId, tenantId } from "../../src/types/index.ts";
import type { JsonObject } from "../../src/types/index.ts";

const step = (id: string, from: string, to: string): string => `
  ${id}:
    tool.invoke: { tool: ${id}, input: { n: "{{${from}}}" } }
    routing: [{ to: ${to} }]`;
const STEPS = `id: steps
type: webhook
schema_version: 2
start: one
nodes:${step("one", "in.text", "two")}${step("two", "one.result.n", "three")}${step("three", "two.result.n", "answer")}
  answer: { message.send: { text: "done {{three.result.n}}" }, routing: out }
`;
const SEND = `id: send
type: messaging
schema_version: 2
start: one
nodes:${step("one", "in.text", "two")}${step("two", "one.result.n", "answer")}
  answer: { message.send: { text: "done {{two.result.n}}" }, routing: out }
`;
const TOOLS = ["one", "two", "three"].map((name) => ({ name, http: { url: `https://tools.example.com/${name}` } }));
const FILES = {
  "pack.toml":
    '[pack]\nname = "bench"\nversion = "1.0.0"\ndescription = "Steps and sends to measure"\nauthors = []\n[capabilities]\nid = "greentic.cap.app.v1"\nprovides = []\n[flows]\nsteps = "flows/steps.ygtc"\nsend = "flows/send.ygtc"\n[assets]\ntoolmap = "assets/toolmap.json"\n',
  "flows/steps.ygtc": STEPS,
  "flows/send.ygtc": SEND,
  "assets/toolmap.json": JSON.stringify({ tools: TOOLS }),
};

const ENV = envId("test");
const TENANT = tenantId("demo");
const TEAM = teamId("default");
const DAY_MS = 86_400_000;
const none = (): Promise<never> => Promise.reject(new TypeError("No components here"));
const NO_COMPONENTS: ComponentHost = {
  admit: none,
  examine: none,
  invoke: none,
  describe: none,
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

async function packOf(): Promise<Pack> {
  const dir = await mkdtemp(join(tmpdir(), "greentic-bench-"));
  try {
    for (const [path, text] of Object.entries(FILES)) {
      await mkdir(dirname(join(dir, path)), { recursive: true });
      await writeFile(join(dir, path), text);
    }
    const { bytes } = await buildPack(dir, { probeComponent: () => ({ abi: "none", world: "" }) });
    return await openPack(bytes, { trust: { ...TRUST_NOBODY, rejectUnsigned: false }, nowMs: Date.now() });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** A platform of its own: `{ id, n }` comes in, each message goes out as one POST that carries its conversation and its key. */
function sinkChannel(address: ChannelAddress, url: string): Provider {
  const origin = new URL(url).origin;
  return {
    type: "sink",
    address,
    delivery: { kind: "send", sinkClass: "A" },
    dedupeTtlMs: DAY_MS,
    receive: async ({ body }) => {
      const { id, n } = JSON.parse(Buffer.from(body).toString("utf8")) as { readonly id: string; readonly n: number };
      const envelope = {
        id,
        tenant: { env: address.env, tenant: address.tenant },
        channel: address.channel,
        session_id: id,
        text: String(n),
        attachments: [],
        metadata: {},
      };
      return { kind: "messages", messages: [{ envelope, dedupeKey: id, conversation: id, user: "u" }] };
    },
    project: (message) => [{ id: message.session_id, text: message.text ?? "" }],
    send: async (payload, { idempotencyKey }) => {
      await sendHttp(
        {
          method: "POST",
          url,
          headers: [["idempotency-key", idempotencyKey]],
          body: Buffer.from(JSON.stringify(payload)),
          origins: [origin],
        },
        { privateAddresses: ["127.0.0.0/8"] },
      );
      return { kind: "sent" };
    },
  };
}

async function storeOf(place: string): Promise<SessionStore> {
  const world = createMachineWorld();
  if (place === "memory") return openMemoryStore(world);
  if (place.startsWith("sqlite:")) return openSqliteStore({ dir: place.slice(7), world });
  return openRedisStore({ url: place, durability: "strict", world });
}

const world = createMachineWorld();
const at = (channel: string): ChannelAddress => ({ env: ENV, tenant: TENANT, team: TEAM, channel: channelId(channel) });
const runtime = await openRuntime({
  env: ENV,
  world,
  store: await storeOf(process.argv[2] ?? "memory"),
  bus: openInProcessBus(),
  components: NO_COMPONENTS,
  secrets: createSecretReader([]),
  providers: [
    createWebhookProvider(at("webhook"), { world }),
    sinkChannel(at("sink"), process.env["SINK_URL"] ?? "http://127.0.0.1:9/"),
    createTelegramProvider({
      address: at("telegram"),
      world,
      mode: "webhook",
      token: () => "123456:AAE-stand-in_token-0123456789abcdef",
      secretToken: () => ["bench-secret"],
      http: () => Promise.resolve({ status: 200, headers: [], body: Buffer.from('{"ok":true,"result":true}') }),
    }),
  ],
  apps: [{ scope: { env: ENV, tenant: TENANT }, pack: await packOf(), defaultFlow: "send" }],
  stubTool: (_tool, input) => ({ result: { n: Number((input as JsonObject)["n"]) + 1 } }),
  policy: () => DENY_ALL,
});
const gateway = createGateway({
  runtime,
  env: ENV,
  world,
  defaultTenant: TENANT,
  tokenKey: new Uint8Array(32).fill(7),
  tenant: (tenant) => (tenant === TENANT ? {} : undefined),
  limits: { maxWaitingPerTenant: 4_096 },
});
runtime.start();
const { url, close } = await gateway.listen({ host: "127.0.0.1", port: 0 });
process.stderr.write(`ready ${url}\n`);
process.on("SIGTERM", () => {
  void runtime
    .drain(2_000)
    .then(() => close())
    .finally(() => process.exit(0));
});
