import { spawn } from "node:child_process";
import { GreenticError, quote } from "../types/index.ts";

/** What a program said and how it ended. */
export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of PATH, without a shell; undefined where there is none of that name. */
export type RunProgram = (program: string, args: readonly string[]) => Promise<ProgramResult | undefined>;

const MAX_SAID = 64 << 10;

/** Makes what runs programs in a directory, with an environment that says where they are. */
export function programRunner(options: {
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
}): RunProgram {
  return (program, args) =>
    new Promise((done, fail) => {
      const child = spawn(program, [...args], {
        cwd: options.cwd,
        env: options.environment,
        stdio: ["ignore", "pipe", "pipe"],
        ...(options.signal && { signal: options.signal }),
      });
      const said = { stdout: "", stderr: "" };
      for (const name of ["stdout", "stderr"] as const)
        child[name].setEncoding("utf8").on("data", (text: string) => {
          if (said[name].length < MAX_SAID) said[name] += text;
        });
      child.on("error", (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? done(undefined) : fail(error)));
      child.on("close", (code) => done({ code: code ?? -1, ...said }));
    });
}

/**
 * Runs a program that has to succeed.
 * @throws DEPLOYER_PROGRAM_MISSING with the command to run elsewhere, DEPLOYER_PROGRAM_FAILED with what it said last
 */
export async function runOrFail(run: RunProgram, program: string, args: readonly string[]): Promise<ProgramResult> {
  const result = await run(program, args);
  const command = commandLine(program, args);
  if (result === undefined)
    throw new GreenticError(
      "DEPLOYER_PROGRAM_MISSING",
      `Apply: ${program} is not on PATH; where it is, run: ${command}`,
      { details: { command } },
    );
  if (result.code !== 0) {
    const said = (result.stderr.trim() || result.stdout.trim()).split("\n").at(-1) ?? "";
    throw new GreenticError("DEPLOYER_PROGRAM_FAILED", `Run ${command}: exit code ${result.code}, ${quote(said)}`, {
      details: { command, exitCode: result.code },
    });
  }
  return result;
}

/** Writes a command as a person types it. */
export function commandLine(program: string, args: readonly string[]): string {
  return [program, ...args]
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(" ");
}
