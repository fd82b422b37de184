import { resolve } from "node:path";
import { newComponent } from "../../component/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { defineCommand, textOption } from "../command.ts";

const TEMPLATES = ["typescript", "rust", "c", "assemblyscript"] as const;
const WORLDS = ["node", "mcp", "component"] as const;

export default defineCommand({
  summary: "Scaffold a component",
  arguments: [{ name: "name", summary: "the component's name, and its directory" }],
  options: [
    { flags: "--template <template>", summary: "typescript, rust, c or assemblyscript", default: "typescript" },
    {
      flags: "--world <world>",
      summary: "of TypeScript: node (described operations), mcp (tools) or component (one execute)",
      default: "node",
    },
    { flags: "--dir <dir>", summary: "another directory" },
  ],
  examples: ["gtc component new greeter", "gtc component new filter --template c"],
  async run(input, io) {
    const name = input.args[0] ?? "";
    const template = oneOf("--template", textOption(input, "template"), TEMPLATES);
    const world = oneOf("--world", textOption(input, "world"), WORLDS);
    const dir = textOption(input, "dir") ?? name;
    const files = await newComponent(resolve(io.cwd, dir), { name, template, world });
    for (const file of files) io.stdout.write(`wrote ${dir}/${file}\n`);
    io.stdout.write(`next: gtc component test ${dir}\n`);
  },
});

function oneOf<T extends string>(flag: string, value: string | undefined, known: readonly T[]): T {
  const found = known.find((one) => one === value);
  if (found !== undefined) return found;
  const got = quote(value ?? "");
  throw new GreenticError("CLI_USAGE_INVALID", `Make a component: expected ${flag} ${known.join(", ")}, got ${got}`);
}
