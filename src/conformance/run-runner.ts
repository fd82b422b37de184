import { spawn } from "node:child_process";

/** A command line of a runner; the pack goes between its program's arguments and its own. */
export interface RunnerCommand {
  readonly program: string;
  /** Before the pack: what of `node runner.js` isn't the program. */
  readonly args: readonly string[];
  /** After the pack. */
  readonly more?: readonly string[];
  /** Beside what the contract sets and PATH: nothing else of this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** How a run ended. */
export type RunnerRun =
  | { readonly kind: "exited"; readonly code: number; readonly stdout: string; readonly stderr: string }
  | { readonly kind: "unstarted"; readonly reason: string }
  | { readonly kind: "late" }
  | { readonly kind: "killed" }
  | { readonly kind: "flood" };

const MAX_OUTPUT = 4 << 20;
const MAX_TALK = 8 << 10;

/** Runs a runner once over a pack, without a shell. Whatever it started ends with it. */
export function runRunner(
  command: RunnerCommand,
  run: {
    readonly pack: string;
    readonly activity: string;
    readonly environment: Readonly<Record<string, string>>;
    readonly cwd: string;
    readonly timeoutMs: number;
    readonly path: string;
    /** Kills it. */
    readonly kill?: AbortSignal;
  },
): Promise<RunnerRun> {
  return new Promise((done) => {
    const child = spawn(command.program, [...command.args, run.pack, ...(command.more ?? [])], {
      cwd: run.cwd,
      env: { PATH: run.path, HOME: run.cwd, ...run.environment, ...command.environment },
      stdio: ["pipe", "pipe", "pipe"],
      // A group of its own, so that what it starts can be ended with it.
      detached: process.platform !== "win32",
    });
    let ended: RunnerRun | undefined;
    const end = (how: RunnerRun): void => {
      ended ??= how;
      if (child.pid === undefined) return;
      try {
        process.kill(process.platform === "win32" ? child.pid : -child.pid, "SIGKILL");
      } catch {
        // It is gone already.
      }
    };
    const timer = setTimeout(() => end({ kind: "late" }), run.timeoutMs);
    run.kill?.addEventListener("abort", () => end({ kind: "killed" }), { once: true });
    const [stdout, stderr]: Buffer[][] = [[], []];
    let [sizeBytes, talkBytes] = [0, 0];
    child.stdout.on("data", (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes > MAX_OUTPUT) end({ kind: "flood" });
      else stdout?.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      if (talkBytes < MAX_TALK) stderr?.push(chunk);
      talkBytes += chunk.length;
    });
    child.on("error", (error) => {
      clearTimeout(timer);
      done({ kind: "unstarted", reason: (error as NodeJS.ErrnoException).code ?? error.message });
    });
    child.on("exit", (code) => end({ kind: "exited", code: code ?? -1, stdout: "", stderr: "" }));
    child.on("close", () => {
      clearTimeout(timer);
      const how = ended ?? { kind: "late" };
      const text = (chunks: readonly Buffer[] = []): string => Buffer.concat([...chunks]).toString("utf8");
      done(how.kind === "exited" ? { ...how, stdout: text(stdout), stderr: text(stderr) } : how);
    });
    // A runner that doesn't read what it is told is judged by what it says.
    child.stdin.on("error", () => undefined);
    child.stdin.end(run.activity);
  });
}
