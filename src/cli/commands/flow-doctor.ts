import { openPack } from "../../pack/index.ts";
import { GreenticError } from "../../types/index.ts";
import { checkFlowFiles, checkPackFlows } from "../check-flows.ts";
import { defineCommand, hasFlag, printJson, textOption } from "../command.ts";
import { readInputFile } from "../files.ts";

export default defineCommand({
  summary: "Check flows",
  arguments: [{ name: "paths...", summary: "flow files, or directories with .ygtc files", optional: true }],
  options: [
    { flags: "--pack <file>", summary: "check all flows of a pack, with what the pack holds" },
    { flags: "--json", summary: "print the findings as JSON" },
  ],
  examples: ["gtc flow doctor flows/", "greentic-flow doctor --pack ./my-pack.gtpack"],
  async run(input, io) {
    const packFile = textOption(input, "pack");
    if (packFile === undefined && input.args.length === 0)
      throw new GreenticError("CLI_USAGE_INVALID", "Check flows: name files or directories, or --pack");
    const trust = { publishers: [], revoked: new Set<string>(), threshold: 1, rejectUnsigned: false };
    const flows =
      packFile === undefined
        ? await checkFlowFiles(io.cwd, input.args)
        : checkPackFlows(await openPack(await readInputFile(io, packFile), { trust, nowMs: io.nowMs() }));
    const ok = flows.every((flow) => flow.findings.every((finding) => finding.severity !== "error"));
    if (hasFlag(input, "json")) printJson(io, { ok, flows });
    else {
      for (const { file, id, findings } of flows) {
        io.stdout.write(
          `${file}  ${id}  ${findings.length === 0 ? "ok" : `${findings.length} finding${findings.length === 1 ? "" : "s"}`}\n`,
        );
        for (const { severity, code, message, at } of findings)
          io.stdout.write(`  ${at.line}:${at.column}  ${severity}[${code}]: ${message}\n`);
      }
    }
    return ok ? 0 : 2;
  },
});
