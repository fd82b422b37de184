import { elicitationKey } from "../../mcp/index.ts";
import type { ElicitationAnswer, ToolResult } from "../../mcp/index.ts";
import { GreenticError, isJsonObject, parseJson } from "../../types/index.ts";
import type { JsonValue } from "../../types/index.ts";
import { defineCommand, hasFlag, listOption, printJson } from "../command.ts";
import { openTools, TOOL_OPTIONS } from "../open-tools.ts";

export default defineCommand({
  summary: "Call a tool of a tool map",
  arguments: [{ name: "tool", summary: "the tool's name" }],
  options: [
    ...TOOL_OPTIONS,
    { flags: "--input <json>", summary: "its input", required: true },
    {
      flags: "--answer <json>",
      summary: "values for what the tool asks, in the order in which it asks; may be given many times",
      repeat: true,
    },
  ],
  examples: [
    'gtc mcp call weather.forecast --toolmap assets/toolmap.json --input \'{"city":"Jakarta","date":"today"}\'',
    "gtc mcp call book --toolmap toolmap.json --input '{}' --answer '{\"seats\":2}'",
  ],
  async run(input, io) {
    await using opened = await openTools(input, io);
    const said = listOption(input, "answer");
    const answers: ElicitationAnswer[] = [];
    let result: ToolResult;
    for (;;) {
      result = await opened.tools.call(opened.ctx, {
        tool: input.args[0] ?? "",
        input: parseJson(String(input.options["input"])),
        services: opened.services,
        answers,
        onProgress: ({ progress, total }) =>
          void io.stderr.write(`progress ${progress}${total === undefined ? "" : ` of ${total}`}\n`),
      });
      const answer = said[answers.length];
      if (result.kind !== "elicit" || answer === undefined) break;
      const content = parseJson(answer);
      if (!isJsonObject(content))
        throw new GreenticError("CLI_USAGE_INVALID", "Call tool: expected --answer to be a JSON object");
      answers.push({ key: elicitationKey(result.elicitation), action: "accept", content });
    }
    if (hasFlag(input, "json")) printJson(io, result);
    else io.stdout.write(`${JSON.stringify(shownOf(result), null, 2)}\n`);
    return result.kind === "ok" ? 0 : 1;
  },
});

function shownOf(result: ToolResult): JsonValue {
  switch (result.kind) {
    case "ok":
      return result.result;
    case "elicit":
      return { asks: { ...result.elicitation } };
    default:
      return { ...result.error };
  }
}
