import { judgeProvider } from "../../conformance/index.ts";
import { defineCommand, listOption, timeoutOption } from "../command.ts";
import { printVerdict, SUITE_OPTIONS } from "../conformance/print-verdict.ts";
import { readRecordedRequest, readSecrets } from "../conformance/recorded-request.ts";
import { jsonObjectOption, jsonOption } from "../conformance/runner-options.ts";
import { readPackInput } from "../pack-input.ts";

export default defineCommand({
  summary: "Judge a provider pack: what it sends arrives once, and what nobody signed is refused",
  arguments: [{ name: "target", summary: "the pack file, or the directory of an unpacked pack" }],
  options: [
    {
      flags: "--request <file>",
      summary: "a request that its platform made, as JSON; may be given many times",
      repeat: true,
    },
    { flags: "--secrets <file>", summary: "secrets by name, as JSON: what these requests are signed with" },
    {
      flags: "--http <origin>",
      summary: "where its platform is, beside its manifest; may be given many times",
      repeat: true,
    },
    { flags: "--config <json>", summary: "the channel's settings" },
    { flags: "--answer <json>", summary: "what its platform answers to a message that it takes" },
    { flags: "--timeout <ms>", summary: "how long a send or a request may take", default: "5000" },
    ...SUITE_OPTIONS,
  ],
  examples: [
    "greentic-conformance provider messaging-pigeon.gtpack --json",
    "greentic-conformance provider messaging-pigeon.gtpack --request recorded/hello.json --secrets recorded/secrets.json",
  ],
  async run(input, io) {
    const target = input.args[0] ?? "";
    const bytes = await readPackInput(io, target);
    const config = jsonObjectOption(input, "config");
    const answer = jsonOption(input, "answer");
    const report = await judgeProvider(bytes, {
      target,
      nowMs: io.nowMs(),
      origins: listOption(input, "http"),
      secrets: await readSecrets(input, io),
      requests: await Promise.all(listOption(input, "request").map((file) => readRecordedRequest(io, file))),
      timeoutMs: timeoutOption(input),
      ...(config !== undefined && { config }),
      ...(answer !== undefined && { answer }),
    });
    return printVerdict(input, io, report);
  },
});
