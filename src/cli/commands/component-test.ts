import { readdir, readFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { parseHttpStubs, testComponent } from "../../component/index.ts";
import { GreenticError, parseJson } from "../../types/index.ts";
import { defineCommand, hasFlag, listOption, printJson, textOption, timeoutOption } from "../command.ts";
import { readInputFile } from "../files.ts";

export default defineCommand({
  summary: "Call a component in the local harness",
  arguments: [{ name: "wasm", summary: "the component" }],
  options: [
    { flags: "--op <operation>", summary: "the operation, or the tool's name", required: true },
    { flags: "--input <json>", summary: "its input", required: true },
    { flags: "--secret <name=value>", summary: "a secret that it may read; may be given many times", repeat: true },
    { flags: "--http-stub <file>", summary: "JSON answers for outbound requests" },
    { flags: "--assets <dir>", summary: "files that it may read as assets/…" },
    { flags: "--locale <tag>", summary: "the person's language" },
    { flags: "--timeout <ms>", summary: "wall time", default: "10000" },
    { flags: "--json", summary: "print the whole report" },
  ],
  examples: ['gtc component test forecast.wasm --op forecast --input \'{"city":"Jakarta","date":"today"}\' --json'],
  async run(input, io) {
    const bytes = await readInputFile(io, input.args[0] ?? "");
    const stubs = textOption(input, "httpStub");
    const assets = textOption(input, "assets");
    const locale = textOption(input, "locale");
    const report = await testComponent(bytes, {
      operation: String(input.options["op"]),
      input: parseJson(String(input.options["input"])),
      secrets: Object.fromEntries(listOption(input, "secret").map(parseSecret)),
      ...(stubs !== undefined && {
        httpStubs: parseHttpStubs(new TextDecoder().decode(await readInputFile(io, stubs))),
      }),
      ...(assets !== undefined && { assets: await readAssets(resolve(io.cwd, assets)) }),
      ...(locale !== undefined && { locale }),
      timeoutMs: timeoutOption(input),
    });
    if (hasFlag(input, "json")) printJson(io, report);
    else {
      io.stdout.write(`${JSON.stringify(report.ok ? report.output : report.error, null, 2)}\n`);
      io.stderr.write(
        `${report.ok ? "ok" : "error"} in ${report.wallMs.toFixed(1)} ms, fuel ${report.fuel}, memory ${(report.peakMemoryBytes / 1_048_576).toFixed(1)} MiB\n${report.log}`,
      );
    }
    return report.ok ? 0 : 1;
  },
});

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
