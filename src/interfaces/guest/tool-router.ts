/** What a tool gives back: text for people, and data for flows. */
export interface ToolAnswer {
  readonly text: string;
  readonly structured?: unknown;
}

/** One tool of an MCP component. */
export interface ToolDefinition {
  readonly name: string;
  readonly title?: string;
  readonly description: string;
  /** JSON Schema of the input; the host checks it before it calls. */
  readonly inputSchema: object;
  readonly outputSchema?: object;
  /** Whether it changes nothing. */
  readonly readOnly?: boolean;
  call(input: Readonly<Record<string, unknown>>): ToolAnswer;
}

/** An MCP component: its tools under one name. */
export interface ToolServer {
  readonly name: string;
  readonly title?: string;
  readonly instructions?: string;
  readonly tools: readonly ToolDefinition[];
}

/** The kinds of tool error that `wasix:mcp/router` has. */
export type ToolFailureKind = "invalid-parameters" | "execution-error" | "schema-error" | "not-found";

/** Ends a tool's call with an error of a kind that flows can tell apart. */
export class ToolFailure extends Error {
  readonly kind: ToolFailureKind;
  constructor(kind: ToolFailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Makes the export `router` of a component from its tools; resources, prompts and completions are empty. */
export function toolRouter(server: ToolServer): object {
  const refuse = (what: string) => (): never => fail("not-found", `This component has no ${what}`);
  return {
    name: () => server.name,
    title: () => server.title ?? null,
    instructions: () => server.instructions ?? "",
    describeServer: () => ({
      name: server.name,
      title: server.title ?? null,
      capabilities: { prompts: null, resources: null, tools: { listChanged: false }, completions: null },
      resources: null,
      resourceMetadata: null,
      meta: null,
    }),
    listTools: () => server.tools.map(describeTool),
    callTool: (name: string, json: string) => completed(callTool(server, name, json)),
    listResources: () => [],
    readResource: refuse("resources"),
    listPrompts: () => [],
    getPrompt: refuse("prompts"),
    complete: refuse("completions"),
  };
}

function describeTool(tool: ToolDefinition): object {
  return {
    name: tool.name,
    title: tool.title ?? null,
    description: tool.description,
    inputSchema: JSON.stringify(tool.inputSchema),
    outputSchema: tool.outputSchema === undefined ? null : JSON.stringify(tool.outputSchema),
    annotations: { readOnly: tool.readOnly ?? false, destructive: null, streaming: null, experimental: null },
    meta: null,
  };
}

function callTool(server: ToolServer, name: string, json: string): ToolAnswer {
  const tool = server.tools.find((tool) => tool.name === name);
  if (tool === undefined) return fail("not-found", `No tool ${JSON.stringify(name)}`);
  let input: unknown;
  try {
    input = JSON.parse(json);
  } catch {
    return fail("invalid-parameters", "The input is not JSON");
  }
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    return fail("invalid-parameters", "The input is not an object");
  }
  try {
    return tool.call(input as Record<string, unknown>);
  } catch (error) {
    if (error instanceof ToolFailure) return fail(error.kind, error.message);
    return fail("execution-error", error instanceof Error ? error.message : "failed");
  }
}

function completed(answer: ToolAnswer): object {
  return {
    tag: "completed",
    val: {
      content: [{ tag: "text", val: { text: answer.text, annotations: null } }],
      structuredContent: answer.structured === undefined ? null : JSON.stringify(answer.structured),
      progress: null,
      meta: null,
      isError: false,
    },
  };
}

/** The engine turns a thrown `{ tag, val }` into the error side of the export's result. */
function fail(kind: ToolFailureKind, message: string): never {
  // oxlint-disable-next-line typescript/only-throw-error
  throw { tag: kind, val: message };
}
