/** The public `check-pack` and `check-runner`, both ways: our command line judges as the public one does, and ours is judged so. */
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { samplePack } from "../../src/conformance/index.ts";
import type { PublicPackReport, PublicRunnerReport } from "../../src/conformance/index.ts";
import { ROOT } from "../e2e/shell.ts";
import { verifies } from "../verifies.ts";
import { copyDemo, gtc } from "./demo.ts";

const PACK = "dist/weather-demo-1.0.0.gtpack";
const OURS = join(ROOT, "bin/greentic-runner.mjs");
const PATIENCE_MS = 60_000;
let demo = "";
let dir = "";
let sample = "";

beforeAll(async () => {
  demo = await copyDemo();
  dir = mkdtempSync(join(tmpdir(), "greentic-public-checks-"));
  sample = join(dir, "sample.gtpack");
  writeFileSync(sample, await samplePack());
}, PATIENCE_MS);

async function checkPack(...args: readonly string[]): Promise<PublicPackReport> {
  const { code, stdout, stderr } = await gtc(demo, ["conformance", "check-pack", ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as PublicPackReport;
}

async function checkRunner(...args: readonly string[]): Promise<PublicRunnerReport> {
  const { code, stdout, stderr } = await gtc(dir, ["conformance", "check-runner", ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as PublicRunnerReport;
}

test("check-pack reports in the public form, by the signatures that were asked for", async () => {
  verifies("conformance.public.pack");
  const full = {
    pack_path: PACK,
    signature_policy: "strict",
    pack_v1_basic: true,
    pack_v1_full: true,
    signature_ok: true,
    sbom_ok: true,
    issues: [],
    warnings: [],
  };
  expect(await checkPack(PACK, "--pubkey", ".keys/dev.pub")).toEqual(full);
  expect(await checkPack(PACK, "--allow-dev-signatures")).toEqual({ ...full, signature_policy: "dev_ok" });
  await gtc(demo, ["pack", "build", ".", "-o", "unsigned.gtpack"]);
  const unsigned = { ...full, pack_path: "unsigned.gtpack", pack_v1_full: false };
  expect(await checkPack("unsigned.gtpack", "--allow-dev-signatures")).toEqual({
    ...unsigned,
    signature_policy: "dev_ok",
    pack_v1_basic: false,
    signature_ok: false,
    issues: ["pack signature verification failed"],
  });
  expect(await checkPack("unsigned.gtpack", "--allow-unsigned")).toEqual({
    ...unsigned,
    signature_policy: "unsigned_ok",
    warnings: ["pack signature verification failed (allowed by --allow-unsigned)"],
  });
  const said = await gtc(demo, [
    "conformance",
    "check-pack",
    "unsigned.gtpack",
    "--allow-unsigned",
    "--format",
    "text",
  ]);
  expect(said.stdout).toBe(
    "Pack: unsigned.gtpack\nSignature policy: unsigned_ok\npack_v1_basic: true\npack_v1_full: false\nWarnings:\n- pack signature verification failed (allowed by --allow-unsigned)\n",
  );
});

test("check-pack has no report of a pack that is refused, and names what is wrong in one that isn't", async () => {
  verifies("conformance.public.pack");
  const refused = async (...args: readonly string[]): Promise<readonly [number, string]> => {
    const { code, stdout } = await gtc(demo, ["conformance", "check-pack", ...args]);
    return [code, stdout];
  };
  await gtc(demo, ["pack", "build", ".", "-o", "unsigned.gtpack"]);
  expect(await refused("unsigned.gtpack", "--pubkey", ".keys/dev.pub")).toEqual([4, ""]);
  expect(await refused("nothing.gtpack")).toEqual([3, ""]);
  writeFileSync(join(demo, "torn.gtpack"), readFileSync(join(demo, PACK)).subarray(0, 9_000));
  expect(await refused("torn.gtpack", "--allow-unsigned")).toEqual([2, ""]);
  expect(await refused(PACK, "--allow-unsigned", "--format", "xml")).toEqual([2, ""]);
  const flow = join(demo, "flows/on_message.ygtc");
  const text = readFileSync(flow, "utf8");
  writeFileSync(flow, text.replace("weather.forecast", "weather.forecasts"));
  await gtc(demo, ["pack", "build", ".", "-o", "broken.gtpack"]);
  writeFileSync(flow, text);
  expect(await checkPack("broken.gtpack", "--allow-unsigned")).toMatchObject({
    pack_v1_basic: false,
    issues: [expect.stringMatching(/^pack\.flows: .*weather\.forecasts/)],
  });
});

/** Somebody else's runner, a program of its own. */
function foreign(name: string, body: string): string {
  const file = join(dir, name);
  writeFileSync(
    file,
    `#!${process.execPath}
const { env, argv } = process;
const text = require("node:fs").readFileSync(0, "utf8");
${body}`,
  );
  chmodSync(file, 0o755);
  return file;
}

const GOOD = `if (env.GREENTIC_CONFORMANCE !== "1" || env.GREENTIC_CONFORMANCE_MODE !== "mock" || env.GREENTIC_PACK_PATH !== argv[2]) process.exit(64);
console.log(JSON.stringify({ egress: [{ text: "one" }, { text: text.trim(), more: 1 }], args: argv.slice(3), colour: env.COLOUR, at: process.cwd(), online: env.GREENTIC_DISABLE_NETWORK !== "1", env: Object.keys(env) }));`;

test("check-runner runs a runner once over a pack and holds its output to what is expected", async () => {
  verifies("conformance.public.runner");
  const runner = foreign("good.cjs", GOOD);
  mkdirSync(join(dir, "elsewhere"));
  const asked = [runner, "--pack", "sample.gtpack", "--stdin", "hello", "--expected-egress"];
  const expected = (value: object): readonly string[] => [...asked, JSON.stringify(value)];
  const passed = { runner, runner_v1: true, issues: [], warnings: [] };
  // A list holds what is expected in whatever order.
  expect(await checkRunner(...expected({ egress: [{ text: "hello" }, { text: "one" }], online: false }))).toEqual(
    passed,
  );
  expect(
    await checkRunner(
      ...expected({ args: ["--quiet", "x=1"], colour: "red=", at: join(dir, "elsewhere") }),
      "--arg",
      "--quiet",
      "--arg",
      "x=1",
      "--env",
      "COLOUR=red=",
      "--workdir",
      "elsewhere",
    ),
  ).toEqual(passed);
  const other = await checkRunner(...expected({ egress: [{ text: "bye" }] }));
  expect(other).toMatchObject({
    runner_v1: false,
    issues: [expect.stringMatching(/^runner smoke test failed: stdout does not contain expected egress: /)],
  });
  const online = await gtc(dir, ["conformance", "check-runner", ...expected({ online: true })], {
    GREENTIC_ENABLE_ONLINE: "1",
    ASIDE: "secret",
  });
  expect(JSON.parse(online.stdout)).toMatchObject({ runner_v1: true });
  expect(await checkRunner(...expected({ env: ["HOME"] }))).toMatchObject({ runner_v1: true });
  expect(await checkRunner(...expected({ env: ["ASIDE"] }))).toMatchObject({ runner_v1: false });
  const said = await gtc(dir, ["conformance", "check-runner", ...expected({ x: 1 }), "--format", "text"]);
  expect(said.stdout).toMatch(/^Runner: \/.*good\.cjs\nrunner_v1: false\nIssues:\n- runner smoke test failed: /);
});

test("check-runner names what a bad runner does, and what it was asked that makes no sense", async () => {
  verifies("conformance.public.runner");
  const talks = foreign("talks.cjs", 'console.log("hello"); process.exitCode = 3;');
  const run = async (...args: readonly string[]): Promise<readonly string[]> => {
    const { runner_v1: isGood, issues } = await checkRunner(...args);
    expect(isGood).toBe(issues.length === 0);
    return issues;
  };
  const smoke = (problem: string): string => `runner smoke test failed: ${problem}`;
  const pack = ["--pack", sample];
  expect(await run(talks, ...pack)).toEqual([smoke("exit code 3")]);
  expect(await run(talks, ...pack, "--allow-failure")).toEqual([]);
  expect(await run(talks, ...pack, "--allow-failure", "--require-json-stdout")).toEqual([
    smoke('stdout is not valid JSON: "hello"'),
  ]);
  const hangs = foreign("hangs.cjs", "setInterval(() => 0, 1e3);");
  expect(await run(hangs, ...pack, "--timeout", "300")).toEqual([smoke("it took more than 300 ms")]);
  writeFileSync(join(dir, "empty"), "");
  expect(await checkRunner("empty")).toEqual({
    runner: "empty",
    runner_v1: false,
    issues: ["runner file is empty"],
    warnings: [
      "runner file is not marked executable",
      "no pack path provided; skipped runner smoke test with mock connectors",
    ],
  });
  expect(await run(talks, "--pack", "no.gtpack", "--workdir", "nowhere", "--env", "=x")).toEqual([
    'runner working directory "nowhere" does not exist',
    "env override must be KEY=VALUE",
    'provided pack path "no.gtpack" does not exist',
  ]);
  const named = await gtc(dir, ["conformance", "check-runner", talks], { GREENTIC_PACK_PATH: sample });
  expect(JSON.parse(named.stdout)).toMatchObject({ issues: [smoke("exit code 3")] });
  expect((await gtc(dir, ["conformance", "check-runner", "nothing"])).code).toBe(3);
  expect((await gtc(dir, ["conformance", "check-runner", talks, "--expected-egress", "{"])).code).toBe(2);
});

test(
  "our own runner passes check-runner, ours and one that is written apart from it",
  { timeout: PATIENCE_MS },
  async () => {
    verifies("conformance.public.judged");
    const asks = { flows: ["on_message"], status: "waiting", reply: [{ text: "What is your name?" }] };
    const passed = { runner: OURS, runner_v1: true, issues: [], warnings: [] };
    const pack = ["--pack", sample, "--require-json-stdout"];
    expect(await checkRunner(OURS, ...pack)).toEqual(passed);
    expect(await checkRunner(OURS, ...pack, "--stdin", "hello", "--expected-egress", JSON.stringify(asks))).toEqual(
      passed,
    );
    // As the public harness does it: the program by its path, all of the caller's environment, nothing on standard input.
    const { status, stdout } = spawnSync(OURS, [sample], {
      env: {
        ...process.env,
        HOME: dir,
        GREENTIC_CONFORMANCE: "1",
        GREENTIC_CONFORMANCE_MODE: "mock",
        GREENTIC_PACK_PATH: sample,
        GREENTIC_DISABLE_NETWORK: "1",
      },
      stdio: ["ignore", "pipe", "pipe"],
      encoding: "utf8",
    });
    expect([status, JSON.parse(stdout)]).toMatchObject([0, { flows: ["on_message"] }]);
  },
);
