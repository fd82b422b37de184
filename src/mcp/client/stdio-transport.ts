import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { spawn } from "node:child_process";
import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/client";
import type { World } from "../../types/index.ts";
import { GreenticError, quote } from "../../types/index.ts";

/** The process of an MCP server, everything resolved. */
export interface StdioProcess {
  /** What messages call it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string | undefined;
  /** All of the process's environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly world: World;
  /** Hears the lines of standard error, capped. */
  readonly onStderr: (text: string) => void;
}

const MAX_MESSAGE_BYTES = 16 << 20;
const MAX_STDERR_BYTES = 64 << 10;
const TERM_MS = 2_000;

/**
 * MCP over a process's standard input and output: one JSON message a line. Unlike the SDK's own transport it passes on nothing
 * of this process's environment, bounds what the process may print, and ends its whole group: servers are often scripts
 * that start the real one.
 */
export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #process: StdioProcess;
  #child: ChildProcessWithoutNullStreams | undefined;
  #exited: Promise<void> | undefined;
  #chunks: Buffer[] = [];
  #size = 0;
  #stderrBytes = 0;

  constructor(process: StdioProcess) {
    this.#process = process;
  }

  async start(): Promise<void> {
    const { command, args, cwd, env, name } = this.#process;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const exited = Promise.withResolvers<void>();
    const child = spawn(command, [...args], { cwd, env, stdio: "pipe", detached: true, windowsHide: true });
    this.#child = child;
    this.#exited = exited.promise;
    child.once("spawn", resolve);
    child.once("error", (cause: NodeJS.ErrnoException) => {
      const reason = quote(cause.code ?? "failed");
      reject(new GreenticError("MCP_SERVER_UNAVAILABLE", `Start MCP server ${quote(name)}: ${reason}`, { cause }));
      this.#ended(exited.resolve);
    });
    child.once("exit", () => this.#ended(exited.resolve));
    child.stdin.on("error", (error) => this.onerror?.(error));
    child.stdout.on("error", (error) => this.onerror?.(error));
    child.stdout.on("data", (chunk: Buffer) => this.#read(chunk));
    child.stderr.on("data", (chunk: Buffer) => this.#hear(chunk));
    return promise;
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const child = this.#child;
    if (child === undefined || !child.stdin.writable) {
      throw new GreenticError(
        "MCP_SERVER_UNAVAILABLE",
        `Write to MCP server ${quote(this.#process.name)}: it has ended`,
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    child.stdin.write(`${JSON.stringify(message)}\n`, (error) => (error ? reject(error) : resolve()));
    return promise;
  }

  /** Closes its input, as the specification asks; what doesn't end by itself is told to, then made to. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined || this.#exited === undefined) return;
    child.stdin.end();
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const { promise, resolve } = Promise.withResolvers<"late">();
      const cancel = this.#process.world.schedule(TERM_MS, () => resolve("late"));
      const how = await Promise.race([this.#exited, promise]);
      cancel();
      if (how !== "late") break;
      signalGroup(child.pid, signal);
    }
    // What it started itself may outlive it.
    signalGroup(child.pid, "SIGKILL");
  }

  /** Ends the process without a word. */
  kill(): void {
    if (this.#child?.pid !== undefined) signalGroup(this.#child.pid, "SIGKILL");
  }

  #ended(resolve: () => void): void {
    if (this.#child === undefined) return;
    this.#child = undefined;
    resolve();
    this.onclose?.();
  }

  #read(chunk: Buffer): void {
    let rest = chunk;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      this.#chunks.push(rest.subarray(0, end));
      const line = Buffer.concat(this.#chunks).toString("utf8").trim();
      this.#chunks = [];
      this.#size = 0;
      rest = rest.subarray(end + 1);
      if (line !== "") this.#receive(line);
    }
    if (rest.byteLength === 0) return;
    this.#chunks.push(rest);
    this.#size += rest.byteLength;
    if (this.#size > MAX_MESSAGE_BYTES) this.kill();
  }

  #receive(line: string): void {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      // Servers that print a greeting are common; what isn't JSON isn't for us.
      return;
    }
    if (typeof message === "object" && message !== null) this.onmessage?.(message as JSONRPCMessage);
  }

  #hear(chunk: Buffer): void {
    if (this.#stderrBytes >= MAX_STDERR_BYTES) return;
    const kept = chunk.subarray(0, MAX_STDERR_BYTES - this.#stderrBytes);
    this.#stderrBytes += kept.byteLength;
    this.#process.onStderr(kept.toString("utf8"));
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It is gone already.
  }
}
