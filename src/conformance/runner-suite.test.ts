import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import type { ConformanceReport } from "./report.ts";
import type { RunnerSuiteOptions } from "./runner-suite.ts";
import { judgeRunner } from "./runner-suite.ts";
import type { RunnerCommand } from "./run-runner.ts";

const dir = mkdtempSync(join(tmpdir(), "greentic-runners-"));
/** A quiet machine needs two seconds for all of it; limits are for runners that hang. */
const PATIENCE_MS = 60_000;

/** Somebody else's runner, in their own words: any language would do. */
function foreign(name: string, body: string): RunnerCommand {
  const file = join(dir, `${name}.mjs`);
  writeFileSync(
    file,
    `import { readFileSync, existsSync, writeFileSync } from "node:fs";
const { env } = process;
const pack = readFileSync(process.argv[2]);
const text = readFileSync(0, "utf8");
const say = (value) => console.log(JSON.stringify(value));
const leave = (code, why) => { console.error(why); process.exit(code); };
if (env.GREENTIC_CONFORMANCE !== "1" || env.GREENTIC_CONFORMANCE_MODE !== "mock" || env.GREENTIC_DISABLE_NETWORK !== "1") leave(64, "no judge");
if (env.GREENTIC_PACK_PATH !== process.argv[2] || env.TENANT_ID !== "conformance") leave(64, "other pack");
if (env.LEAK_ME !== undefined) leave(64, "environment");
if (!pack.toString().endsWith("end")) leave(65, "torn pack");
${body}`,
  );
  return { program: process.execPath, args: [file] };
}

const GOOD = `if (text === "") say({ flows: ["main"] });
else {
  const n = existsSync(env.SESSION_ID) ? 2 : 1;
  writeFileSync(env.SESSION_ID, "");
  say({ egress: [{ text: "answer " + n + " to " + JSON.parse(text).text }], session: env.SESSION_ID });
}`;

const FOREIGN_PACK = { bytes: Buffer.from(`theirs ${"x".repeat(200)} end`), name: "theirs.pack" };

async function judged(command: RunnerCommand, more: Partial<RunnerSuiteOptions> = {}): Promise<ConformanceReport> {
  return judgeRunner(command, {
    target: "theirs",
    pack: FOREIGN_PACK,
    nowMs: Date.now(),
    path: process.env["PATH"] ?? "",
    timeoutMs: PATIENCE_MS,
    ...more,
  });
}

const failed = ({ cases }: ConformanceReport): readonly string[] =>
  cases.filter(({ status }) => status === "fail").map(({ id }) => id);
const reasonOf = ({ cases }: ConformanceReport, id: string): string | undefined =>
  cases.find((one) => one.id === id)?.reason;

test(
  "somebody else's runner is judged by its command line alone: a good one passes",
  { timeout: PATIENCE_MS },
  async () => {
    verifies("conformance.suites");
    process.env["LEAK_ME"] = "secret";
    const report = await judged(foreign("good", GOOD), {
      expected: [{ egress: [{ text: "answer 1 to hello" }] }, { egress: [{ text: "answer 2 to hello again" }] }],
    });
    delete process.env["LEAK_ME"];
    expect(failed(report), JSON.stringify(report.cases)).toEqual([]);
    expect(report.ok).toBe(true);
    expect(report.cases.filter(({ status }) => status === "skip").map(({ id }) => id)).toEqual([
      "runner.faults:transient-once",
      "runner.faults:permanent",
      "runner.faults:state-write-transient",
      "runner.faults:template-bad-input",
      "runner.faults:wasm-trap",
      "runner.platform.delivers",
      "runner.platform.failing",
      "runner.platform.limited",
      "runner.platform.slow",
      "runner.platform.doubtful",
      "runner.redelivered",
      "runner.killed.working",
      "runner.killed.sending",
      "runner.killed.sent",
    ]);
    const other = await judged(foreign("good", GOOD), { expected: [{ egress: [{ text: "hi" }] }, { status: "x" }] });
    expect(failed(other)).toEqual(["runner.l1.egress", "runner.l2.session"]);
  },
);

test.each([
  ["loads-anything", "say({ ok: 1 });", "endsWith", ["runner.l0.refuses"], /half a pack/],
  [
    "fails",
    'if (text !== "") leave(3, "out of <order>"); say({ ok: 1 });',
    "",
    ["runner.l1.answers"],
    /exit code 3, saying "out of <order>"/,
  ],
  ["chatty", "say({ ok: 1 }); say({ ok: 2 });", "", ["runner.l1.json", "runner.l2.session"], /one JSON object/],
  [
    "forgetful",
    GOOD.replace("const n", 'if (existsSync(env.SESSION_ID)) leave(1, "who?"); const n'),
    "",
    ["runner.l2.session"],
    /exit code 1/,
  ],
])("a bad runner is judged right: %s", { timeout: PATIENCE_MS }, async (name, body, loose, cases, reason) => {
  verifies("conformance.suites");
  const command = foreign(name, body);
  if (loose !== "") {
    const file = command.args[0] ?? "";
    writeFileSync(file, body.replace("say(", "console.log(JSON.stringify(").replace(");", "));"));
  }
  const report = await judged(command);
  expect(failed(report), JSON.stringify(report.cases)).toEqual(cases);
  expect(report.ok).toBe(false);
  expect(reasonOf(report, cases[0] ?? "")).toMatch(reason);
});

test(
  "a runner that hangs is ended with what it started and holds its output, and one that isn't there is said to be",
  { timeout: PATIENCE_MS },
  async () => {
    verifies("conformance.suites");
    const hangs = foreign(
      "hangs",
      `if (text === "") say({ ok: 1 });
else {
  const { spawn } = await import("node:child_process");
  spawn(process.execPath, ["-e", "setInterval(() => 0, 1e3)"], { stdio: "inherit" });
  setInterval(() => 0, 1e3);
}`,
    );
    const report = await judged(hangs, { timeoutMs: 1_000 });
    expect(failed(report)).toContain("runner.l1.answers");
    expect(reasonOf(report, "runner.l1.answers")).toBe("it took more than 1000 ms");
    const gone = await judged({ program: join(dir, "nothing"), args: [] });
    expect(failed(gone)).toEqual(["runner.starts"]);
    expect(reasonOf(gone, "runner.starts")).toContain("ENOENT");
  },
);

test("a runner that injects faults is held to the published expectations", { timeout: PATIENCE_MS }, async () => {
  verifies("conformance.suites");
  const body = (
    retries: number,
  ): string => `if (env.GREENTIC_CONFORMANCE_FAULTS === undefined) say({ supports: ["faults"] });
else {
  const [{ name, faults: [fault] }] = JSON.parse(readFileSync(env.GREENTIC_CONFORMANCE_FAULTS, "utf8")).cases;
  const once = fault.error_kind === "Transient";
  say({ retries: once ? ${retries} : 0, status: once ? "pass" : "fail", dlq: fault.error_kind === "Permanent" });
}`;
  expect(failed(await judged(foreign("faults", body(1))))).toEqual([]);
  expect(failed(await judged(foreign("no-retries", body(0))))).toEqual([
    "runner.faults:transient-once",
    "runner.faults:state-write-transient",
  ]);
});
