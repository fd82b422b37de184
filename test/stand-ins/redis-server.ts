import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hasProgram } from "./docker-registry.ts";

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

/** Whether there is a Redis to test with. Where it must be (CI) and isn't, the run fails. */
export const hasRedis = hasProgram("redis-server") && hasProgram("redis-cli");
if (!hasRedis && process.env["CI"] !== undefined) throw new Error("CI needs redis-server and redis-cli on the PATH");

const DURABLE = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];

/** Starts a server on a free port of the loopback interface; `args` are added to its command line. */
export async function startRedis(args: readonly string[] = DURABLE): Promise<RedisServer> {
  const dir = mkdtempSync(join(tmpdir(), "greentic-redis-"));
  const port = await freePort();
  const line = ["--port", String(port), "--bind", "127.0.0.1", "--dir", dir, "--daemonize", "no", ...args];
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
      const started = spawn("redis-server", line, { stdio: "ignore" });
      child = started;
      for (let tries = 0; !(await server.cli("ping")).startsWith("PONG"); tries++) {
        if (tries > 200 || started.exitCode !== null) throw new Error("redis-server doesn't start");
        await sleep(25);
      }
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
  await server.start();
  return server;
}

/** Three masters that share the slots. */
export async function startRedisCluster(): Promise<
  AsyncDisposable & { readonly url: string; readonly nodes: readonly RedisServer[] }
> {
  const args = [...DURABLE, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
  const nodes = await Promise.all(Array.from({ length: 3 }, () => startRedis(args)));
  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`);
  await nodes[0]?.cli("--cluster", "create", ...hosts, "--cluster-yes");
  for (const node of nodes) {
    for (let tries = 0; !(await node.cli("cluster", "info")).includes("cluster_state:ok"); tries++) {
      if (tries > 200) throw new Error("the cluster doesn't form");
      await sleep(25);
    }
  }
  return {
    url: `redis-cluster://${hosts.join(",")}`,
    nodes,
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    },
  };
}

async function redisCli(port: number, command: readonly string[]): Promise<string> {
  const child = spawn("redis-cli", ["-p", String(port), ...command], { stdio: ["ignore", "pipe", "ignore"] });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  await once(child, "close");
  return out;
}

async function freePort(): Promise<number> {
  // A cluster's nodes talk on the port 10,000 above.
  for (;;) {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    if (port < 55_000) return port;
  }
}
