import type { JsonObject, JsonValue } from "../../types/index.ts";
import type { ComponentAbi, ComponentDescription } from "../host.ts";
import type { ComponentInstance, ExportRef } from "../linker/index.ts";
import { ComponentErr } from "../linker/index.ts";
import type { BoundFamily, Family, FamilyAnswer, FamilyCall } from "./family.ts";
import { guestJson, guestValue, plainText } from "./guest-text.ts";
import { operationUnknown } from "./operation-unknown.ts";

interface Tagged {
  readonly tag: string;
  readonly val: unknown;
}

/** JSON as a text, or the record around it that the older revisions have. */
type Json = string | { readonly json: string };

/** What a tool gives in any revision; each has some of the fields. */
interface WitToolResult {
  readonly content: readonly Tagged[];
  readonly structuredContent?: string | undefined;
  readonly output?: string | undefined;
  readonly progress?: readonly JsonObject[] | undefined;
  readonly isError: boolean | undefined;
}

interface WitElicitation {
  readonly title: string | undefined;
  readonly message: string;
  readonly schema: string;
}

interface WitTool {
  readonly name: string;
  readonly title?: string | undefined;
  readonly description: string;
  readonly inputSchema: Json;
  readonly outputSchema: Json | undefined;
  readonly annotations?: JsonObject | undefined;
}

/**
 * MCP components of one revision. The operation `list-tools` gives `{ tools }`; any other is the name of a tool and gives
 * `{ content, structured }`, or `{ elicit }` where the tool asks for more.
 */
export function mcpRouter(abi: ComponentAbi, prefix: string): Family {
  return {
    abi,
    bind(exports) {
      const callTool = exports.find(prefix, "call-tool");
      if (callTool === undefined) return undefined;
      return new McpRouter(abi, { callTool, listTools: exports.find(prefix, "list-tools") });
    },
  };
}

interface RouterRefs {
  readonly callTool: ExportRef;
  readonly listTools: ExportRef | undefined;
}

class McpRouter implements BoundFamily {
  readonly abi: ComponentAbi;
  readonly operations: readonly string[];
  readonly isOpen = true;
  readonly #refs: RouterRefs;

  constructor(abi: ComponentAbi, refs: RouterRefs) {
    this.abi = abi;
    this.operations = refs.listTools === undefined ? [] : ["list-tools"];
    this.#refs = refs;
  }

  async call(instance: ComponentInstance, { operation, input }: FamilyCall): Promise<FamilyAnswer> {
    if (operation === "list-tools") {
      return { kind: "ok", output: { tools: (await this.#tools(instance)).map(toolOf) } };
    }
    try {
      const { callTool } = this.#refs;
      const json = JSON.stringify(input);
      const args = [operation, callTool.type.params[1]?.type.kind === "record" ? { json } : json];
      return answerOf(await instance.call(callTool, args));
    } catch (error) {
      if (!(error instanceof ComponentErr)) throw error;
      return await this.#toolError(instance, operation, error.value as Tagged);
    }
  }

  async describe(instance: ComponentInstance): Promise<ComponentDescription> {
    const tools = await this.#tools(instance);
    return {
      operations: tools.map((tool) => ({
        name: tool.name,
        summary: plainText(tool.description),
        inputSchema: schemaOf(tool.inputSchema),
        ...(tool.outputSchema === undefined ? {} : { outputSchema: schemaOf(tool.outputSchema) }),
      })),
      i18nKeys: [],
    };
  }

  async #tools(instance: ComponentInstance): Promise<readonly WitTool[]> {
    const { listTools } = this.#refs;
    return listTools === undefined ? [] : ((await instance.call(listTools, [])) as readonly WitTool[]);
  }

  /** Keeps the tool's own code; only a failed execution may go better the next time. */
  async #toolError(instance: ComponentInstance, operation: string, { tag, val }: Tagged): Promise<FamilyAnswer> {
    if (tag === "not-found") {
      const names = (await this.#tools(instance)).map(({ name }) => name);
      if (names.length > 0 && !names.includes(operation)) throw operationUnknown(operation, names);
    }
    const message = plainText(String(val)) || "The tool reported a failure";
    return { kind: "error", error: { code: tag, message, retryable: tag === "execution-error" } };
  }
}

function schemaOf(json: Json): JsonValue {
  return guestJson(typeof json === "string" ? json : json.json);
}

function toolOf(tool: WitTool): JsonObject {
  return {
    name: plainText(tool.name),
    ...(tool.title === undefined ? {} : { title: plainText(tool.title) }),
    description: plainText(tool.description),
    inputSchema: schemaOf(tool.inputSchema),
    ...(tool.outputSchema === undefined ? {} : { outputSchema: schemaOf(tool.outputSchema) }),
    ...(tool.annotations === undefined ? {} : { annotations: present(tool.annotations) }),
  };
}

/** Newer revisions answer with a response that may be an elicitation, older ones with the result itself. */
function answerOf(answer: unknown): FamilyAnswer {
  const response = isTagged(answer) ? answer : { tag: "completed", val: answer };
  if (response.tag === "elicit") {
    const { title, message, schema } = response.val as WitElicitation;
    return { kind: "ok", output: { elicit: present({ title, message, schema: guestJson(schema) }) } };
  }
  const { content, structuredContent, output: legacy, progress, isError } = response.val as WitToolResult;
  const structured =
    structuredContent !== undefined ? guestJson(structuredContent) : legacy === undefined ? null : guestValue(legacy);
  const output = {
    content: content.map(contentOf),
    structured,
    ...(progress === undefined ? {} : { progress: progress.map(present) }),
  };
  if (isError !== true) return { kind: "ok", output };
  const text = content.find(({ tag }) => tag === "text")?.val as { readonly text: string } | undefined;
  const message = plainText(text?.text ?? "") || "The tool reported a failure";
  return { kind: "error", error: { code: "execution-error", message, retryable: false, details: output } };
}

function isTagged(value: unknown): value is Tagged {
  return typeof value === "object" && value !== null && "tag" in value;
}

/** As MCP writes content: `{ type, … }` with the fields that are there. */
function contentOf({ tag, val }: Tagged): JsonObject {
  if (tag !== "embedded") return { type: tag.replaceAll("-", "_"), ...present(val as JsonObject) };
  const { resourceContents } = val as { readonly resourceContents: { readonly val: JsonObject } };
  return { type: "resource", resource: present(resourceContents.val) };
}

function present(record: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(record)
      .filter((entry): entry is [string, JsonValue] => entry[1] !== undefined)
      .map(([name, value]) => [name, isPlain(value) ? present(value) : value]),
  );
}

function isPlain(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
