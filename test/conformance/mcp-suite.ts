/** Runs the official MCP conformance suite: its clients against `gtc mcp serve`, its servers against our client. */
import { execFile, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { probeComponent } from "../../src/conformance/full-checks.ts";
import { buildPack } from "../../src/pack/index.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const GTC = join(ROOT, "src/cli/main.ts");
const SUITE = createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/dist/index.js");
const CLIENT = `${process.execPath} ${join(import.meta.dirname, "mcp-client.ts")}`;
const TENANT = "conformance";
const run = promisify(execFile);

/** Which side of ours a scenario is about. */
type Side = "server" | "client";

export interface Scenario {
  readonly side: Side;
  readonly name: string;
  /** Not yet part of a published version of the protocol. */
  readonly isDraft: boolean;
}

/** How one scenario went. */
export interface ScenarioResult extends Scenario {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly warnings: readonly string[];
}

interface Check {
  readonly id: string;
  readonly status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";
  readonly errorMessage?: string;
}

/** Lists every scenario that the suite has. */
export async function listScenarios(): Promise<readonly Scenario[]> {
  const { stdout } = await run(process.execPath, [SUITE, "list"]);
  let side: Side = "server";
  return stdout.split("\n").flatMap((line) => {
    if (line.startsWith("Client scenarios")) side = "client";
    const found = /^ {2}- (\S+) \[(.*)\]$/.exec(line);
    return found?.[1] === undefined ? [] : [{ side, name: found[1], isDraft: found[2] === "draft" }];
  });
}

/** Runs one scenario. `url` is that of the server under test. */
export async function runScenario(scenario: Scenario, url: string): Promise<ScenarioResult> {
  const target = scenario.side === "server" ? ["--url", url] : ["--command", CLIENT];
  const [checks, problem] = await runSuite([scenario.side, ...target, "--scenario", scenario.name]);
  return resultOf(scenario, [...checks.values()][0], problem);
}

/** Runs all server scenarios in one process, which takes seconds. */
export async function runServerScenarios(url: string): Promise<readonly ScenarioResult[]> {
  const scenarios = (await listScenarios()).filter(({ side }) => side === "server");
  const [checks, problem] = await runSuite(["server", "--url", url, "--suite", "all"]);
  return scenarios.map((scenario) => resultOf(scenario, checks.get(`server-${scenario.name}`), problem));
}

function resultOf(scenario: Scenario, checks: readonly Check[] | undefined, problem: string): ScenarioResult {
  const having = (status: Check["status"]): readonly Check[] =>
    (checks ?? []).filter((check) => check.status === status);
  const told = ({ id, errorMessage = "" }: Check): string => `${id}: ${errorMessage}`;
  return {
    ...scenario,
    passed: having("SUCCESS").length,
    failed: checks === undefined ? [`no result: ${problem}`] : having("FAILURE").map(told),
    warnings: having("WARNING").map(told),
  };
}

/** Runs the suite and reads what it wrote: scenario → its checks; and its last words. */
async function runSuite(args: readonly string[]): Promise<readonly [ReadonlyMap<string, readonly Check[]>, string]> {
  const dir = await mkdtemp(join(tmpdir(), "greentic-conformance-"));
  try {
    // Its exit code says what the checks say.
    const ended = await run(process.execPath, [SUITE, ...args, "-o", dir], { maxBuffer: 64 * 1_048_576 }).catch(
      (error: { readonly stderr?: string }) => error,
    );
    const files = (await readdir(dir, { recursive: true })).filter((name) => name.endsWith("checks.json"));
    const checks = await Promise.all(
      files.map(async (name) => {
        const scenario = dirname(name).replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, "");
        return [scenario, JSON.parse(await readFile(join(dir, name), "utf8")) as readonly Check[]] as const;
      }),
    );
    return [new Map(checks), (ended.stderr ?? "").trim().split("\n").at(-1) ?? ""];
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** `gtc mcp serve` over HTTP with the fixture pack. */
export interface ServedPack extends AsyncDisposable {
  readonly url: string;
}

/** Builds the fixture pack, registers it in a directory of its own and serves it. */
export async function servePack(): Promise<ServedPack> {
  const dir = await mkdtemp(join(tmpdir(), "greentic-mcp-pack-"));
  const data = ["--tenant", TENANT, "--data", join(dir, "data")];
  const { bytes } = await buildPack(join(import.meta.dirname, "mcp-pack"), { probeComponent });
  await writeFile(join(dir, "fixture.gtpack"), bytes);
  const options = { cwd: dir, env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "" } };
  await run(
    process.execPath,
    [GTC, "runner", "load", "--pack", join(dir, "fixture.gtpack"), "--allow-unsigned", ...data],
    options,
  );
  const child = spawn(process.execPath, [GTC, "mcp", "serve", "--http", "--port", "0", ...data], {
    ...options,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  const said: string[] = [];
  const url = await new Promise<string>((ready, fail) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      said.push(line);
      const found = /^ready (http:\/\/\S+)/.exec(line)?.[1];
      if (found !== undefined) ready(found);
    });
    void ended.then(() => fail(new Error(`gtc mcp serve ended:\n${said.join("\n")}`)));
  });
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await ended;
      await rm(dir, { recursive: true, force: true });
    },
  };
}
