import { basename, resolve } from "node:path";
import { writeNewPack } from "../../pack/index.ts";
import { GreenticError } from "../../types/index.ts";
import { defineCommand, textOption } from "../command.ts";

export default defineCommand({
  summary: "Scaffold a pack that builds, passes its own check and runs",
  arguments: [{ name: "name", summary: "the pack's name, and its directory" }],
  options: [{ flags: "--template <template>", summary: "app, provider or component", default: "app" }],
  examples: ["gtc new my-feature", "gtc new llm-openai --template component"],
  async run(input, io) {
    const name = input.args[0] ?? "";
    const template = textOption(input, "template");
    if (template !== "app" && template !== "provider" && template !== "component")
      throw new GreenticError("CLI_USAGE_INVALID", "Make a pack: expected --template app, provider or component");
    const dir = resolve(io.cwd, name);
    const files = await writeNewPack(dir, { name: basename(dir), template });
    for (const file of files) io.stdout.write(`wrote ${name}/${file}\n`);
    io.stdout.write(`next: gtc pack build ${name}\n`);
  },
});
