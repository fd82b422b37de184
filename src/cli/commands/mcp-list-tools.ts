import { defineCommand, hasFlag, printJson } from "../command.ts";
import { openTools, TOOL_OPTIONS } from "../open-tools.ts";

export default defineCommand({
  summary: "List the tools of a tool map",
  options: TOOL_OPTIONS,
  examples: ["gtc mcp list-tools --toolmap assets/toolmap.json"],
  async run(input, io) {
    await using opened = await openTools(input, io);
    const tools = await opened.tools.list(opened.ctx, opened.services);
    if (hasFlag(input, "json")) printJson(io, tools);
    else for (const tool of tools) io.stdout.write(`${tool.name}  ${tool.description}\n`);
  },
});
