import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, hasServer } from "./server-program.ts";

/** A real Redis of a test's own, over a folder of its own, that flushes before it answers. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Kills it as a power cut would. */
  kill(): Promise<void>;
  /** Starts it again over what it left. */
  start(): Promise<void>;
  /** Stops its clock (SIGSTOP) and lets it go on. */
  pause(): void;
  resume(): void;
  /** Runs redis-cli against it. */
  cli(...args: readonly string[]): Promise<string>;
}

const PROGRAM = "redis-server";
const CLIENT = "redis-cli";

/** Whether there is a Redis to test with. Where it must be (CI) and isn't, the run fails. */
export const hasRedis = hasServer(PROGRAM) && hasServer(CLIENT);

const DURABLE = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];

/**
 * Starts a server on a free port of the loopback interface; `args` are added to its command line. `file` is a configuration that the
 * program may rewrite.
 */
export async function startRedis(
  args: readonly string[] = DURABLE,
  { file }: { readonly file?: string } = {},
): Promise<RedisServer> {
  const dir = mkdtempSync(join(tmpdir(), "greentic-redis-"));
  // A cluster's nodes talk to each other on the port 10,000 above.
  let port = await freePort();
  while (port > 55_000) port = await freePort();
  const line = ["--port", String(port), "--bind", "127.0.0.1", "--dir", dir, "--daemonize", "no", ...args];
  if (file !== undefined) line.unshift(file);
  let child: ChildProcess | undefined;
  const server: RedisServer = {
    port,
    url: `redis://127.0.0.1:${port}`,
    async kill() {
      if (child === undefined) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
      child = undefined;
    },
    async start() {
      const started = spawn(PROGRAM, line, { stdio: "ignore" });
      child = started;
      await until(async () => {
        if (started.exitCode !== null) throw new Error("redis-server ended at its start");
        return (await server.cli("ping")).startsWith("PONG");
      }, "server");
    },
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
    cli: (...command) => redisCli(port, command),
    async [Symbol.asyncDispose]() {
      child?.kill("SIGCONT");
      await server.kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await using unfinished = new AsyncDisposableStack();
  unfinished.use(server);
  await server.start();
  unfinished.move();
  return server;
}

/** Three masters that share the slots, then their replicas. */
export interface RedisCluster extends AsyncDisposable {
  readonly url: string;
  readonly nodes: readonly RedisServer[];
}

/** Starts a cluster of three masters; each may have a replica. */
export async function startRedisCluster({ replicas = 0 } = {}): Promise<RedisCluster> {
  const args = [...DURABLE, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
  await using unfinished = new AsyncDisposableStack();
  const starting = Array.from({ length: 3 * (1 + replicas) }, async () =>
    unfinished.use(await startRedis([...args, "--repl-diskless-sync-delay", "0"])),
  );
  const nodes = await Promise.all(starting);
  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`);
  await nodes[0]?.cli("--cluster", "create", ...hosts, "--cluster-replicas", String(replicas), "--cluster-yes");
  for (const node of nodes) {
    await until(async () => (await node.cli("cluster", "info")).includes("cluster_state:ok"), "cluster");
  }
  for (const node of nodes.slice(3)) {
    await until(async () => (await node.cli("info", "replication")).includes("master_link_status:up"), "replica");
  }
  const owned = unfinished.move();
  return {
    url: `redis-cluster://${hosts.join(",")}`,
    nodes,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function until(isTrue: () => Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; !(await isTrue()); tries++) {
    if (tries > 400) throw new Error(`the ${what} doesn't get ready`);
    await sleep(25);
  }
}

async function redisCli(port: number, command: readonly string[]): Promise<string> {
  const child = spawn(CLIENT, ["-p", String(port), ...command], { stdio: ["ignore", "pipe", "ignore"] });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  await once(child, "close");
  return out;
}

/** A master with two replicas under one sentinel. */
export interface RedisSentinel extends AsyncDisposable {
  readonly url: string;
  readonly master: RedisServer;
}

/** Starts a master, two replicas and a sentinel that puts one of them in its place a second after it is gone. */
export async function startRedisSentinel(): Promise<RedisSentinel> {
  await using unfinished = new AsyncDisposableStack();
  const master = unfinished.use(await startRedis());
  const follow = [...DURABLE, "--replicaof", "127.0.0.1", String(master.port), "--repl-diskless-sync-delay", "0"];
  const starting = [1, 2].map(async () => unfinished.use(await startRedis(follow)));
  const replicas = await Promise.all(starting);
  for (const replica of replicas) {
    await until(async () => (await replica.cli("info", "replication")).includes("master_link_status:up"), "replica");
  }
  const dir = mkdtempSync(join(tmpdir(), "greentic-sentinel-"));
  unfinished.defer(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, "sentinel.conf");
  writeFileSync(
    file,
    [
      `sentinel monitor main 127.0.0.1 ${master.port} 1`,
      "sentinel down-after-milliseconds main 1000",
      "sentinel failover-timeout main 5000",
      "",
    ].join("\n"),
  );
  const sentinel = unfinished.use(await startRedis(["--sentinel"], { file }));
  await until(async () => (await sentinel.cli("sentinel", "replicas", "main")).split("flags").length > 2, "sentinel");
  const owned = unfinished.move();
  return {
    url: `redis-sentinel://127.0.0.1:${sentinel.port}/main`,
    master,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
