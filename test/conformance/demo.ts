/** The weather demo in a directory of its own, built and signed, and the command line beside it. */
import { cpSync, mkdirSync, mkdtempSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { PassThrough } from "node:stream";
import { expect } from "vitest";
import { runCli } from "../../src/cli/index.ts";
import type { ConformanceCase, ConformanceReport } from "../../src/conformance/index.ts";
import { ROOT } from "../e2e/shell.ts";

/** What a command line came to. */
interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process, with nothing of this process's environment but what is given. */
export async function gtc(
  cwd: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Said> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const heard = { stdout: "", stderr: "" };
  stdout.setEncoding("utf8").on("data", (text: string) => (heard.stdout += text));
  stderr.setEncoding("utf8").on("data", (text: string) => (heard.stderr += text));
  const code = await runCli(args, {
    stdin: new PassThrough().end(),
    stdout,
    stderr,
    cwd,
    environment: { HOME: cwd, PATH: process.env["PATH"] ?? "", ...environment },
    nowMs: () => Date.now(),
    signal: new AbortController().signal,
  });
  return { code, ...heard };
}

/** Copies the demo, and builds and signs its pack as `npm run build` does in a checkout. */
export async function copyDemo(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "greentic-conformance-test-"));
  const left = new Set([".greentic", ".keys", "dist"]);
  cpSync(join(ROOT, "examples/weather-demo"), dir, {
    recursive: true,
    filter: (path) => !left.has(basename(path)),
  });
  mkdirSync(join(dir, ".keys"));
  for (const args of [
    ["pack", "keygen", "--output", "dev.pem"],
    ["pack", "build", ".", "-o", "dist/weather-demo-1.0.0.gtpack"],
    ["pack", "sign", "dist/weather-demo-1.0.0.gtpack", "--key", "dev.pem"],
  ])
    expect(await gtc(dir, args)).toMatchObject({ code: 0 });
  renameSync(join(dir, "dev.pub"), join(dir, ".keys/dev.pub"));
  return dir;
}

/** A report's cases that aren't passed, as `status id`. */
export function notPassed(report: ConformanceReport): readonly string[] {
  return report.cases.filter(({ status }) => status !== "pass").map(({ status, id }) => `${status} ${id}`);
}

/** Finds a case. */
export function caseOf(report: ConformanceReport, id: string): ConformanceCase {
  const found = report.cases.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no case ${id} in ${report.cases.map((one) => one.id).join(", ")}`);
  return found;
}

/** Runs a suite with --json and parses what it prints. */
export async function judge(
  cwd: string,
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly report: ConformanceReport }> {
  const { code, stdout, stderr } = await gtc(cwd, ["conformance", ...args, "--json"]);
  expect(stdout, stderr).not.toBe("");
  return { code, report: JSON.parse(stdout) as ConformanceReport };
}
