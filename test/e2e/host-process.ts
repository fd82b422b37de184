import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { ROOT } from "./shell.ts";

/** `gtc start` in a process of its own. */
export interface HostProcess {
  readonly child: ChildProcess;
  readonly url: string;
  /** Its stderr so far. */
  readonly said: readonly string[];
  /** Resolves with its exit code; -1 where a signal ended it. */
  readonly ended: Promise<number>;
  /** SIGTERM, then waits for the end. */
  stop(): Promise<number>;
  /** SIGKILL, then waits for the end. */
  kill(): Promise<void>;
}

/** Starts a bundle and waits for its ready line. */
export async function startHostProcess(
  bundle: string,
  options: {
    readonly args: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    readonly cwd?: string;
    /** Node's own, such as `--import`. */
    readonly nodeArgs?: readonly string[];
  },
): Promise<HostProcess> {
  const { nodeArgs = [], args } = options;
  const child = spawn(process.execPath, [...nodeArgs, join(ROOT, "src/cli/main.ts"), "start", bundle, ...args], {
    cwd: options.cwd ?? ROOT,
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", ...options.env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const said: string[] = [];
  const ended = new Promise<number>((done) => child.once("exit", (code) => done(code ?? -1)));
  const url = await new Promise<string>((ready, fail) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      said.push(line);
      const found = /ready (http:\/\/\S+)/.exec(line)?.[1];
      if (found !== undefined) ready(found);
    });
    void ended.then((code) => fail(new Error(`host ended with ${code}:\n${said.join("\n")}`)));
  });
  const end = async (signal: NodeJS.Signals): Promise<number> => {
    child.kill(signal);
    return ended;
  };
  return { child, url, said, ended, stop: () => end("SIGTERM"), kill: async () => void (await end("SIGKILL")) };
}
