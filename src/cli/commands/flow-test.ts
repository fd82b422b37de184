import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { buildPack, findPackSource } from "../../pack/index.ts";
import type { Pack } from "../../pack/index.ts";
import { GreenticError, isGreenticError, quote } from "../../types/index.ts";
import { openAnyPack } from "../check-pack.ts";
import { defineCommand, hasFlag, printJson, textOption, timeoutOption } from "../command.ts";
import type { CommandIo } from "../command.ts";
import { readInputFile } from "../files.ts";
import { readConversation } from "../flow-test/read-conversation.ts";
import { runConversation } from "../flow-test/run-conversation.ts";
import type { ConversationFailure } from "../flow-test/run-conversation.ts";
import { probeComponent } from "../full-checks.ts";

const MAX_FILES = 1_000;

/** What `--json` prints of one file. */
interface TestResult {
  readonly file: string;
  readonly name?: string;
  readonly ok: boolean;
  readonly steps: number;
  readonly failures: readonly ConversationFailure[];
}

export default defineCommand({
  summary: "Run recorded conversations against a flow",
  arguments: [
    { name: "paths...", summary: "*.test.yaml files, or directories with them (default: here)", optional: true },
  ],
  options: [
    { flags: "--pack <file>", summary: "the pack to test (default: the source directory around each file)" },
    { flags: "--timeout <ms>", summary: "how long a step may take", default: "30000" },
    { flags: "--json", summary: "print the results as JSON" },
  ],
  examples: ["gtc flow test", "gtc flow test tests/weather.test.yaml --json"],
  async run(input, io) {
    const timeoutMs = timeoutOption(input);
    const files = await testFilesAt(io, input.args.length === 0 ? ["."] : input.args);
    const packs = new Packs(io, textOption(input, "pack"));
    const tests: TestResult[] = [];
    for (const file of files) {
      if (io.signal.aborted) break;
      const result = await runFile(relative(io.cwd, file), { path: file, packs, timeoutMs });
      tests.push(result);
      if (!hasFlag(input, "json")) print(io, result);
    }
    const ok = tests.every((test) => test.ok);
    if (hasFlag(input, "json")) printJson(io, { ok, tests });
    return ok ? 0 : 1;
  },
});

async function runFile(
  file: string,
  from: { readonly path: string; readonly packs: Packs; readonly timeoutMs: number },
): Promise<TestResult> {
  try {
    const test = readConversation(await readFile(from.path, "utf8"), file);
    const { steps, failures } = await runConversation(test, {
      pack: await from.packs.for(from.path),
      timeoutMs: from.timeoutMs,
    });
    return { file, ...(test.name !== undefined && { name: test.name }), ok: failures.length === 0, steps, failures };
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    const at = error.at ?? { file, line: 1, column: 1 };
    return { file, ok: false, steps: 0, failures: [{ message: `${error.code}: ${error.message}`, at }] };
  }
}

function print(io: CommandIo, { file, name, ok, steps, failures }: TestResult): void {
  io.stdout.write(
    `${ok ? "ok    " : "FAILED"}  ${file}${name === undefined ? "" : `  ${name}`}  ${steps} step${steps === 1 ? "" : "s"}\n`,
  );
  for (const { step, message, expected, got, at } of failures) {
    io.stdout.write(`  ${at.file}:${at.line}:${at.column}  ${step === undefined ? "" : `step ${step}: `}${message}\n`);
    if (expected !== undefined) io.stdout.write(`    expected ${expected}\n    got      ${got ?? ""}\n`);
  }
}

/** The packs of the tests, each built once. */
class Packs {
  readonly #io: CommandIo;
  readonly #file: string | undefined;
  readonly #built = new Map<string, Promise<Pack>>();

  constructor(io: CommandIo, file: string | undefined) {
    this.#io = io;
    this.#file = file;
  }

  async for(test: string): Promise<Pack> {
    const named = this.#file;
    if (named !== undefined) return this.#once(named, async () => readInputFile(this.#io, named));
    const source = await sourceAbove(test);
    return this.#once(source, async () => (await buildPack(source, { probeComponent })).bytes);
  }

  #once(key: string, make: () => Promise<Uint8Array>): Promise<Pack> {
    const known = this.#built.get(key);
    if (known !== undefined) return known;
    const pack = make().then((bytes) => openAnyPack(bytes, this.#io.nowMs()));
    this.#built.set(key, pack);
    return pack;
  }
}

/** Finds the pack source of the nearest directory above a file. */
async function sourceAbove(file: string): Promise<string> {
  for (let directory = dirname(file); ; directory = dirname(directory)) {
    try {
      return await findPackSource(directory);
    } catch (error) {
      if (!isGreenticError(error, "PACK_SOURCE_MISSING")) throw error;
    }
    if (directory === dirname(directory))
      throw new GreenticError("CLI_TEST_PACKLESS", `Test ${quote(file)}: no pack.toml or pack.yaml above it`);
  }
}

/** Lists the tests that paths stand for. @throws CLI_FILE_MISSING, also where there is none */
async function testFilesAt(io: CommandIo, paths: readonly string[]): Promise<readonly string[]> {
  const files = new Set<string>();
  for (const path of paths) {
    const whole = resolve(io.cwd, path);
    const info = await stat(whole).catch(() => undefined);
    if (info === undefined) throw new GreenticError("CLI_FILE_MISSING", `Test flows: nothing at ${quote(path)}`);
    if (info.isFile()) files.add(whole);
    else for (const file of await testFilesBelow(whole)) files.add(file);
  }
  if (files.size === 0) throw new GreenticError("CLI_FILE_MISSING", "Test flows: no *.test.yaml there");
  if (files.size > MAX_FILES)
    throw new GreenticError("CLI_USAGE_INVALID", `Test flows: expected at most ${MAX_FILES} files, got ${files.size}`);
  return [...files];
}

async function testFilesBelow(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter(
      (entry) =>
        entry.isFile() &&
        /\.test\.ya?ml$/.test(entry.name) &&
        !/(?:^|[/\\])node_modules(?:[/\\]|$)/.test(entry.parentPath),
    )
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
