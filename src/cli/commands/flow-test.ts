import { stat } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { openAnyPack, probeComponent, runConversationFile, testFilesBelow } from "../../conformance/index.ts";
import type { ConversationResult } from "../../conformance/index.ts";
import { buildPack, findPackSource } from "../../pack/index.ts";
import type { Pack } from "../../pack/index.ts";
import { GreenticError, isGreenticError, quote } from "../../types/index.ts";
import { defineCommand, hasFlag, printJson, textOption, timeoutOption } from "../command.ts";
import type { CommandIo } from "../command.ts";
import { readInputFile } from "../files.ts";

const MAX_FILES = 1_000;

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
    const tests: ConversationResult[] = [];
    for (const file of files) {
      if (io.signal.aborted) break;
      const result = await runConversationFile(relative(io.cwd, file), {
        path: file,
        pack: () => packs.for(file),
        timeoutMs,
      });
      tests.push(result);
      if (!hasFlag(input, "json")) print(io, result);
    }
    const ok = tests.every((test) => test.ok);
    if (hasFlag(input, "json")) printJson(io, { ok, tests });
    return ok ? 0 : 1;
  },
});

function print(io: CommandIo, { file, name, ok, steps, failures }: ConversationResult): void {
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
