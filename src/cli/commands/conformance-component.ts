import { readCases } from "../../component/index.ts";
import { judgeComponent } from "../../conformance/index.ts";
import { defineCommand, timeoutOption } from "../command.ts";
import { readComponentInput } from "../component-input.ts";
import { printVerdict, SUITE_OPTIONS } from "../conformance/print-verdict.ts";

export default defineCommand({
  summary: "Judge a component: what it is, its documented cases, hostile inputs",
  arguments: [{ name: "target", summary: "a binary, or a source directory, which is built" }],
  options: [
    { flags: "--timeout <ms>", summary: "how long one of its cases may take", default: "10000" },
    ...SUITE_OPTIONS,
  ],
  examples: ["greentic-conformance component components/forecast.wasm --json"],
  async run(input, io) {
    const target = input.args[0] ?? "";
    const { bytes, directory } = await readComponentInput(io, target);
    const cases = directory === undefined ? [] : await readCases(directory);
    return printVerdict(input, io, await judgeComponent(bytes, { target, cases, timeoutMs: timeoutOption(input) }));
  },
});
