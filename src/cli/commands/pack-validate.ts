import { validatePack } from "../../pack/index.ts";
import { defineCommand, hasFlag, printJson } from "../command.ts";
import { readPackInput } from "../pack-input.ts";
import { printReport } from "../print-report.ts";

export default defineCommand({
  summary: "Validate a pack's structure and manifest",
  arguments: [{ name: "pack", summary: "the pack file, or the directory of an unpacked pack" }],
  options: [{ flags: "--json", summary: "print the report as JSON" }],
  examples: ["gtc pack validate ./my-pack.gtpack"],
  async run(input, io) {
    const report = await validatePack(await readPackInput(io, input.args[0] ?? ""));
    if (hasFlag(input, "json")) printJson(io, report);
    else printReport(io, report);
    return report.ok ? 0 : 2;
  },
});
