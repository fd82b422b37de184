import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { isGreenticError, quote } from "../types/index.ts";
import type { JsonValue } from "../types/index.ts";
import { openAnyPack } from "./check-pack.ts";
import { PUBLISHED_FAULTS } from "./fault-cases.ts";
import { isLike } from "./flow-test/check-reply.ts";
import type { CaseSpec, ConformanceReport, Verdict } from "./report.ts";
import { fail, failIfAny, PASS, runSuite, skip } from "./report.ts";
import type { RunnerCommand, RunnerRun } from "./run-runner.ts";
import { runRunner } from "./run-runner.ts";
import { platformCases } from "./runner-platform.ts";
import { answerOf, contractOf, PLATFORM_VARIABLE, problemOf, SESSION, shown } from "./runner-contract.ts";

/** What a runner is judged with. */
export interface RunnerSuiteOptions {
  readonly target: string;
  /** The pack that it is given, in whatever format it reads, and the name of its file. */
  readonly pack: { readonly bytes: Uint8Array; readonly name: string };
  readonly nowMs: number;
  /** PATH of the runner. */
  readonly path: string;
  /** What is sent first, and second in the same session. Default two greetings. */
  readonly activities?: readonly [string, string];
  /** What the answers are like: members of objects, items of lists by place, anything else equal. */
  readonly expected?: readonly [JsonValue | undefined, JsonValue | undefined];
  /** How long an answer may take. Default 8,000, as the public levels say. */
  readonly timeoutMs?: number;
}

/** The public levels' limit. */
const ANSWER_MS = 8_000;
/** What loading may take, where nobody waits for an answer. */
const LOAD_MS = 30_000;
/** What is said where nothing else is to be. */
export const GREETINGS: readonly [string, string] = [
  '{"type":"message","id":"conformance-1","text":"hello"}',
  '{"type":"message","id":"conformance-2","text":"hello again"}',
];

/** Judges any runner by the public `check-runner` contract: its command line, its environment, what it prints and how it ends. */
export async function judgeRunner(command: RunnerCommand, options: RunnerSuiteOptions): Promise<ConformanceReport> {
  const dir = await mkdtemp(join(tmpdir(), "greentic-conformance-"));
  try {
    return await runSuite("runner", options.target, casesOf(command, { ...options, dir }));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

interface Scope extends RunnerSuiteOptions {
  /** Where the runner runs and may write. */
  readonly dir: string;
}

async function* casesOf(command: RunnerCommand, scope: Scope): AsyncGenerator<CaseSpec> {
  const { dir, pack, activities = GREETINGS, expected = [undefined, undefined], timeoutMs = ANSWER_MS } = scope;
  const file = join(dir, basename(pack.name));
  await mkdir(dir, { recursive: true });
  await writeFile(file, pack.bytes);
  const ask = (
    activity: string,
    more: {
      readonly session?: string;
      readonly file?: string;
      readonly timeoutMs?: number;
      readonly faults?: string;
      readonly platform?: string;
      readonly kill?: AbortSignal;
    } = {},
  ): Promise<RunnerRun> =>
    runRunner(command, {
      pack: more.file ?? file,
      activity,
      cwd: dir,
      path: scope.path,
      timeoutMs: more.timeoutMs ?? timeoutMs,
      environment: {
        ...contractOf(more.file ?? file, { session: more.session ?? SESSION }),
        ...(more.faults !== undefined && { GREENTIC_CONFORMANCE_FAULTS: more.faults }),
        ...(more.platform !== undefined && { [PLATFORM_VARIABLE]: more.platform }),
      },
      ...(more.kill && { kill: more.kill }),
    });
  let loaded: RunnerRun = { kind: "late" };
  yield {
    id: "runner.starts",
    title: "The program starts",
    judge: async () => {
      loaded = await ask("", { timeoutMs: LOAD_MS, session: "conformance-load" });
      return loaded.kind === "unstarted" ? fail(`it can't be started: ${loaded.reason}`) : PASS;
    },
  };
  // The generator goes on once the case before is judged.
  if ((loaded as RunnerRun).kind === "unstarted") {
    for (const [id, title] of LEVELS) yield { id, title, judge: () => skip("the program doesn't start") };
    return;
  }
  const [loads, refuses, answers, json, egress, session] = LEVELS;
  yield {
    id: loads[0],
    title: loads[1],
    judge: async () => {
      const problem = problemOf(loaded, LOAD_MS);
      if (problem !== undefined) return fail(problem);
      const flows = answerOf(loaded)?.["flows"];
      const wanted = await flowsOf(scope);
      if (!Array.isArray(flows) || wanted === undefined) return PASS;
      return failIfAny(wanted.filter((id) => !flows.includes(id)).map((id) => `flow ${quote(id)} isn't loaded`));
    },
  };
  yield {
    id: refuses[0],
    title: refuses[1],
    judge: async () => {
      const torn = join(dir, `torn-${basename(pack.name)}`);
      await writeFile(torn, pack.bytes.subarray(0, Math.floor(pack.bytes.length / 2)));
      const run = await ask(activities[0], { file: torn, session: "conformance-torn" });
      if (run.kind === "exited") return run.code === 0 ? fail("half a pack is run, with exit code 0") : PASS;
      return fail(problemOf(run, timeoutMs) ?? "");
    },
  };
  let first: RunnerRun = { kind: "late" };
  yield {
    id: answers[0],
    title: answers[1],
    judge: async () => {
      first = await ask(activities[0]);
      return failIfAny(listOf(problemOf(first, timeoutMs)));
    },
  };
  yield {
    id: json[0],
    title: json[1],
    judge: () => (problemOf(first, timeoutMs) === undefined ? jsonVerdict(first) : skip(UNANSWERED)),
  };
  yield { id: egress[0], title: egress[1], judge: () => likeVerdict(first, expected[0], "--expected-egress") };
  const isAnswered = problemOf(first, timeoutMs) === undefined;
  yield {
    id: session[0],
    title: session[1],
    judge: async () => {
      if (!isAnswered) return skip(UNANSWERED);
      const second = await ask(activities[1]);
      const problem = problemOf(second, timeoutMs);
      if (problem !== undefined) return fail(problem);
      const isStructured = jsonVerdict(second);
      if (isStructured.status !== "pass" || expected[1] === undefined) return isStructured;
      return likeVerdict(second, expected[1], "--expected-second");
    },
  };
  const supports = answerOf(loaded)?.["supports"] ?? answerOf(first)?.["supports"];
  const can = (what: string): boolean => Array.isArray(supports) && supports.includes(what);
  const hasFaults = can("faults");
  for (const one of PUBLISHED_FAULTS)
    yield {
      id: `runner.faults:${one.name}`,
      title: `Fault ${one.name}: ${one.title}`,
      judge: async () => {
        if (!hasFaults) return skip('the runner doesn\'t say "supports": ["faults"], so nothing is injected');
        const faults = join(dir, `faults-${one.name}.json`);
        const { name, faults: injected, expect } = one;
        await writeFile(faults, JSON.stringify({ cases: [{ name, pack: basename(file), faults: injected, expect }] }));
        const run = await ask(activities[0], { faults, session: `conformance-${name}` });
        if (run.kind !== "exited") return fail(problemOf(run, timeoutMs) ?? "");
        return likeVerdict(run, { ...expect }, "the published expectation");
      },
    };
  yield* platformCases((activity, more) => ask(activities[activity], more), can("platform"));
}

const UNANSWERED = "the first activity wasn't answered";

const LEVELS = [
  ["runner.l0.loads", "L0: every flow loads"],
  ["runner.l0.refuses", "L0: half a pack is refused, with an exit code that says so"],
  ["runner.l1.answers", "L1: the entry flow answers an activity in time, with exit code 0"],
  ["runner.l1.json", "L1: it prints one JSON object, once"],
  ["runner.l1.egress", "L1: what it prints is like what is expected"],
  ["runner.l2.session", `L2: a second activity of session "${SESSION}" is answered in the same form`],
] as const;

/** The flows that the pack has, where it is of a format that we read. */
async function flowsOf({ pack, nowMs }: Scope): Promise<readonly string[] | undefined> {
  try {
    return [...(await openAnyPack(pack.bytes, nowMs)).flows.keys()];
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    return undefined;
  }
}

const listOf = (problem: string | undefined): readonly string[] => (problem === undefined ? [] : [problem]);

function jsonVerdict(run: RunnerRun): Verdict {
  if (run.kind !== "exited") return skip("there is no output to judge");
  const answer = answerOf(run);
  if (answer === undefined) return fail(`expected one JSON object, got ${shown(run.stdout)}`);
  return Object.keys(answer).length === 0 ? fail("the object says nothing") : PASS;
}

function likeVerdict(run: RunnerRun, expected: JsonValue | undefined, named: string): Verdict {
  if (expected === undefined) return skip(`nothing is expected: say what by ${named}`);
  if (run.kind !== "exited") return skip("there is no output to judge");
  const answer = answerOf(run);
  if (answer !== undefined && isLike(answer, expected)) return PASS;
  const said = answer === undefined ? run.stdout : JSON.stringify(answer);
  return fail(`expected something like ${JSON.stringify(expected)} by ${named}, got ${shown(said)}`);
}
