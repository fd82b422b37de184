/** The processes under soak: one host over SQLite, or gateway, two workers and a sender over Redis and NATS. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { MEMBER_NAMES, startDeployment } from "../../test/e2e/deployment.ts";
import { startHostProcess } from "../../test/e2e/host-process.ts";
import type { SeenDeadLetter, SeenRow } from "../../test/e2e/kill-harness.ts";
import { ROOT } from "../../test/e2e/shell.ts";
import { startNatsServer } from "../../test/stand-ins/nats-server.ts";
import { startRedis } from "../../test/stand-ins/redis-server.ts";
import { freePort } from "../../test/stand-ins/server-program.ts";

/** What runs. */
export interface Hosts {
  readonly gateway: string;
  /** SIGTERM; gives the exit codes. */
  stop(): Promise<readonly number[]>;
  /** Rows of the outbox, and what died, once they have stopped; ends what they stood on. */
  leavings(): Promise<Leavings>;
  /** Lines that the processes wrote on stderr. */
  said(): readonly string[];
}

/** What a run left in its store. */
interface Leavings {
  readonly rows: readonly SeenRow[];
  readonly deadLetters: readonly SeenDeadLetter[];
}

export type StoreName = "sqlite" | "redis";

/** The data directories that a deployment needs. */
export const dataDirs = (store: StoreName): readonly string[] => (store === "sqlite" ? ["data"] : MEMBER_NAMES);

/** Starts a bundle; `env` is for the hosts, `probeDir` for what they say of themselves. */
export async function startHosts(
  store: StoreName,
  options: {
    readonly bundle: string;
    readonly env: Readonly<Record<string, string>>;
    readonly probeDir: string;
    /** When, from their start, they tell what lives. */
    readonly liveAtMs: readonly number[];
  },
): Promise<Hosts> {
  const { bundle, probeDir, liveAtMs } = options;
  const env = {
    GREENTIC_LOG_LEVEL: "error",
    NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, "probe.ts")).href}`,
    GREENTIC_SOAK_PROBE: probeDir,
    GREENTIC_SOAK_LIVE_MS: liveAtMs.join(","),
    ...options.env,
  };
  return store === "sqlite" ? startOne(bundle, env) : startFour(bundle, env);
}

async function startOne(bundle: string, env: Readonly<Record<string, string>>): Promise<Hosts> {
  const data = join(bundle, "data");
  const port = await freePort();
  const host = await startHostProcess(".", { cwd: bundle, args: ["--port", String(port), "--data", data], env });
  return {
    gateway: `http://127.0.0.1:${port}`,
    stop: async () => [await host.stop()],
    said: () => host.said,
    leavings: async () => ({
      rows: (await list(bundle, ["outbox", "list", "--data", data])) as SeenRow[],
      deadLetters: (await list(bundle, ["dlq", "list", "--data", data])) as SeenDeadLetter[],
    }),
  };
}

async function list(bundle: string, args: readonly string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(ROOT, "src/cli/main.ts"), ...args, "--json", "--limit", "10000000"],
    { cwd: bundle, maxBuffer: 1 << 30 },
  );
  return JSON.parse(stdout);
}

async function startFour(bundle: string, env: Readonly<Record<string, string>>): Promise<Hosts> {
  const redis = await startRedis();
  const nats = await startNatsServer();
  const deployment = await startDeployment({
    bundle,
    store: { GREENTIC_REDIS_URL: `redis://127.0.0.1:${redis.port}` },
    natsUrl: `nats://127.0.0.1:${nats.port}`,
    env,
  });
  return {
    gateway: deployment.gatewayUrl,
    stop: () => deployment.stop(),
    said: () => deployment.said().split("\n"),
    async leavings() {
      const left = { rows: await deployment.rows(), deadLetters: await deployment.deadLetters() };
      await nats[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
      return left;
    },
  };
}
