/** A Redis that flushes at each write, for the length of a run. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Starts redis-server on a free port with its append-only file below `dir`; undefined where there is none on PATH. */
export async function startRedis(
  dir: string,
): Promise<{ readonly url: string; readonly stop: () => Promise<void> } | undefined> {
  if (spawnSync("redis-server", ["--version"]).status !== 0) return undefined;
  const port = await freePort();
  const data = await mkdtemp(join(dir, "redis-"));
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", data, "--save", "", "--appendonly", "yes"];
  const child = spawn("redis-server", [...args, "--appendfsync", "always"], { stdio: ["ignore", "pipe", "ignore"] });
  await new Promise<void>((ready, fail) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (/Ready to accept connections/.test(line)) ready();
    });
    child.once("exit", (code) => fail(new Error(`redis-server ended with ${code}`)));
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    stop: () =>
      new Promise((stopped) => {
        child.once("exit", () => stopped());
        child.kill("SIGKILL");
      }),
  };
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => done(port));
    });
  });
}
