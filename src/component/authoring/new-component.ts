import { mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { GreenticError, quote } from "../../types/index.ts";

/** What a new component starts as. */
export interface NewComponent {
  /** Lower-case letters, digits and hyphens. */
  readonly name: string;
  /** `mcp`: tools for `tool.invoke`; `component`: one `execute` for flows. */
  readonly world: "mcp" | "component";
}

/**
 * Writes the source of a component that builds and answers, into a directory that is new or empty.
 * @returns the paths written, relative to the directory
 * @throws COMPONENT_SOURCE_INVALID, COMPONENT_SOURCE_EXISTS
 */
export async function newComponent(directory: string, component: NewComponent): Promise<readonly string[]> {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(component.name)) {
    const got = quote(component.name);
    throw new GreenticError("COMPONENT_SOURCE_INVALID", `Make a component: expected a name of [a-z0-9-], got ${got}`);
  }
  await mkdir(directory, { recursive: true });
  if ((await readdir(directory)).length > 0) {
    throw new GreenticError("COMPONENT_SOURCE_EXISTS", `Make a component: ${quote(directory)} isn't empty`);
  }
  const files = scaffold(component);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), text);
  }
  return Object.keys(files);
}

function scaffold({ name, world }: NewComponent): Readonly<Record<string, string>> {
  return {
    "component.toml": [
      `name = "${name}"`,
      `world = "${world}"`,
      "",
      "# What the component asks for; each grant becomes an import.",
      "[grants]",
      "http = []",
      "secrets = []",
      'state = "none"',
      "",
    ].join("\n"),
    "src/main.ts": world === "mcp" ? mcpSource(name) : execSource(),
    "tsconfig.json": TSCONFIG,
  };
}

const TSCONFIG = `${JSON.stringify(
  {
    compilerOptions: {
      target: "es2024",
      lib: ["es2024"],
      module: "nodenext",
      types: [],
      strict: true,
      noEmit: true,
      erasableSyntaxOnly: true,
      verbatimModuleSyntax: true,
      allowImportingTsExtensions: true,
      paths: { "@greentic/guest": ["./node_modules/greentic/src/interfaces/guest/index.ts"] },
    },
    include: ["src", "node_modules/greentic/src/interfaces/guest/host.d.ts"],
  },
  null,
  2,
)}\n`;

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

function execSource(): string {
  return `interface Message {
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
}
