import { flowToMermaid, parseFlow } from "../../flow/index.ts";
import { KIND_CATALOG } from "../../runner/index.ts";
import { defineCommand } from "../command.ts";
import { readInputFile } from "../files.ts";

export default defineCommand({
  summary: "Draw a flow as a Mermaid diagram",
  arguments: [{ name: "file", summary: "the flow file" }],
  examples: ["gtc flow graph flows/on_message.ygtc > on_message.mmd"],
  async run(input, io) {
    const file = input.args[0] ?? "";
    io.stdout.write(flowToMermaid(parseFlow(await readInputFile(io, file), { file }), KIND_CATALOG));
  },
});
