import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, SERVER_PATH } from "./server-program.ts";

/** A nats-server with JetStream, a process of its own on a port and a folder of its own. */
export interface NatsServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Ends the process; `start` brings it back on the same port. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  start(): Promise<void>;
  /** The process, for stopping and continuing it. */
  readonly child: ChildProcess;
}

/** Starts a server; `args` come on top: users, TLS. */
export async function startNatsServer({ args = [] }: { readonly args?: readonly string[] } = {}): Promise<NatsServer> {
  const dir = mkdtempSync(join(tmpdir(), "greentic-nats-"));
  const port = await freePort();
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = spawn("nats-server", ["-js", "-sd", dir, "-a", "127.0.0.1", "-p", String(port), ...args], {
      stdio: "ignore",
      env: { PATH: SERVER_PATH },
    });
    for (let tries = 0; !(await greets(port)); tries++) {
      if (tries > 200 || child.exitCode !== null) throw new Error("nats-server doesn't start");
      await sleep(25);
    }
  };
  const stop = async (signal: NodeJS.Signals = "SIGKILL"): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  };
  await start();
  return {
    port,
    url: `nats://127.0.0.1:${port}`,
    stop,
    start,
    get child() {
      return child;
    },
    async [Symbol.asyncDispose]() {
      await stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Whether a server says INFO, as NATS does to everybody who connects. */
async function greets(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    const [greeting] = (await once(socket, "data")) as [Buffer];
    return greeting.toString().startsWith("INFO ");
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
