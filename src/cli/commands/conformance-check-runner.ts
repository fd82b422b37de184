import { checkPublicRunner } from "../../conformance/index.ts";
import { defineCommand, hasFlag, listOption, textOption, timeoutOption } from "../command.ts";
import { FORMAT_OPTION, printPublic } from "../conformance/print-public.ts";
import { jsonOption } from "../conformance/runner-options.ts";

export default defineCommand({
  summary: "Report on a runner as the public greentic-conformance does: one run over a pack",
  arguments: [{ name: "path", summary: "the runner's program" }],
  options: [
    {
      flags: "--pack <file>",
      summary: "the pack that it is given (default: GREENTIC_PACK_PATH; without one it isn't run)",
    },
    { flags: "--allow-failure", summary: "take any exit code" },
    { flags: "--require-json-stdout", summary: "its standard output must be JSON" },
    { flags: "--stdin <text>", summary: "its standard input" },
    { flags: "--arg <word>", summary: "an argument after the pack; may be given many times", repeat: true },
    { flags: "--env <name=value>", summary: "of its environment; may be given many times", repeat: true },
    { flags: "--workdir <dir>", summary: "where it runs (default: here)" },
    { flags: "--expected-egress <json>", summary: "what its standard output must hold" },
    { flags: "--timeout <ms>", summary: "how long it may take", default: "30000" },
    FORMAT_OPTION,
  ],
  examples: ["greentic-conformance check-runner ./their-runner --pack theirs.gtpack --require-json-stdout"],
  async run(input, io) {
    const runner = input.args[0] ?? "";
    const { environment } = io;
    const report = await checkPublicRunner({
      runner,
      pack: textOption(input, "pack") ?? environment["GREENTIC_PACK_PATH"],
      allowFailure: hasFlag(input, "allowFailure"),
      requireJsonStdout: hasFlag(input, "requireJsonStdout"),
      stdin: textOption(input, "stdin"),
      args: listOption(input, "arg"),
      env: listOption(input, "env"),
      workdir: textOption(input, "workdir"),
      expectedEgress: jsonOption(input, "expectedEgress"),
      cwd: io.cwd,
      path: environment["PATH"] ?? "",
      isOnline: ["1", "true"].includes((environment["GREENTIC_ENABLE_ONLINE"] ?? "").toLowerCase()),
      timeoutMs: timeoutOption(input),
    });
    printPublic(input, io, { report, heads: { Runner: runner, runner_v1: report.runner_v1 } });
  },
});
