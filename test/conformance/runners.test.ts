/** Runners under faults: ours, somebody else's that stands them, and those that don't, each found by the case that is meant. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { judgeRunner } from "../../src/conformance/index.ts";
import type { ConformanceReport, RunnerCommand } from "../../src/conformance/index.ts";
import { checkJunit, readXml } from "../stand-ins/junit-reader.ts";
import { verifies } from "../verifies.ts";
import { gtc, notPassed } from "./demo.ts";

const dir = mkdtempSync(join(tmpdir(), "greentic-runners-"));
/** Each conversation is two or three processes, and ours waits for its next attempts as it would. */
const PATIENCE_MS = 600_000;

/** Keeps what it heard and what it has to say before it says it, and says it until it is taken. */
const STANDS = `
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
const { env } = process;
const text = readFileSync(0, "utf8");
if (readFileSync(process.argv[2]).length <= 100) process.exit(65);
const say = (value) => console.log(JSON.stringify({ supports: ["platform"], ...value }));
if (text === "") say({});
else {
  const { id, text: said } = JSON.parse(text);
  const file = env.SESSION_ID + ".json";
  const kept = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { heard: [], out: [] };
  const keep = () => {
    writeFileSync(file + ".new", JSON.stringify(kept));
    renameSync(file + ".new", file);
  };
  if (!kept.heard.includes(id)) {
    kept.heard.push(id);
    kept.out.push({ name: env.SESSION_ID + kept.out.length, said });
    keep();
  }
  const post = (name, body) => fetch(env.GREENTIC_CONFORMANCE_PLATFORM, { method: "POST", headers: { "idempotency-key": name }, body });
  if (env.GREENTIC_CONFORMANCE_PLATFORM !== undefined)
    for (const one of kept.out.filter(({ taken }) => taken !== true)) {
      for (;;) {
        const answer = await post(one.name, one.said).catch(() => undefined);
        if (answer?.ok) break;
        await sleep(Number(answer?.headers.get("retry-after") ?? 0.05) * 1000);
      }
      one.taken = true;
      keep();
    }
  say({ said: kept.out.length });
}
`;

function runner(name: string, from = "", to = ""): RunnerCommand {
  if (!STANDS.includes(from)) throw new Error(`no ${from} to change`);
  const file = join(dir, `${name}.mjs`);
  writeFileSync(file, STANDS.replace(from, to));
  return { program: process.execPath, args: [file] };
}

async function judged(command: RunnerCommand): Promise<ConformanceReport> {
  return judgeRunner(command, {
    target: "theirs",
    pack: { bytes: Buffer.alloc(200), name: "theirs.pack" },
    nowMs: Date.now(),
    path: process.env["PATH"] ?? "",
    timeoutMs: PATIENCE_MS,
  });
}

const LEFT_OUT = [
  "skip runner.l1.egress",
  "skip runner.faults:transient-once",
  "skip runner.faults:permanent",
  "skip runner.faults:state-write-transient",
  "skip runner.faults:template-bad-input",
  "skip runner.faults:wasm-trap",
];

test("a runner that keeps what it has to say stands every fault", { timeout: PATIENCE_MS }, async () => {
  verifies("conformance.runner.faults");
  const report = await judged(runner("stands"));
  expect([report.ok, notPassed(report)], JSON.stringify(report.cases)).toEqual([true, LEFT_OUT]);
});

test.each<[string, string, string, readonly string[]]>([
  ["mute", "env.GREENTIC_CONFORMANCE_PLATFORM !== undefined", "false", ["platform.delivers"]],
  ["nameless", '{ "idempotency-key": name }', "{}", ["platform.delivers"]],
  ["gives up", "if (answer?.ok) break;", "if (answer !== undefined) break;", ["platform.failing", "platform.limited"]],
  ["hasty", 'answer?.headers.get("retry-after") ?? 0.05', "0.05", ["platform.limited"]],
  ["impatient", "body })", "body, signal: AbortSignal.timeout(1_000) })", ["platform.slow"]],
  [
    "renames",
    "post(one.name,",
    "post(one.name + Math.random(),",
    ["platform.failing", "platform.limited", "platform.doubtful", "killed.sending"],
  ],
  ["hears twice", "!kept.heard.includes(id)", "true", ["redelivered", "killed.sending"]],
  [
    "forgets",
    "kept.out.push({ name: env.SESSION_ID + kept.out.length, said });\n    keep();",
    "keep();\n    kept.out.push({ name: env.SESSION_ID + kept.out.length, said });",
    ["killed.sending"],
  ],
])("a runner that is or does this is found: %s", { timeout: PATIENCE_MS }, async (name, from, to, cases) => {
  verifies("conformance.runner.faults");
  const report = await judged(runner(name.replaceAll(" ", "-"), from, to));
  const failed = notPassed(report).filter((line) => line.startsWith("fail"));
  // How far it was when these two killed it is chance.
  const certain = failed.filter((line) => !/killed\.(?:working|sent)$/.test(line));
  expect(certain, JSON.stringify(report.cases)).toEqual(cases.map((id) => `fail runner.${id}`));
});

test("our own runner stands every fault, and its report is JSON and JUnit", { timeout: PATIENCE_MS }, async () => {
  verifies("conformance.runner.faults");
  const asks = JSON.stringify({ flows: ["on_message"], status: "waiting", reply: [{ text: "What is your name?" }] });
  const greets = JSON.stringify({ status: "done", reply: [{ text: "Hello, hello again!" }] });
  const { code, stdout } = await gtc(
    dir,
    "conformance runner --json --junit reports/runner.xml --timeout 60000 --expected-egress"
      .split(" ")
      .concat(asks, "--expected-second", greets),
  );
  const report = JSON.parse(stdout) as ConformanceReport;
  expect(notPassed(report), stdout).toEqual(LEFT_OUT.slice(1));
  expect([code, report.ok]).toEqual([0, true]);
  const junit = readXml(readFileSync(join(dir, "reports/runner.xml"), "utf8"));
  checkJunit(junit);
  expect(junit.children[0]?.attributes).toMatchObject({ name: "runner greentic-runner", failures: "0", skipped: "5" });
  expect(junit.children[0]?.children.map(({ attributes }) => attributes["name"])).toEqual(
    report.cases.map(({ id, title }) => `${id}: ${title}`),
  );
});
