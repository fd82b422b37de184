import { NO_GRANTS } from "../component/index.ts";
import type {
  ComponentGrants,
  ComponentHost,
  ComponentLink,
  ComponentResult,
  HostServices,
} from "../component/index.ts";
import type { JsonObject, JsonValue, TenantCtx } from "../types/index.ts";
import { GreenticError, isJsonObject, quote } from "../types/index.ts";
import { withAnswers } from "./elicitation.ts";
import type { BackendCall, BackendResult, ToolBackend, ToolFacts } from "./tool-backend.ts";
import { resultOfContent } from "./tool-backend.ts";
import type { ToolMapEntry } from "./tool-map.ts";

/** A component that a tool map may name, admitted already. */
export interface ToolComponent {
  readonly sha256: string;
  /** The component's name in its pack. */
  readonly name: string;
  readonly grants: ComponentGrants;
  readonly links?: readonly ComponentLink[];
  /** As a call takes them. */
  readonly reuse?: "none" | "tenant";
  readonly pack?: string;
}

/** Where components come from and run. */
export interface ComponentSurroundings {
  readonly host: ComponentHost;
  /** Finds the component that a tool map's entry names; undefined where there is none. */
  readonly componentOf: (name: string) => ToolComponent | undefined;
}

type NamedFacts = ToolFacts & { readonly name: string };

/** Tools that are components. Descriptions are read once per component, by hash. */
export class ComponentTools implements ToolBackend {
  readonly #surroundings: ComponentSurroundings;
  readonly #described = new Map<string, Promise<readonly NamedFacts[]>>();

  constructor(surroundings: ComponentSurroundings) {
    this.#surroundings = surroundings;
  }

  async describe(ctx: TenantCtx, entry: ToolMapEntry, services: HostServices): Promise<ToolFacts> {
    const { sha256 } = this.#componentOf(entry);
    let described = this.#described.get(sha256);
    if (described === undefined) {
      described = this.#read(ctx, entry, services);
      this.#described.set(sha256, described);
      // A failure isn't remembered; who waits for it is told.
      described.catch(() => this.#described.delete(sha256));
    }
    const facts = (await described).find(({ name }) => name === entry.entry);
    if (facts === undefined) {
      const where = `${quote(nameOf(entry))} has no tool ${quote(entry.entry)}`;
      throw new GreenticError("MCP_TOOL_UNKNOWN", `Resolve tool ${quote(entry.name)}: ${where}`);
    }
    return facts;
  }

  async invoke(ctx: TenantCtx, entry: ToolMapEntry, call: BackendCall): Promise<BackendResult> {
    // A component has ended when it asks: who refuses can't tell it so.
    if (call.answers.some(({ action }) => action !== "accept")) return { kind: "ok", result: null, content: [] };
    const input = withAnswers(call.input, call.answers);
    const result = await this.#run(ctx, entry, { ...call, input, operation: entry.entry });
    return result.kind === "error" ? { kind: "error", error: result.error } : readOutput(result.output);
  }

  async #read(ctx: TenantCtx, entry: ToolMapEntry, services: HostServices): Promise<readonly NamedFacts[]> {
    // Without grants, since the answer is kept for every tenant: what one tenant's secrets or state say must not be in it.
    const operation = "list-tools";
    const { timeoutMs } = entry;
    const result = await this.#run(ctx, entry, { input: {}, services, grants: NO_GRANTS, operation, timeoutMs });
    if (result.kind === "ok") return factsOf(result.output);
    throw new GreenticError("MCP_TOOLS_UNREADABLE", `List the tools of ${quote(nameOf(entry))}: ${result.error.code}`);
  }

  #run(
    ctx: TenantCtx,
    entry: ToolMapEntry,
    call: Pick<BackendCall, "input" | "services" | "timeoutMs"> & {
      readonly operation: string;
      readonly grants?: ComponentGrants;
    },
  ): Promise<ComponentResult> {
    const component = this.#componentOf(entry);
    return this.#surroundings.host.invoke(ctx, {
      sha256: component.sha256,
      component: component.name,
      operation: call.operation,
      input: call.input,
      grants: call.grants ?? component.grants,
      services: call.services,
      ...(component.links === undefined ? {} : { links: linksWithin(component.links, call.grants) }),
      ...(component.reuse === undefined ? {} : { reuse: component.reuse }),
      ...(component.pack === undefined ? {} : { pack: component.pack }),
      ...(call.timeoutMs === undefined ? {} : { timeoutMs: call.timeoutMs }),
    });
  }

  #componentOf(entry: ToolMapEntry): ToolComponent {
    const component = this.#surroundings.componentOf(nameOf(entry));
    if (component !== undefined) return component;
    const where = `no component ${quote(nameOf(entry))}`;
    throw new GreenticError("MCP_COMPONENT_UNKNOWN", `Resolve tool ${quote(entry.name)}: ${where}`);
  }
}

function nameOf({ target }: ToolMapEntry): string {
  return target.kind === "component" ? target.component : "";
}

function factsOf(output: JsonValue): readonly NamedFacts[] {
  const tools = isJsonObject(output) ? output["tools"] : undefined;
  if (!Array.isArray(tools)) return [];
  return (tools as readonly JsonValue[]).filter(isJsonObject).map((tool) => {
    const { name, title, description, inputSchema, outputSchema, annotations } = tool;
    const hints: JsonObject = isJsonObject(annotations) ? annotations : {};
    return {
      name: typeof name === "string" ? name : "",
      ...(typeof title === "string" ? { title } : {}),
      description: typeof description === "string" ? description : "",
      inputSchema: inputSchema ?? true,
      ...(outputSchema === undefined ? {} : { outputSchema }),
      readOnly: hints["readOnly"] === true,
      idempotent: hints["readOnly"] === true || hints["idempotent"] === true,
    };
  });
}

/** MCP components answer `{ content, structured }` or `{ elicit }`; what others answer is the result itself. */
function readOutput(output: JsonValue): BackendResult {
  if (!isJsonObject(output)) return { kind: "ok", result: output, content: [] };
  const { elicit, content, structured = null } = output;
  if (isJsonObject(elicit)) {
    const { title, message, schema } = elicit;
    const text = [title, message].filter((part): part is string => typeof part === "string" && part !== "").join("\n");
    return { kind: "elicit", elicitation: { mode: "form", message: text, schema: isJsonObject(schema) ? schema : {} } };
  }
  if (!Array.isArray(content)) return { kind: "ok", result: output, content: [] };
  return { kind: "ok", result: structured ?? resultOfContent(content as readonly JsonValue[]), content };
}

/** A call with other grants than the component's own gives them to what it is linked to, too. */
function linksWithin(links: readonly ComponentLink[], grants: ComponentGrants | undefined): readonly ComponentLink[] {
  return grants === undefined ? links : links.map((link) => ({ ...link, grants }));
}
