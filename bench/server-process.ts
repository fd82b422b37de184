import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** A server under measurement in a process of its own. */
export interface ServerProcess {
  readonly child: ChildProcess;
  readonly port: number;
  /** From spawn to its ready line. */
  readonly readyMs: number;
  /** Processor time so far, all threads, milliseconds; 0 where the system doesn't tell. */
  cpuMs(): number;
  /** The same with that of the processes it started and that are still there. */
  treeCpuMs(): number;
  /** Resident memory in MiB. */
  residentMiB(): number;
  stop(): Promise<void>;
}

/** Starts a Node program that prints `ready http://host:port` on stderr. */
export async function startServer(
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<ServerProcess> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, args, {
    cwd: options.cwd,
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", ...options.env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const said: string[] = [];
  const port = await new Promise<number>((ready, fail) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      said.push(line);
      const found = /ready http:\/\/[^:]+:(\d+)/.exec(line)?.[1];
      if (found !== undefined) ready(Number(found));
    });
    child.once("exit", (code) => fail(new Error(`server ended with ${code}: ${said.join("\n")}`)));
  });
  const readyMs = performance.now() - startedMs;
  return {
    child,
    port,
    readyMs,
    cpuMs: () => processorMs(child.pid ?? 0),
    treeCpuMs: () => treeProcessorMs(child.pid ?? 0),
    residentMiB: () => residentMiB(child.pid ?? 0),
    stop: () =>
      new Promise((stopped) => {
        child.once("exit", () => stopped());
        child.kill("SIGTERM");
        setTimeout(() => child.kill("SIGKILL"), 12_000).unref();
      }),
  };
}

function processorMs(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return 0;
  }
}

function treeProcessorMs(pid: number): number {
  let ms = processorMs(pid);
  for (const name of readdirSync("/proc")) {
    if (/^\d+$/.test(name) && parentOf(name) === pid) ms += treeProcessorMs(Number(name));
  }
  return ms;
}

function parentOf(pid: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[1]);
  } catch {
    return 0;
  }
}

function residentMiB(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
