import { resolve } from "node:path";
import { judgeFlows } from "../../conformance/index.ts";
import { defineCommand, textOption, timeoutOption } from "../command.ts";
import { printVerdict, SUITE_OPTIONS } from "../conformance/print-verdict.ts";

export default defineCommand({
  summary: "Judge flows: doctor, and every recorded conversation",
  arguments: [
    { name: "target", summary: "a pack's source directory, a pack file, a directory of flows, or one flow file" },
  ],
  options: [
    { flags: "--tests <dir>", summary: "where the *.test.yaml are (default: the target, where it is a directory)" },
    { flags: "--timeout <ms>", summary: "how long a step may take", default: "30000" },
    ...SUITE_OPTIONS,
  ],
  examples: ["greentic-conformance flow weather/ --json"],
  async run(input, io) {
    const target = input.args[0] ?? "";
    const tests = textOption(input, "tests");
    const report = await judgeFlows(resolve(io.cwd, target), {
      target,
      cwd: io.cwd,
      nowMs: io.nowMs(),
      timeoutMs: timeoutOption(input),
      ...(tests !== undefined && { tests: resolve(io.cwd, tests) }),
    });
    return printVerdict(input, io, report);
  },
});
