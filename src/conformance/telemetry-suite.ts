import { checkSpans } from "../telemetry/index.ts";
import type { SpanFinding } from "../telemetry/index.ts";
import { parseJson } from "../types/index.ts";
import type { CaseSpec, ConformanceReport } from "./report.ts";
import { fail, failIfAny, PASS, runSuite, skip, wordsOf } from "./report.ts";

/** A file of exports: one body of `POST /v1/traces` in JSON, a JSON list of them, or one on each line. */
export interface ExportFile {
  readonly name: string;
  readonly text: string;
}

const CASES: readonly (readonly [string, string, readonly SpanFinding["code"][]])[] = [
  ["telemetry.form", "Every export is the body of an OTLP trace export in JSON", ["export_invalid"]],
  ["telemetry.resource", "The resource says which service it is", ["resource_missing"]],
  ["telemetry.attributes", "Every span has the attributes that its name asks for", ["span_attribute_missing"]],
  ["telemetry.confined", "No span has an attribute that isn't agreed on", ["span_attribute_unknown"]],
  ["telemetry.parents", "Every parent is in its child's trace", ["span_orphan"]],
  ["telemetry.times", "Nothing ends before it begins, or begins before its parent", ["span_time"]],
];
const MAX_TOLD = 10;

/** Judges what a runtime exported, all files together: a span's parent may be in another one. @see checkSpans */
export function judgeTelemetry(
  files: readonly ExportFile[],
  { target }: { readonly target: string },
): Promise<ConformanceReport> {
  return runSuite("telemetry", target, casesOf(files));
}

function* casesOf(files: readonly ExportFile[]): Generator<CaseSpec> {
  const exports: unknown[] = [];
  const unreadable: string[] = [];
  for (const { name, text } of files) {
    try {
      exports.push(...readExports(text));
    } catch (error) {
      unreadable.push(`${name}: ${wordsOf(error)}`);
    }
  }
  yield { id: "telemetry.json", title: "Every file is JSON, or JSON by lines", judge: () => failIfAny(unreadable) };
  const { spans, findings } = checkSpans(exports);
  yield {
    id: "telemetry.spans",
    title: "There is a span",
    judge: () => (spans > 0 ? PASS : fail(`no span in ${exports.length} exports`)),
  };
  for (const [id, title, codes] of CASES) {
    const found = findings.filter(({ code }) => codes.includes(code)).map(({ message }) => message);
    const told = [...new Set(found)];
    const more = told.length - MAX_TOLD;
    yield {
      id,
      title,
      judge: () =>
        exports.length === 0
          ? skip("there is no export to judge")
          : failIfAny([...told.slice(0, MAX_TOLD), ...(more > 0 ? [`and ${more} more`] : [])]),
    };
  }
}

function readExports(text: string): readonly unknown[] {
  try {
    const whole = parseJson(text);
    return Array.isArray(whole) ? whole : [whole];
  } catch (error) {
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    if (lines.length < 2) throw error;
    return lines.map((line) => parseJson(line));
  }
}
