import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { WIT_DIRECTORY } from "../../interfaces/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import type { ComponentLanguage } from "./component-source.ts";

/** What a new component starts as. */
export interface NewComponent {
  /** Lower-case letters, digits and hyphens. */
  readonly name: string;
  /** Default typescript. */
  readonly template?: ComponentLanguage;
  /**
   * Of TypeScript: `node`, the default: operations that describe themselves; `mcp`: tools in the form of the Model Context
   * Protocol; `component`: one bare `execute`.
   */
  readonly world?: "node" | "mcp" | "component";
}

/** Holds the files that new components start with, one folder for each language; `NAME` in them is the component's name. */
const TEMPLATES = resolve(import.meta.dirname, "../../../templates/component");

/**
 * Writes the source of a component that builds, passes its own test cases and answers, into a directory that is new or empty.
 * @returns the paths written, relative to the directory
 * @throws COMPONENT_SOURCE_INVALID, COMPONENT_SOURCE_EXISTS
 */
export async function newComponent(directory: string, component: NewComponent): Promise<readonly string[]> {
  const { name, template = "typescript", world = "node" } = component;
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) {
    const got = quote(name);
    throw new GreenticError("COMPONENT_SOURCE_INVALID", `Make a component: expected a name of [a-z0-9-], got ${got}`);
  }
  await mkdir(directory, { recursive: true });
  if ((await readdir(directory)).length > 0) {
    throw new GreenticError("COMPONENT_SOURCE_EXISTS", `Make a component: ${quote(directory)} isn't empty`);
  }
  const files = new Map(await templateFiles(template, name));
  if (template === "typescript" && world !== "node")
    for (const [path, text] of variant(name, world)) files.set(path, text);
  for (const [path, text] of files) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text, { flag: "wx" });
  }
  if (template === "typescript") return [...files.keys()];
  await mkdir(join(directory, "wit"));
  await cp(join(WIT_DIRECTORY, "greentic-component.wit"), join(directory, "wit/world.wit"));
  return [...files.keys(), "wit/world.wit"];
}

async function templateFiles(
  template: ComponentLanguage,
  name: string,
): Promise<readonly (readonly [string, string])[]> {
  const root = join(TEMPLATES, template);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  return Promise.all(
    paths.sort().map(async (path) => {
      const text = await readFile(join(root, path), "utf8");
      // Git would obey a template's own .gitignore.
      return [path === "gitignore" ? ".gitignore" : path, text.replaceAll("NAME", name)] as const;
    }),
  );
}

/** What differs from the template where a component exports something else than a node. */
function variant(name: string, world: "mcp" | "component"): readonly (readonly [string, string])[] {
  const manifest = `name = "${name}"\nworld = "${world}"\n\n# What the component asks for; each grant becomes an import.\n[grants]\nhttp = []\nsecrets = []\nstate = "none"\n`;
  const isMcp = world === "mcp";
  const [input, output] = isMcp
    ? [{ name: "Ada" }, { structured: { greeting: "Hello, Ada!" } }]
    : ["hello", { text: "HELLO" }];
  const greet = { operation: isMcp ? "greet" : "execute", input, output };
  const nobody = isMcp
    ? { operation: "greet", input: {}, error: {} }
    : { operation: "execute", input: "", output: { text: "" } };
  return [
    ["component.toml", manifest],
    ["src/main.ts", isMcp ? mcpSource(name) : EXEC_SOURCE],
    ["tests/greet.json", `${JSON.stringify(greet, null, 2)}\n`],
    ["tests/no-name.json", `${JSON.stringify(nobody, null, 2)}\n`],
  ];
}

function mcpSource(name: string): string {
  return `import { ToolFailure, toolRouter } from "@greentic/guest";

export const router = toolRouter({
  name: "${name}",
  tools: [
    {
      name: "greet",
      description: "Greets a person by name.",
      inputSchema: {
        type: "object",
        properties: { name: { type: "string", minLength: 1 } },
        required: ["name"],
        additionalProperties: false,
      },
      readOnly: true,
      call: ({ name }) => {
        if (typeof name !== "string") throw new ToolFailure("invalid-parameters", "name is no text");
        const greeting = \`Hello, \${name}!\`;
        return { text: greeting, structured: { greeting } };
      },
    },
  ],
});
`;
}

const EXEC_SOURCE = `interface Message {
  id: string;
  /** Text, or JSON where the flow gives more than text. */
  content: string;
  sender: string;
  timestamp: number;
}

interface Outcome {
  success: boolean;
  data: string | null;
  error: string | null;
}

export function execute(input: Message): Outcome {
  return { success: true, data: JSON.stringify({ text: input.content.toUpperCase() }), error: null };
}
`;
