import { PassThrough } from "node:stream";
import { runCli } from "../../src/cli/run-cli.ts";

/** What a command said and how it ended. */
export interface GtcRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process, where it is what it says that counts and not how it is started. */
export async function runGtc(
  args: readonly string[],
  { cwd, environment = {} }: { readonly cwd: string; readonly environment?: Readonly<Record<string, string>> },
): Promise<GtcRun> {
  const said = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr"): PassThrough =>
    new PassThrough().on("data", (chunk: Buffer) => void (said[name] += chunk.toString("utf8")));
  const code = await runCli(args, {
    stdin: new PassThrough(),
    stdout: stream("stdout"),
    stderr: stream("stderr"),
    cwd,
    environment,
    nowMs: Date.now,
    signal: new AbortController().signal,
  });
  return { code, ...said };
}
