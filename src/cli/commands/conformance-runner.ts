import { basename } from "node:path";
import { GREETINGS, judgeRunner, samplePack } from "../../conformance/index.ts";
import { defineCommand, textOption, timeoutOption } from "../command.ts";
import { printVerdict, SUITE_OPTIONS } from "../conformance/print-verdict.ts";
import { jsonOption, runnerCommand } from "../conformance/runner-options.ts";
import { readPackInput } from "../pack-input.ts";

export default defineCommand({
  summary: "Judge a runner by its command line: it loads a pack, answers, and goes on in a session",
  arguments: [
    {
      name: "target",
      summary: "the runner's command line, which gets the pack's path (default: ours)",
      optional: true,
    },
  ],
  options: [
    { flags: "--pack <file>", summary: "the pack that it is given (default: a small one of ours)" },
    { flags: "--stdin <text>", summary: "the first activity (default: a greeting)" },
    { flags: "--second <text>", summary: "the second, in the same session (default: another greeting)" },
    { flags: "--expected-egress <json>", summary: "what the first answer must be like" },
    { flags: "--expected-second <json>", summary: "what the second answer must be like" },
    { flags: "--arg <word>", summary: "an argument after the pack; may be given many times", repeat: true },
    { flags: "--env <name=value>", summary: "of its environment; may be given many times", repeat: true },
    { flags: "--timeout <ms>", summary: "how long an answer may take", default: "8000" },
    ...SUITE_OPTIONS,
  ],
  examples: [
    "greentic-conformance runner --junit reports/runner.xml",
    'greentic-conformance runner "./their-runner --quiet" --pack theirs.gtpack --json',
  ],
  async run(input, io) {
    const [line] = input.args;
    const packFile = textOption(input, "pack");
    const bytes = packFile === undefined ? await samplePack() : await readPackInput(io, packFile);
    const report = await judgeRunner(runnerCommand(line, input, io), {
      target: line ?? "greentic-runner",
      pack: { bytes, name: packFile === undefined ? "conformance-sample.gtpack" : basename(packFile) },
      nowMs: io.nowMs(),
      path: io.environment["PATH"] ?? "",
      activities: [textOption(input, "stdin") ?? GREETINGS[0], textOption(input, "second") ?? GREETINGS[1]],
      expected: [jsonOption(input, "expectedEgress"), jsonOption(input, "expectedSecond")],
      timeoutMs: timeoutOption(input),
    });
    return printVerdict(input, io, report);
  },
});
