import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { newFlowText, parseFlow } from "../../flow/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { defineCommand, textOption } from "../command.ts";

export default defineCommand({
  summary: "Write a new flow",
  arguments: [{ name: "file", summary: "the flow's file, like flows/help.ygtc" }],
  options: [
    { flags: "--id <id>", summary: "the flow's id (default: the file's name)" },
    { flags: "--type <type>", summary: "messaging, webhook, timer, pubsub or job", default: "messaging" },
    { flags: "--title <title>", summary: "a name for people" },
  ],
  examples: ["gtc flow new flows/help.ygtc --title Help"],
  async run(input, io) {
    const file = input.args[0] ?? "";
    const title = textOption(input, "title");
    const text = newFlowText({
      id: textOption(input, "id") ?? basename(file).replace(/\.ygtc$/, ""),
      type: String(input.options["type"]),
      ...(title !== undefined && { title }),
    });
    parseFlow(text, { file });
    const path = resolve(io.cwd, file);
    await mkdir(dirname(path), { recursive: true });
    try {
      await writeFile(path, text, { flag: "wx" });
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
      throw new GreenticError("CLI_TARGET_EXISTS", `Write flow: ${quote(file)} is there already`, { cause: error });
    }
    io.stdout.write(`wrote ${file}\n`);
  },
});
