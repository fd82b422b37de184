// A component's test cases: one JSON file each in `tests/`, of
//   { "operation", "input", "config", "secrets": { name: value }, "http": stubs, "tools": { name: answer }, "state": { key: value },
//     "locale", "output" or "error", "stateAfter" }
// An object that is expected needs only the members that it names; anything else must be equal.
import { isDeepStrictEqual } from "node:util";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { JsonValue } from "../../types/index.ts";
import { GreenticError, isGreenticError, isJsonObject, parseJson, quote } from "../../types/index.ts";
import { parseHttpStubs } from "./http-stubs.ts";
import type { ComponentTest, ComponentTestReport } from "./test-component.ts";
import { testComponent } from "./test-component.ts";

/** One call and what must come of it. */
export interface ComponentCase {
  /** The file's name without its extension. */
  readonly name: string;
  readonly test: ComponentTest;
  readonly output?: JsonValue;
  /** Members of the error that must come. */
  readonly error?: JsonValue;
  readonly stateAfter?: JsonValue;
}

/** How a case ended. */
export interface ComponentCaseReport extends ComponentTestReport {
  readonly name: string;
  /** What differs from what was expected; undefined where nothing does. */
  readonly difference?: { readonly at: string; readonly expected: JsonValue; readonly got: JsonValue };
}

const KEYS = [
  "operation",
  "input",
  "config",
  "secrets",
  "http",
  "tools",
  "state",
  "locale",
  "output",
  "error",
  "stateAfter",
];

/** Reads the cases of a component's `tests/`, in the order of their names; none where it has no such folder. @throws COMPONENT_CASE_INVALID */
export async function readCases(directory: string): Promise<readonly ComponentCase[]> {
  const folder = join(directory, "tests");
  const names = (await readdir(folder).catch((): string[] => [])).filter((name) => name.endsWith(".json")).sort();
  return Promise.all(names.map(async (name) => caseOf(await readFile(join(folder, name)), join(folder, name))));
}

function caseOf(bytes: Uint8Array, file: string): ComponentCase {
  const fail = (expected: string): GreenticError =>
    new GreenticError("COMPONENT_CASE_INVALID", `Read test case ${quote(file)}: expected ${expected}`);
  let value: JsonValue;
  try {
    value = parseJson(bytes);
  } catch (error) {
    throw isGreenticError(error) ? fail(`JSON: ${error.message}`) : error;
  }
  if (!isJsonObject(value)) throw fail("an object");
  const unknown = Object.keys(value).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) throw fail(`only ${KEYS.join(", ")}; got ${quote(unknown)}`);
  const { operation, input = null, config, secrets = {}, http, tools = {}, state = {}, locale } = value;
  const { output, error, stateAfter } = value;
  if (typeof operation !== "string") throw fail('a text as "operation"');
  if ((output === undefined) === (error === undefined)) throw fail('either "output" or "error"');
  if (!isJsonObject(secrets) || !Object.values(secrets).every((secret) => typeof secret === "string"))
    throw fail('texts by name as "secrets"');
  if (!isJsonObject(tools)) throw fail('answers by name as "tools"');
  if (!isJsonObject(state)) throw fail('values by key as "state"');
  if (locale !== undefined && typeof locale !== "string") throw fail('a text as "locale"');
  return {
    name: basename(file, ".json"),
    test: {
      operation,
      input,
      secrets: secrets as Readonly<Record<string, string>>,
      tools,
      state,
      ...(config === undefined ? {} : { config }),
      ...(http === undefined ? {} : { httpStubs: parseHttpStubs(JSON.stringify(http)) }),
      ...(locale === undefined ? {} : { locale }),
    },
    ...(output === undefined ? {} : { output }),
    ...(error === undefined ? {} : { error }),
    ...(stateAfter === undefined ? {} : { stateAfter }),
  };
}

/** Runs one case. @throws as `testComponent` */
export async function runCase(
  bytes: Uint8Array,
  { name, test, output, error, stateAfter }: ComponentCase,
  more: Partial<ComponentTest> = {},
): Promise<ComponentCaseReport> {
  const report = await testComponent(bytes, { ...test, ...more });
  const failed: JsonValue = report.error === undefined ? null : { ...report.error };
  const difference =
    (output === undefined
      ? differenceOf(error ?? {}, failed, "error")
      : report.ok
        ? differenceOf(output, report.output, "output")
        : { at: "error", expected: null, got: failed }) ??
    (stateAfter === undefined ? undefined : differenceOf(stateAfter, report.state, "state"));
  return { name, ...report, ok: difference === undefined, ...(difference && { difference }) };
}

/** The first place where a value isn't what was expected. */
function differenceOf(expected: JsonValue, got: JsonValue, at: string): ComponentCaseReport["difference"] {
  if (!isJsonObject(expected)) return isDeepStrictEqual(expected, got) ? undefined : { at, expected, got };
  if (!isJsonObject(got)) return { at, expected, got };
  for (const [key, value] of Object.entries(expected)) {
    const found = differenceOf(value, got[key] ?? null, `${at}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
