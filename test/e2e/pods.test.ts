import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JsonObject } from "../../src/types/index.ts";
import { objectsOf, TEMPLATES, withDefaults } from "../helm/chart.ts";
import { renderTemplate } from "../helm/go-template.ts";
import { hasRedis } from "../stand-ins/redis-server.ts";
import { hasServer } from "../stand-ins/server-program.ts";
import type { TelegramStandIn } from "../stand-ins/telegram.ts";
import { openTelegramStandIn } from "../stand-ins/telegram.ts";
import { verifies } from "../verifies.ts";
import { DirectLineClient } from "./direct-line-client.ts";
import type { Cluster, Pod, PodSpec } from "./pod.ts";
import { startPod } from "./pod.ts";
import { writeRolesBundle } from "./roles-bundle.ts";
import { openShell } from "./shell.ts";
import type { SlowTool } from "./slow-tool.ts";
import { openSlowTool } from "./slow-tool.ts";

const TOKEN = "123456:pods-test-token-of-the-stand-in";
const IMAGE = "registry.example.com/acme/shop:1.0.0";
/** An env that lets requests be rewritten to stand-ins. */
const SETTINGS = `name = "shop"\nenv = "test"\nimage = "${IMAGE}"\n[kubernetes]\nautoscaling = "keda"\n`;
const PASSWORD = randomBytes(16).toString("hex");

interface Named {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly template?: { readonly spec: PodSpec };
    readonly triggers?: readonly { readonly metadata: Readonly<Record<string, string>> }[];
  };
}

const namedIn = (objects: readonly Named[], kinds: readonly string[], name: string): Named | undefined =>
  objects.find(({ kind, metadata }) => kinds.includes(kind) && metadata.name === name);
const podOf = (objects: readonly Named[], name: string): PodSpec => {
  const spec = namedIn(objects, ["Deployment", "StatefulSet"], name)?.spec?.template?.spec;
  if (spec === undefined) throw new Error(`no pod ${name}`);
  return spec;
};

describe.skipIf(!hasRedis || !hasServer("nats-server"))("the pods of render and of the chart", () => {
  let objects: readonly Named[];
  let cluster: Cluster;
  let redis: Pod;
  let nats: Pod;
  let telegram: TelegramStandIn;
  const tools: SlowTool[] = [];
  const pods: Pod[] = [];
  let gateway: Pod;
  let egress: Pod;
  let workers: Pod[];

  const start = async (role: string, tool = tools[0]): Promise<Pod> => {
    const pod = await startPod(podOf(objects, `shop-${role}`), cluster, {
      env: { GREENTIC_HTTP_REWRITE: `https://api.telegram.org=${telegram.url},https://slow.example.com=${tool?.url}` },
    });
    pods.push(pod);
    return pod;
  };
  const person = (): DirectLineClient => new DirectLineClient(() => gateway.url());

  beforeAll(async () => {
    const shell = openShell();
    const { dir } = shell;
    await writeRolesBundle(dir);
    writeFileSync(join(dir, "deploy.toml"), SETTINGS);
    mkdirSync(join(dir, "image"));
    // Pods may be somebody else's.
    chmodSync(dirname(dir), 0o755);
    const said = await shell.run(
      "gtc bundle build . -o image/app.gtbundle && gtc deployer render --target kubernetes --out out",
    );
    expect(said, said.stderr).toMatchObject({ code: 0 });
    objects = readdirSync(join(dir, "out"))
      .sort()
      .flatMap((file) => objectsOf(readFileSync(join(dir, "out", file), "utf8")) as unknown as readonly Named[]);
    telegram = await openTelegramStandIn({ token: TOKEN });
    tools.push(await openSlowTool(), await openSlowTool());
    const host: Record<string, string> = {
      "redis-password": PASSWORD,
      "nats-password": PASSWORD,
      "token-key": randomBytes(32).toString("base64"),
    };
    cluster = {
      bundle: join(dir, "image"),
      configMaps: new Map([["shop-config", namedIn(objects, ["ConfigMap"], "shop-config")?.data ?? {}]]),
      secrets: new Map([
        ["shop-host", host],
        ["shop-secrets", { "test.demo._.messaging-telegram.telegram_bot_token": TOKEN }],
      ]),
    };
    redis = await startPod(podOf(objects, "shop-redis"), cluster, {
      args: (ports) => ["--port", String(ports.get("redis")), "--bind", "127.0.0.1"],
      probeWords: (ports) => ({ "redis-cli": `redis-cli -p ${ports.get("redis")}` }),
    });
    nats = await startPod(podOf(objects, "shop-nats"), cluster, {
      args: (ports) => ["-a", "127.0.0.1", "-p", String(ports.get("nats"))],
    });
    // The addresses that `plan` and the chart's notes name, but for the names of the services.
    host["redis-url"] = `redis://:${PASSWORD}@127.0.0.1:${redis.port("redis")}`;
    host["nats-url"] = `nats://greentic:${PASSWORD}@127.0.0.1:${nats.port("nats")}`;
    [gateway, egress, ...workers] = await Promise.all([
      start("gateway"),
      start("egress"),
      ...tools.map((tool) => start("worker", tool)),
    ]);
  }, 240_000);
  afterAll(async () => {
    await Promise.all([...pods, redis, nats].map((pod) => pod.kill()));
    await Promise.all(tools.map((tool) => tool[Symbol.asyncDispose]()));
    await telegram.close();
  });

  test("are the same pods", () => {
    verifies("deploy.chart");
    const Values = withDefaults({
      image: IMAGE,
      env: "test",
      autoscaling: "keda",
      config: { ...cluster.configMaps.get("shop-config") },
    } satisfies JsonObject);
    const release = { Values, Release: { Name: "shop", Namespace: "shop", Service: "greentic-deployer" } };
    const charted = TEMPLATES.flatMap(([, text]) =>
      objectsOf(renderTemplate(text, release)),
    ) as unknown as readonly Named[];
    for (const name of ["gateway", "worker", "egress", "redis", "nats"])
      expect(podOf(charted, `shop-${name}`), name).toEqual(podOf(objects, `shop-${name}`));
  });

  test("are alive and ready by their own probes", async () => {
    verifies("deploy.pods");
    for (const pod of [gateway, egress, ...workers, redis, nats]) {
      await expect.poll(() => pod.probe("readinessProbe"), { timeout: 10_000 }).toBe(true);
      expect(await pod.probe("livenessProbe")).toBe(true);
    }
  });

  test("hold a conversation: from the gateway's port through a worker, and out to a platform by a mounted secret", async () => {
    verifies("deploy.pods", "deploy.command-line", "deploy.kubernetes");
    const someone = person();
    await someone.open();
    await someone.say("hello");
    await someone.until(1);
    await someone.say("Ada");
    expect((await someone.until(2)).map(({ text }) => text)).toEqual(["Which name?", "Done Ada."]);
    telegram.say("hello", { chat: 7, user: 7 });
    await telegram.until(() => telegram.sends.length === 1);
    telegram.say("Bo", { chat: 7, user: 7 });
    await telegram.until(() => telegram.sends.length === 2);
    expect(telegram.sends.map(({ text }) => text)).toEqual(["Which name?", "Done Bo."]);
  });

  test("pull from the consumer whose lag KEDA is told to read, at the address that it is told", async () => {
    verifies("deploy.keda");
    const {
      natsServerMonitoringEndpoint: at,
      account,
      stream,
      consumer,
    } = namedIn(objects, ["ScaledObject"], "shop-worker")?.spec?.triggers?.[0]?.metadata ?? {};
    expect(at).toBe("shop-nats.shop.svc:8222");
    // As KEDA asks.
    const answer = await fetch(`${nats.url("monitor")}/jsz?acc=${account}&consumers=true&config=true`);
    const { account_details } = (await answer.json()) as {
      readonly account_details: readonly {
        readonly stream_detail: readonly {
          readonly name: string;
          readonly consumer_detail: readonly { readonly name: string; readonly num_pending: number }[];
        }[];
      }[];
    };
    const found = account_details[0]?.stream_detail
      .find(({ name }) => name === stream)
      ?.consumer_detail.find(({ name }) => name === consumer);
    expect(found).toMatchObject({ num_pending: 0 });
  });

  test("a session moves when its worker is killed, and the next pod in its place takes part again", async () => {
    verifies("deploy.pods", "roles.takeover");
    const someone = person();
    await someone.open();
    await someone.say("hello");
    await someone.until(1);
    const held = tools.map(async (tool, worker) => ({ worker, asked: await tool.hold() }));
    await someone.say("Cleo");
    const { worker, asked } = await Promise.race(held);
    expect(asked).toBe("Cleo");
    tools[1 - worker]?.free();
    await workers[worker]?.kill();
    const heard = await someone.until(2);
    expect(heard.map(({ text }) => text)).toEqual(["Which name?", "Done Cleo."]);
    expect(tools.map(({ calls }) => calls.filter((call) => call === "Cleo").length)).toEqual([1, 1]);
    workers[worker] = await start("worker", tools[worker]);
    await expect.poll(() => workers[worker]?.probe("readinessProbe"), { timeout: 10_000 }).toBe(true);
  });

  test("what a pod is at when it is told to end is done within its grace, and nothing was written but to its volumes", async () => {
    verifies("deploy.pods", "deploy.restricted");
    const someone = person();
    await someone.open();
    await someone.say("hello");
    await someone.until(1);
    const held = tools.map(async (tool, worker) => ({ worker, asked: await tool.hold() }));
    await someone.say("Dora");
    const { worker } = await Promise.race(held);
    tools[1 - worker]?.free();
    const ending = workers[worker]?.terminate();
    await expect.poll(() => workers[worker]?.probe("readinessProbe"), { timeout: 10_000 }).toBe(false);
    tools[worker]?.answer();
    expect(await ending).toBe(0);
    const heard = await someone.until(2);
    expect(heard.map(({ text }) => text)).toEqual(["Which name?", "Done Dora."]);
    expect(tools.flatMap(({ calls }) => calls).filter((call) => call === "Dora")).toHaveLength(1);

    const rest = [gateway, egress, ...workers.filter((_pod, index) => index !== worker)];
    expect(await Promise.all(rest.map((pod) => pod.terminate()))).toEqual([0, 0, 0]);
    for (const pod of [...rest, workers[worker]]) expect(pod?.writtenBeside()).toEqual([]);
  });
});
