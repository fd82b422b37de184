import type { ComponentCase, ComponentDescription, ComponentInfo, ComponentTestReport } from "../component/index.ts";
import { InProcessComponentHost, runCase, testComponent } from "../component/index.ts";
import { isGreenticError, isJsonObject, quote } from "../types/index.ts";
import type { JsonValue } from "../types/index.ts";
import type { CaseSpec, ConformanceReport, Verdict } from "./report.ts";
import { fail, failIfAny, PASS, runSuite, skip } from "./report.ts";

/** What a component is judged with. */
export interface ComponentSuiteOptions {
  readonly target: string;
  /** The documented cases of its `tests/`. */
  readonly cases?: readonly ComponentCase[];
  /** How long one call may take. Default 10,000. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;
/** What a call with a hostile input may take before it counts as one that isn't held. */
const HOSTILE_MS = 5_000;
const HOSTILE_BYTES = 64 << 10;
/** A stranger's memory, in whole pages; the host gives no more. */
const MEMORY_BYTES = 64 << 20;
const MAX_OPERATIONS = 20;
/** Calls of these are about no operation: the component was stopped, or the host was lost. */
const BROKEN: ReadonlySet<string> = new Set(["COMPONENT_HOST_LOST", "COMPONENT_NOT_ADMITTED"]);

/** Judges a component's bytes: what it is, its documented cases, and that nothing it is called with brings it or its host down. */
export function judgeComponent(bytes: Uint8Array, options: ComponentSuiteOptions): Promise<ConformanceReport> {
  return runSuite("component", options.target, casesOf(bytes, options));
}

async function* casesOf(bytes: Uint8Array, options: ComponentSuiteOptions): AsyncGenerator<CaseSpec> {
  const { cases = [], timeoutMs = TIMEOUT_MS } = options;
  await using host = new InProcessComponentHost();
  const state: { info?: ComponentInfo; description?: ComponentDescription } = {};
  yield {
    id: "component.inspect",
    title: "It is admitted, and exports an interface that flows can call",
    judge: async () => {
      const info = await host.examine(bytes);
      if (info.abi === "none") return fail(`it exports no known interface: ${info.exports.map(quote).join(", ")}`);
      state.info = info;
      return PASS;
    },
  };
  yield {
    id: "component.describe",
    title: "It says what it is, with nothing granted",
    judge: async () => {
      if (state.info === undefined) return skip(NOT_ADMITTED);
      try {
        state.description = await host.describe(state.info.sha256);
        return PASS;
      } catch (error) {
        if (isGreenticError(error, "COMPONENT_ABI_UNSUPPORTED")) return skip("components of its family can't be asked");
        throw error;
      }
    },
  };
  if (cases.length === 0)
    yield {
      id: "component.case",
      title: "Documented cases come out as documented",
      judge: () => skip("no case in tests/"),
    };
  for (const one of cases)
    yield {
      id: `component.case:${one.name}`,
      title: `${one.name} comes out as documented`,
      judge: async () => {
        if (state.info === undefined) return skip(NOT_ADMITTED);
        const { difference } = await runCase(bytes, one, { timeoutMs });
        if (difference === undefined) return PASS;
        const { at, expected, got } = difference;
        return fail(`${at}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`);
      },
    };
  const call = (operation: string, input: JsonValue): Promise<ComponentTestReport> =>
    testComponent(bytes, { operation, input, timeoutMs: HOSTILE_MS, maxMemoryBytes: MEMORY_BYTES });
  yield {
    id: "component.hostile.operation",
    title: "An unknown operation is a typed error",
    judge: async () => {
      if (state.info === undefined) return skip(NOT_ADMITTED);
      const report = await call("conformance-no-such-operation", {});
      if (!report.ok) return typedVerdict(report);
      return refusedInside(report.output)
        ? PASS
        : isSingle(state.description)
          ? skip("its family has one operation, whatever it is called")
          : fail(`it answers an operation that it doesn't have: ${quote(JSON.stringify(report.output).slice(0, 200))}`);
    },
  };
  const operations = (state.description?.operations ?? []).slice(0, MAX_OPERATIONS).map(({ name }) => name);
  for (const [id, title, input] of HOSTILE)
    yield {
      id,
      title,
      judge: async () => {
        if (state.info === undefined) return skip(NOT_ADMITTED);
        if (operations.length === 0) return skip("it names no operation to call");
        const problems: string[] = [];
        for (const operation of operations) {
          const verdict = heldVerdict(await call(operation, input));
          if (verdict !== undefined) problems.push(`${operation}: ${verdict}`);
        }
        return failIfAny(problems);
      },
    };
}

const NOT_ADMITTED = "it isn't admitted";
const LONG = "ß".repeat(HOSTILE_BYTES / 2);

const HOSTILE: readonly (readonly [string, string, JsonValue])[] = [
  [
    "component.hostile.strings",
    "A text of 64 KiB in every field is an answer or a typed error, within fuel, time and memory",
    { text: LONG, [LONG.slice(0, 1_000)]: LONG, list: [LONG] },
  ],
  [
    "component.hostile.shape",
    "A value of another shape is an answer or a typed error",
    [null, [[[[-1e308]]]], "\u0000"],
  ],
];

function isSingle(description: ComponentDescription | undefined): boolean {
  return (description?.operations.length ?? 0) <= 1;
}

/** Components whose family has no error for it say so in what they answer. */
function refusedInside(output: JsonValue): boolean {
  return isJsonObject(output) && (output["ok"] === false || output["error"] !== undefined);
}

function typedVerdict({ error }: ComponentTestReport): Verdict {
  const { code = "", message = "" } = error ?? {};
  if (!/^[A-Za-z0-9_.:-]{1,128}$/.test(code)) return fail(`the error has no code: ${quote(code)}`);
  if (BROKEN.has(code) || code === "COMPONENT_TRAPPED" || code === "COMPONENT_DEADLINE_EXCEEDED")
    return fail(`it breaks off: ${code}: ${message}`);
  return PASS;
}

/** What is wrong with how a hostile call ended; a component may refuse or answer, and has to come to its end. */
function heldVerdict(report: ComponentTestReport): string | undefined {
  if (report.peakMemoryBytes > MEMORY_BYTES) return `it took ${report.peakMemoryBytes} bytes of memory`;
  if (report.ok) return undefined;
  const verdict = typedVerdict(report);
  return verdict.status === "fail" ? verdict.reason : undefined;
}
