import { basename, join, resolve } from "node:path";
import { newComponent } from "../../component/index.ts";
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
    const pack = await writeNewPack(dir, { name: basename(dir), template });
    const source = template === "component" ? await newComponent(join(dir, "source"), { name: basename(dir) }) : [];
    for (const file of [...pack, ...source.map((path) => `source/${path}`)]) io.stdout.write(`wrote ${name}/${file}\n`);
    const build = `gtc component build ${name}/source --out ${name}/components/${basename(dir)}.wasm`;
    io.stdout.write(`next: ${template === "component" ? build : `gtc dev ${name}`}\n`);
  },
});
