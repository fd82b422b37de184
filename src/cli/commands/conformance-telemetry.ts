import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { judgeTelemetry } from "../../conformance/index.ts";
import type { ExportFile } from "../../conformance/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { defineCommand } from "../command.ts";
import { printVerdict, SUITE_OPTIONS } from "../conformance/print-verdict.ts";

const MAX_FILES = 10_000;
const MAX_BYTES = 256 << 20;

export default defineCommand({
  summary: "Judge exported spans: attributes, parents, times",
  arguments: [{ name: "target", summary: "a file or directory of OTLP trace exports, .json or .jsonl" }],
  options: [...SUITE_OPTIONS],
  examples: ["greentic-conformance telemetry exports/ --junit reports/telemetry.xml"],
  async run(input, io) {
    const target = input.args[0] ?? "";
    return printVerdict(input, io, await judgeTelemetry(await exportsAt(io.cwd, target), { target }));
  },
});

async function exportsAt(cwd: string, target: string): Promise<readonly ExportFile[]> {
  const path = resolve(cwd, target);
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) throw new GreenticError("CLI_FILE_MISSING", `Read exports: nothing at ${quote(target)}`);
  const files = info.isDirectory() ? await filesBelow(path) : [path];
  if (files.length === 0) throw new GreenticError("CLI_FILE_MISSING", `Read exports: no .json below ${quote(target)}`);
  if (files.length > MAX_FILES)
    throw new GreenticError(
      "CLI_USAGE_INVALID",
      `Read exports: expected at most ${MAX_FILES} files, got ${files.length}`,
    );
  const read: ExportFile[] = [];
  let bytes = 0;
  for (const file of files) {
    bytes += (await stat(file)).size;
    if (bytes > MAX_BYTES)
      throw new GreenticError("CLI_USAGE_INVALID", `Read exports: expected at most ${MAX_BYTES >> 20} MiB`);
    read.push({ name: relative(cwd, file), text: await readFile(file, "utf8") });
  }
  return read;
}

async function filesBelow(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /\.(?:json|jsonl|ndjson)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
