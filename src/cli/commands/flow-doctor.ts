import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { checkFlowFiles, checkPack, checkPackSource, openAnyPack } from "../../conformance/index.ts";
import type { FlowCheck, PackCheck } from "../../conformance/index.ts";
import { findingsToSarif } from "../../flow/index.ts";
import type { AssetCheck, FlowFinding } from "../../flow/index.ts";
import { GreenticError } from "../../types/index.ts";
import { checkSidecars } from "../check-sidecar.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import type { CommandIo } from "../command.ts";
import { readInputFile } from "../files.ts";
import { VERSION } from "../version.ts";

export default defineCommand({
  summary: "Check flows",
  arguments: [
    {
      name: "paths...",
      summary: "flow files, directories with .ygtc files, or a pack's source directory, which is checked as a whole",
      optional: true,
    },
  ],
  options: [
    { flags: "--pack <file>", summary: "check all flows of a pack, with what the pack holds" },
    { flags: "--json", summary: "print the findings as JSON" },
    { flags: "--sarif", summary: "print the findings as SARIF 2.1.0, for editors and code hosts" },
  ],
  examples: ["gtc flow doctor flows/", "gtc flow doctor . --sarif", "greentic-flow doctor --pack ./my-pack.gtpack"],
  async run(input, io) {
    const packFile = textOption(input, "pack");
    if (packFile === undefined && input.args.length === 0)
      throw new GreenticError("CLI_USAGE_INVALID", "Check flows: name files or directories, or --pack");
    if (hasFlag(input, "json") && hasFlag(input, "sarif"))
      throw new GreenticError("CLI_USAGE_INVALID", "Check flows: either --json or --sarif");
    const { flows, files } =
      packFile === undefined
        ? await checkPaths(io, input.args)
        : await checkPack(await openAnyPack(await readInputFile(io, packFile), io.nowMs()));
    const findings = [...flows, ...files].flatMap((check) => check.findings);
    const ok = findings.every((finding) => finding.severity !== "error");
    if (hasFlag(input, "sarif"))
      printJson(io, findingsToSarif(findings, { name: "gtc flow doctor", version: VERSION }));
    else if (hasFlag(input, "json")) printJson(io, { ok, flows, files });
    else {
      for (const { file, id, findings: said } of flows) print(io, `${file}  ${id}`, said);
      for (const { file, findings: said } of files) print(io, file, said);
    }
    return ok ? 0 : 2;
  },
});

async function checkPaths(io: CommandIo, paths: readonly string[]): Promise<PackCheck> {
  const flows: FlowCheck[] = [];
  const files: AssetCheck[] = [];
  for (const path of paths) {
    const info = await stat(resolve(io.cwd, path)).catch(() => undefined);
    const pack = info?.isDirectory() === true ? await checkPackSource(io.cwd, resolve(io.cwd, path)) : undefined;
    // A pack that can't be built is still its flows.
    if (pack === undefined || pack.flows.length === 0) flows.push(...(await checkFlowFiles(io.cwd, [path])));
    flows.push(...(pack?.flows ?? []));
    files.push(...(pack?.files ?? []));
  }
  files.push(
    ...(await checkSidecars(
      io.cwd,
      flows.map(({ file }) => file),
    )),
  );
  return { flows, files };
}

function print(io: CommandIo, head: string, findings: readonly FlowFinding[]): void {
  const count = findings.length;
  io.stdout.write(`${head}  ${count === 0 ? "ok" : `${count} finding${count === 1 ? "" : "s"}`}\n`);
  for (const { severity, code, message, at } of findings)
    io.stdout.write(`  ${at.line}:${at.column}  ${severity}[${code}]: ${message}\n`);
}
