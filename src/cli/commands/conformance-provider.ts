import { judgeProvider } from "../../conformance/index.ts";
import { defineCommand } from "../command.ts";
import { printVerdict, SUITE_OPTIONS } from "../conformance/print-verdict.ts";
import { readPackInput } from "../pack-input.ts";

export default defineCommand({
  summary: "Judge a provider pack: its parts answer, and what nobody signed is refused",
  arguments: [{ name: "target", summary: "the pack file, or the directory of an unpacked pack" }],
  options: [...SUITE_OPTIONS],
  examples: ["greentic-conformance provider messaging-pigeon.gtpack --json"],
  async run(input, io) {
    const target = input.args[0] ?? "";
    const bytes = await readPackInput(io, target);
    return printVerdict(input, io, await judgeProvider(bytes, { target, nowMs: io.nowMs() }));
  },
});
