import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { parseHttpStubs, readCases, runCase, testComponent } from "../../component/index.ts";
import type { ComponentTest, ComponentTestReport } from "../../component/index.ts";
import type { JsonObject } from "../../types/index.ts";
import { GreenticError, isJsonObject, parseJson, quote } from "../../types/index.ts";
import { defineCommand, hasFlag, listOption, printJson, textOption, timeoutOption } from "../command.ts";
import type { CommandInput, CommandIo } from "../command.ts";
import type { ComponentInput } from "../component-input.ts";
import { placeInSource, readComponentInput } from "../component-input.ts";
import { readInputFile } from "../files.ts";
import { excerptOf } from "../report-error.ts";

export default defineCommand({
  summary: "Call a component in the local harness, or run its test cases",
  arguments: [
    { name: "component", summary: "a binary, or a source directory, which is built (default: here)", optional: true },
  ],
  options: [
    { flags: "--op <operation>", summary: "the operation, or the tool's name; without it every case of tests/ runs" },
    { flags: "--input <json>", summary: "its input (default null)" },
    { flags: "--config <json>", summary: "the configuration that a pack would give" },
    { flags: "--secret <name=value>", summary: "a secret that it may read; may be given many times", repeat: true },
    { flags: "--http-stub <file>", summary: "JSON answers for outbound requests" },
    { flags: "--assets <dir>", summary: "files that it may read as assets/…" },
    { flags: "--state-in <file>", summary: "JSON object of what its state holds before" },
    { flags: "--state-out <file>", summary: "where its state goes after" },
    { flags: "--locale <tag>", summary: "the person's language" },
    { flags: "--timeout <ms>", summary: "wall time", default: "10000" },
    { flags: "--max-memory <mib>", summary: "what its memory may grow to (default 64)" },
    { flags: "--json", summary: "print the whole report" },
  ],
  examples: [
    "gtc component test .",
    'gtc component test forecast.wasm --op forecast --input \'{"city":"Jakarta","date":"today"}\' --json',
  ],
  async run(input, io) {
    const component = await readComponentInput(io, input.args[0] ?? ".");
    return textOption(input, "op") === undefined ? runCases(component, input, io) : callOnce(component, input, io);
  },
});

async function callOnce({ bytes, directory }: ComponentInput, input: CommandInput, io: CommandIo): Promise<number> {
  const report = await testComponent(bytes, { ...(await readTest(input, io)), operation: String(input.options["op"]) });
  const out = textOption(input, "stateOut");
  if (out !== undefined) await writeFile(resolve(io.cwd, out), `${JSON.stringify(report.state, null, 2)}\n`);
  if (hasFlag(input, "json")) printJson(io, report);
  else {
    io.stdout.write(`${JSON.stringify(report.ok ? report.output : report.error, null, 2)}\n`);
    io.stderr.write(
      `${excerpt(report, directory)}${report.ok ? "ok" : "error"} in ${report.wallMs.toFixed(1)} ms, fuel ${report.fuel}, memory ${(report.peakMemoryBytes / MIB).toFixed(1)} MiB\n${report.log}`,
    );
  }
  return report.ok ? 0 : 1;
}

async function runCases({ bytes, directory }: ComponentInput, input: CommandInput, io: CommandIo): Promise<number> {
  const cases = directory === undefined ? [] : await readCases(directory);
  if (cases.length === 0)
    throw new GreenticError(
      "CLI_USAGE_INVALID",
      "Test component: no test case in tests/; write one, or call with --op",
    );
  const reports = [];
  for (const one of cases) reports.push(await runCase(bytes, one, limitsOf(input)));
  const ok = reports.every((report) => report.ok);
  if (hasFlag(input, "json")) printJson(io, { ok, cases: reports });
  else {
    for (const report of reports) {
      io.stdout.write(`${report.ok ? "ok    " : "FAILED"}  ${report.name}  ${report.wallMs.toFixed(1)} ms\n`);
      if (report.difference === undefined) continue;
      const { at, expected, got } = report.difference;
      io.stdout.write(`  ${at}: expected ${JSON.stringify(expected)}\n  ${at}: got ${JSON.stringify(got)}\n`);
      io.stdout.write(excerpt(report, directory) + report.log);
    }
  }
  return ok ? 0 : 1;
}

async function readTest(input: CommandInput, io: CommandIo): Promise<Omit<ComponentTest, "operation">> {
  const stubs = textOption(input, "httpStub");
  const assets = textOption(input, "assets");
  const locale = textOption(input, "locale");
  const config = textOption(input, "config");
  const state = textOption(input, "stateIn");
  return {
    input: parseJson(textOption(input, "input") ?? "null"),
    secrets: Object.fromEntries(listOption(input, "secret").map(parseSecret)),
    ...(stubs !== undefined && { httpStubs: parseHttpStubs(new TextDecoder().decode(await readInputFile(io, stubs))) }),
    ...(assets !== undefined && { assets: await readAssets(resolve(io.cwd, assets)) }),
    ...(state !== undefined && { state: await readState(io, state) }),
    ...(config !== undefined && { config: parseJson(config) }),
    ...(locale !== undefined && { locale }),
    ...limitsOf(input),
  };
}

const MIB = 1_048_576;

function limitsOf(input: CommandInput): Pick<ComponentTest, "timeoutMs" | "maxMemoryBytes"> {
  const memory = textOption(input, "maxMemory");
  if (memory !== undefined && !/^[1-9]\d{0,3}$/.test(memory))
    throw new GreenticError("CLI_USAGE_INVALID", `Read --max-memory: expected MiB from 1, got ${quote(memory)}`);
  return {
    timeoutMs: timeoutOption(input),
    ...(memory !== undefined && { maxMemoryBytes: Number(memory) * MIB }),
  };
}

/** The author's own line that the error came from. */
function excerpt({ error }: ComponentTestReport, directory: string | undefined): string {
  const at = placeInSource(error?.details, directory);
  return at === undefined ? "" : excerptOf(at);
}

async function readState(io: CommandIo, file: string): Promise<JsonObject> {
  const state = parseJson(await readInputFile(io, file));
  if (isJsonObject(state)) return state;
  throw new GreenticError("CLI_USAGE_INVALID", `Read --state-in ${quote(file)}: expected a JSON object`);
}

function parseSecret(pair: string): readonly [string, string] {
  const at = pair.indexOf("=");
  if (at < 1) throw new GreenticError("CLI_USAGE_INVALID", "Test component: expected --secret NAME=VALUE");
  return [pair.slice(0, at), pair.slice(at + 1)];
}

async function readAssets(dir: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(files.map(async (file) => [`assets/${relative(dir, file)}`, await readFile(file)] as const)),
  );
}
