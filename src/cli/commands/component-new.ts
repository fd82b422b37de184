import { resolve } from "node:path";
import { newComponent } from "../../component/index.ts";
import { GreenticError } from "../../types/index.ts";
import { defineCommand, textOption } from "../command.ts";

export default defineCommand({
  summary: "Scaffold a component",
  arguments: [{ name: "name", summary: "the component's name, and its directory" }],
  options: [
    {
      flags: "--world <world>",
      summary: "mcp (tools for tool.invoke) or component (one execute for flows)",
      default: "mcp",
    },
    { flags: "--dir <dir>", summary: "another directory" },
  ],
  examples: ["gtc component new forecast"],
  async run(input, io) {
    const name = input.args[0] ?? "";
    const world = textOption(input, "world");
    if (world !== "mcp" && world !== "component")
      throw new GreenticError("CLI_USAGE_INVALID", "Make a component: expected --world mcp or component");
    const files = await newComponent(resolve(io.cwd, textOption(input, "dir") ?? name), { name, world });
    for (const file of files) io.stdout.write(`wrote ${name}/${file}\n`);
    io.stdout.write(`next: gtc component build ${name}\n`);
  },
});
