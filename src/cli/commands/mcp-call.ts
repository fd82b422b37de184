import { parseJson } from "../../types/index.ts";
import { defineCommand, hasFlag, printJson } from "../command.ts";
import { openTools, TOOL_OPTIONS } from "../open-tools.ts";

export default defineCommand({
  summary: "Call a tool of a tool map",
  arguments: [{ name: "tool", summary: "the tool's name" }],
  options: [...TOOL_OPTIONS, { flags: "--input <json>", summary: "its input", required: true }],
  examples: [
    'gtc mcp call weather.forecast --toolmap assets/toolmap.json --input \'{"city":"Jakarta","date":"today"}\'',
  ],
  async run(input, io) {
    await using opened = await openTools(input, io);
    const result = await opened.tools.call(opened.ctx, {
      tool: input.args[0] ?? "",
      input: parseJson(String(input.options["input"])),
      services: opened.services,
    });
    if (hasFlag(input, "json")) printJson(io, result);
    else io.stdout.write(`${JSON.stringify(result.kind === "ok" ? result.result : result.error, null, 2)}\n`);
    return result.kind === "ok" ? 0 : 1;
  },
});
