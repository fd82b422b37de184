// The public `check-runner`: one run of a runner over a pack, and what the report of the public greentic-conformance says of it.
import { constants } from "node:fs";
import { access, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { GreenticError, isJsonObject, parseJson, quote } from "../types/index.ts";
import type { JsonValue } from "../types/index.ts";
import { runRunner } from "./run-runner.ts";
import { contractOf, problemOf, SESSION, shown } from "./runner-contract.ts";

/** What a runner is checked with. */
export interface PublicRunnerCheck {
  /** Its program. */
  readonly runner: string;
  readonly pack: string | undefined;
  /** Takes any exit code. */
  readonly allowFailure: boolean;
  readonly requireJsonStdout: boolean;
  readonly stdin: string | undefined;
  /** After the pack. */
  readonly args: readonly string[];
  /** `KEY=VALUE`. */
  readonly env: readonly string[];
  /** Where it runs; default where the check is asked for. */
  readonly workdir: string | undefined;
  /** What its output must hold: members of objects, each item of a list somewhere in the list, anything else equal. */
  readonly expectedEgress: JsonValue | undefined;
  /** Where paths are looked for. */
  readonly cwd: string;
  /** PATH of the runner. */
  readonly path: string;
  /** Whether it may use the network, as far as it obeys. */
  readonly isOnline: boolean;
  readonly timeoutMs: number;
}

/** The public form. */
export interface PublicRunnerReport {
  readonly runner: string;
  readonly runner_v1: boolean;
  readonly issues: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Checks a runner by the public `check-runner` contract. What is wrong with it is an issue; it runs without a shell, and knows nothing
 * of this process's environment.
 * @throws CLI_FILE_MISSING where there is no such program
 */
export async function checkPublicRunner(check: PublicRunnerCheck): Promise<PublicRunnerReport> {
  const { runner, pack, workdir, cwd } = check;
  const file = resolve(cwd, runner);
  const info = await stat(file).catch(() => undefined);
  if (info === undefined) throw new GreenticError("CLI_FILE_MISSING", `Check runner: nothing at ${quote(runner)}`);
  const isExecutable = await access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
  const issues = [
    ...(info.isFile() ? [] : ["runner path is not a file"]),
    ...(info.size > 0 ? [] : ["runner file is empty"]),
    ...(workdir === undefined || (await isThere(resolve(cwd, workdir)))
      ? []
      : [`runner working directory ${quote(workdir)} does not exist`]),
    ...check.env.filter((pair) => !PAIR.test(pair)).map(() => "env override must be KEY=VALUE"),
    ...(pack === undefined || (await isThere(resolve(cwd, pack)))
      ? []
      : [`provided pack path ${quote(pack)} does not exist`]),
  ];
  const warnings = [
    ...(isExecutable ? [] : ["runner file is not marked executable"]),
    ...(pack === undefined ? ["no pack path provided; skipped runner smoke test with mock connectors"] : []),
  ];
  if (issues.length === 0 && pack !== undefined) {
    const problem = await smokeProblem(check, { file, pack: resolve(cwd, pack) });
    if (problem !== undefined) issues.push(`runner smoke test failed: ${problem}`);
  }
  return { runner, runner_v1: issues.length === 0, issues, warnings };
}

const PAIR = /^\s*[^\s=][^=]*=/;

async function smokeProblem(
  check: PublicRunnerCheck,
  { file, pack }: { readonly file: string; readonly pack: string },
): Promise<string | undefined> {
  const { cwd, workdir, timeoutMs, isOnline, expectedEgress } = check;
  // What it keeps is nobody's: the next check begins anew.
  const home = await mkdtemp(join(tmpdir(), "greentic-conformance-"));
  try {
    const given = Object.fromEntries(check.env.map((pair) => splitPair(pair)));
    const run = await runRunner(
      { program: file, args: [], more: check.args, environment: given },
      {
        pack,
        activity: check.stdin ?? "",
        cwd: resolve(cwd, workdir ?? "."),
        path: check.path,
        timeoutMs,
        environment: { HOME: home, ...contractOf(pack, { session: SESSION, isOnline }) },
      },
    );
    if (run.kind !== "exited" || (run.code !== 0 && !check.allowFailure)) return problemOf(run, timeoutMs);
    if (!check.requireJsonStdout && expectedEgress === undefined) return undefined;
    let said: JsonValue;
    try {
      said = parseJson(run.stdout.trim());
    } catch {
      return `stdout is not valid JSON: ${shown(run.stdout)}`;
    }
    if (expectedEgress === undefined || holds(said, expectedEgress)) return undefined;
    return `stdout does not contain expected egress: expected ${JSON.stringify(expectedEgress)}, got ${shown(run.stdout)}`;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function splitPair(pair: string): readonly [string, string] {
  const at = pair.indexOf("=");
  return [pair.slice(0, at), pair.slice(at + 1)];
}

/** Unlike answers of suites, lists are held to whatever order: so the public harness compares. */
function holds(value: JsonValue | undefined, wanted: JsonValue): boolean {
  if (Array.isArray(wanted)) {
    if (!Array.isArray(value)) return false;
    const items = value as readonly JsonValue[];
    return (wanted as readonly JsonValue[]).every((one) => items.some((item) => holds(item, one)));
  }
  if (!isJsonObject(wanted)) return value === wanted;
  return (
    value !== undefined &&
    isJsonObject(value) &&
    Object.entries(wanted).every(([key, one]) => Object.hasOwn(value, key) && holds(value[key], one))
  );
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
