import { basename, join, resolve } from "node:path";
import { newComponent, newProviderComponents } from "../../component/index.ts";
import { writeNewPack } from "../../pack/index.ts";
import { GreenticError, PROVIDER_ROLES } from "../../types/index.ts";
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
    const sources = await writeSources(template, join(dir, "source"), basename(dir));
    for (const file of [...pack, ...sources.map((path) => `source/${path}`)])
      io.stdout.write(`wrote ${name}/${file}\n`);
    const build = (from: string, component: string): string =>
      `next: gtc component build ${name}/${from} --out ${name}/components/${component}.wasm\n`;
    if (template === "app") io.stdout.write(`next: gtc dev ${name}\n`);
    else if (template === "component") io.stdout.write(build("source", basename(dir)));
    else for (const role of PROVIDER_ROLES) io.stdout.write(build(`source/${role}`, role));
  },
});

/** The sources of a new pack's components. */
async function writeSources(
  template: "app" | "provider" | "component",
  directory: string,
  name: string,
): Promise<readonly string[]> {
  if (template === "component") return newComponent(directory, { name });
  return template === "provider" ? newProviderComponents(directory, { name }) : [];
}
