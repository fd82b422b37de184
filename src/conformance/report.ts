import type { FlowFinding } from "../flow/index.ts";
import { isGreenticError, quote } from "../types/index.ts";

/** What can be judged. */
export type SuiteName = "pack" | "flow" | "component" | "runner" | "provider" | "telemetry" | "deployer";

/** One promise, and whether the target keeps it. */
export interface ConformanceCase {
  /** `suite.subject`, with `:name` after it where there is one for each flow, file or operation. */
  readonly id: string;
  readonly title: string;
  readonly status: "pass" | "fail" | "skip";
  /** Why it failed or was left out. */
  readonly reason?: string;
  readonly durationMs: number;
}

/** What a suite found, as `gtc conformance --json` prints it. */
export interface ConformanceReport {
  readonly suite: SuiteName;
  readonly target: string;
  /** No case failed, and at least one passed: a suite that left everything out has judged nothing. */
  readonly ok: boolean;
  readonly cases: readonly ConformanceCase[];
}

/** What a case says of the target. */
export type Verdict =
  | { readonly status: "pass" }
  | { readonly status: "fail"; readonly reason: string }
  | { readonly status: "skip"; readonly reason: string };

/** A case before it is judged. */
export interface CaseSpec {
  readonly id: string;
  readonly title: string;
  /** A GreenticError that it throws is a failure with that code. */
  readonly judge: () => Verdict | Promise<Verdict>;
}

export const PASS: Verdict = { status: "pass" };

/** A verdict against the target. */
export function fail(reason: string): Verdict {
  return { status: "fail", reason };
}

/** No verdict. */
export function skip(reason: string): Verdict {
  return { status: "skip", reason };
}

/** Passes where nothing is wrong, else fails with all that is. */
export function failIfAny(problems: readonly string[]): Verdict {
  return problems.length === 0 ? PASS : fail(problems.join("; "));
}

const MAX_REASON = 2_000;

/** Judges cases one after the other; each sees what those before it did. */
export async function runSuite(
  suite: SuiteName,
  target: string,
  specs: Iterable<CaseSpec> | AsyncIterable<CaseSpec>,
): Promise<ConformanceReport> {
  const cases: ConformanceCase[] = [];
  for await (const { id, title, judge } of specs) {
    const startMs = performance.now();
    const verdict = await judged(judge);
    const durationMs = Math.round(performance.now() - startMs);
    cases.push({ id, title, ...shortened(verdict), durationMs });
  }
  const ok = cases.some(({ status }) => status === "pass") && cases.every(({ status }) => status !== "fail");
  return { suite, target, ok, cases };
}

/** What a target makes go wrong is a failure of its case, so that the cases after it are judged too. */
async function judged(judge: CaseSpec["judge"]): Promise<Verdict> {
  try {
    return await judge();
  } catch (error) {
    return fail(wordsOf(error));
  }
}

function shortened(verdict: Verdict): Verdict {
  if (verdict.status === "pass" || verdict.reason.length <= MAX_REASON) return verdict;
  return { ...verdict, reason: `${verdict.reason.slice(0, MAX_REASON)}…` };
}

/** An error as a reason; what isn't ours is quoted. */
export function wordsOf(error: unknown): string {
  if (isGreenticError(error)) return `${error.code}: ${error.message}`;
  return quote(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
}

/** A finding with its place, as a line. */
export function findingText({ code, message, at }: FlowFinding): string {
  return `${at.file}:${at.line}:${at.column}: ${code}: ${message}`;
}
