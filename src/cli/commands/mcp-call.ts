import { elicitationKey } from "../../mcp/index.ts";
import type { Elicitation, ElicitationAnswer, ToolResult } from "../../mcp/index.ts";
import { GreenticError, isJsonObject, parseJson } from "../../types/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
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
    const said = listOption(input, "answer").map(readAnswer);
    const answers: ElicitationAnswer[] = [];
    const answerNow = (elicitation: Elicitation): ElicitationAnswer | undefined => {
      const content = said[answers.length];
      if (content === undefined) return undefined;
      const answer: ElicitationAnswer = { key: elicitationKey(elicitation), action: "accept", content };
      answers.push(answer);
      return answer;
    };
    let result: ToolResult;
    do {
      result = await opened.tools.call(opened.ctx, {
        tool: input.args[0] ?? "",
        input: parseJson(String(input.options["input"])),
        services: opened.services,
        answers: [...answers],
        answerNow,
        onProgress: ({ progress, total }) =>
          void io.stderr.write(`progress ${progress}${total === undefined ? "" : ` of ${total}`}\n`),
      });
      // What can't be answered in its call is called again with the answer.
    } while (result.kind === "elicit" && answerNow(result.elicitation) !== undefined);
    if (hasFlag(input, "json")) printJson(io, result);
    else io.stdout.write(`${JSON.stringify(shownOf(result), null, 2)}\n`);
    return result.kind === "ok" ? 0 : 1;
  },
});

function readAnswer(text: string): JsonObject {
  const content = parseJson(text);
  if (isJsonObject(content)) return content;
  throw new GreenticError("CLI_USAGE_INVALID", "Call tool: expected --answer to be a JSON object");
}

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
