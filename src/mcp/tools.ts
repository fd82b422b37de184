import { NO_GRANTS } from "../component/index.ts";
import type { ComponentGrants, ComponentHost, ComponentResult, HostServices } from "../component/index.ts";
import type { JsonValue, OutcomeError, TenantCtx } from "../types/index.ts";
import { GreenticError, isJsonObject, quote } from "../types/index.ts";
import { checkInput } from "./check-input.ts";
import type { ToolMap, ToolMapEntry } from "./tool-map.ts";
import { resolveTool } from "./tool-map.ts";

/** A component that a tool map may name, admitted already. */
export interface ToolComponent {
  readonly sha256: string;
  /** The component's name in its pack. */
  readonly name: string;
  readonly grants: ComponentGrants;
}

/** What tools need of their surroundings. */
export interface ToolSurroundings {
  readonly host: ComponentHost;
  /** Finds the component that a tool map's entry names; undefined where there is none. */
  readonly componentOf: (name: string) => ToolComponent | undefined;
}

/** One call of a tool. */
export interface ToolCall {
  readonly tool: string;
  readonly input: JsonValue;
  readonly services: HostServices;
  /** Default: the tool map's, else the host's. */
  readonly timeoutMs?: number;
  /** Where set, it overrides the tool map's; a flow that retries by itself sets 0. */
  readonly maxRetries?: number;
}

/** A tool as its component describes it, under the name that the tool map gives it. */
export interface ToolDescription {
  readonly name: string;
  readonly component: string;
  readonly entry: string;
  readonly title?: string;
  readonly description: string;
  readonly inputSchema: JsonValue;
  readonly outputSchema?: JsonValue;
  readonly readOnly: boolean;
}

/** How a tool's call ended. */
export type ToolResult =
  | { readonly kind: "ok"; readonly result: JsonValue; readonly content: JsonValue; readonly attempts: number }
  | { readonly kind: "error"; readonly error: OutcomeError; readonly attempts: number };

/** The tools of one tool map over one component host. Descriptions are read once per component, by hash. */
export class Tools {
  readonly #map: ToolMap;
  readonly #surroundings: ToolSurroundings;
  readonly #described = new Map<string, Promise<readonly ComponentTool[]>>();

  constructor(map: ToolMap, surroundings: ToolSurroundings) {
    this.#map = map;
    this.#surroundings = surroundings;
  }

  /** Lists the tool map's tools with their schemas. @throws MCP_COMPONENT_UNKNOWN, MCP_TOOL_UNKNOWN */
  async list(ctx: TenantCtx, services: HostServices): Promise<readonly ToolDescription[]> {
    const list: ToolDescription[] = [];
    for (const entry of this.#map.tools.values()) {
      const tool = await this.#describe(ctx, entry, services);
      list.push({ ...tool, name: entry.name, component: entry.component, entry: entry.entry });
    }
    return list;
  }

  /**
   * Checks the input against the tool's schema and calls it, again where the tool map allows it and the failure may go away.
   * Whatever fails behind the check is a result.
   * @throws MCP_TOOL_UNKNOWN, MCP_COMPONENT_UNKNOWN, MCP_INPUT_INVALID, MCP_SCHEMA_INVALID
   */
  async call(ctx: TenantCtx, call: ToolCall): Promise<ToolResult> {
    const entry = resolveTool(this.#map, call.tool);
    const { inputSchema } = await this.#describe(ctx, entry, call.services);
    checkInput(call.tool, inputSchema, call.input);
    const maxRetries = call.maxRetries ?? entry.maxRetries;
    for (let attempts = 1; ; attempts++) {
      const result = await this.#invoke(ctx, entry, call, entry.entry);
      if (result.kind === "ok") return { ...outputOf(result.output), attempts };
      if (!result.error.retryable || attempts > maxRetries) return { kind: "error", error: result.error, attempts };
      await delay(Math.max(entry.retryBackoffMs * 2 ** (attempts - 1), result.error.backoffMs ?? 0));
    }
  }

  async #describe(ctx: TenantCtx, entry: ToolMapEntry, services: HostServices): Promise<ComponentTool> {
    const { sha256 } = this.#componentOf(entry);
    let described = this.#described.get(sha256);
    if (described === undefined) {
      described = this.#read(ctx, entry, services);
      this.#described.set(sha256, described);
      // A failure isn't remembered; who waits for it is told.
      described.catch(() => this.#described.delete(sha256));
    }
    const tool = (await described).find(({ name }) => name === entry.entry);
    if (tool === undefined) {
      const where = `${quote(entry.component)} has no tool ${quote(entry.entry)}`;
      throw new GreenticError("MCP_TOOL_UNKNOWN", `Resolve tool ${quote(entry.name)}: ${where}`);
    }
    return tool;
  }

  async #read(ctx: TenantCtx, entry: ToolMapEntry, services: HostServices): Promise<readonly ComponentTool[]> {
    // Without grants, since the answer is kept for every tenant: what one tenant's secrets or state say must not be in it.
    const result = await this.#invoke(ctx, entry, { input: {}, services, grants: NO_GRANTS }, "list-tools");
    if (result.kind === "ok") return toolsOf(result.output);
    throw new GreenticError(
      "MCP_TOOLS_UNREADABLE",
      `List the tools of ${quote(entry.component)}: ${result.error.code}`,
    );
  }

  #invoke(
    ctx: TenantCtx,
    entry: ToolMapEntry,
    call: Pick<ToolCall, "input" | "services" | "timeoutMs"> & { readonly grants?: ComponentGrants },
    operation: string,
  ): Promise<ComponentResult> {
    const component = this.#componentOf(entry);
    const timeoutMs = call.timeoutMs ?? entry.timeoutMs;
    return this.#surroundings.host.invoke(ctx, {
      sha256: component.sha256,
      component: component.name,
      operation,
      input: call.input,
      grants: call.grants ?? component.grants,
      services: call.services,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
  }

  #componentOf(entry: ToolMapEntry): ToolComponent {
    const component = this.#surroundings.componentOf(entry.component);
    if (component !== undefined) return component;
    const where = `no component ${quote(entry.component)}`;
    throw new GreenticError("MCP_COMPONENT_UNKNOWN", `Resolve tool ${quote(entry.name)}: ${where}`);
  }
}

type ComponentTool = Omit<ToolDescription, "component" | "entry">;

function toolsOf(output: JsonValue): readonly ComponentTool[] {
  const tools = isJsonObject(output) ? output["tools"] : undefined;
  if (!Array.isArray(tools)) return [];
  return (tools as readonly JsonValue[]).filter(isJsonObject).map((tool) => {
    const { name, title, description, inputSchema, outputSchema, annotations } = tool;
    return {
      name: typeof name === "string" ? name : "",
      ...(typeof title === "string" ? { title } : {}),
      description: typeof description === "string" ? description : "",
      inputSchema: inputSchema ?? true,
      ...(outputSchema === undefined ? {} : { outputSchema }),
      readOnly: isJsonObject(annotations) && annotations["readOnly"] === true,
    };
  });
}

/** MCP components answer `{ content, structured }`; what others answer is the result itself. */
function outputOf(output: JsonValue): { readonly kind: "ok"; readonly result: JsonValue; readonly content: JsonValue } {
  if (!isJsonObject(output) || !("content" in output)) return { kind: "ok", result: output, content: [] };
  const { content = [], structured = null } = output;
  return { kind: "ok", result: structured ?? content, content };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
