import { MCP_ROUTER } from "../../interfaces/index.ts";
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { ComponentErr } from "../linker/index.ts";
import type { Family, FamilyAnswer } from "./family.ts";
import { guestJson, plainText } from "./guest-text.ts";

interface Tagged {
  readonly tag: string;
  readonly val: unknown;
}

interface WitToolResult {
  readonly content: readonly Tagged[];
  readonly structuredContent: string | undefined;
  readonly isError: boolean | undefined;
}

interface WitElicitation {
  readonly title: string | undefined;
  readonly message: string;
  readonly schema: string;
}

interface WitTool {
  readonly name: string;
  readonly title: string | undefined;
  readonly description: string;
  readonly inputSchema: string;
  readonly outputSchema: string | undefined;
  readonly annotations: JsonObject | undefined;
}

/**
 * MCP components. The operation `list-tools` gives `{ tools }`; any other is the name of a tool and gives
 * `{ content, structured }`, or `{ elicit }` where the tool asks for more.
 */
export const mcp250618: Family = {
  abi: "mcp250618",
  probe: (exports) => exports.some((item) => item.interface === MCP_ROUTER && item.name === "call-tool"),
  async call(instance, { operation, input }) {
    if (operation === "list-tools") {
      const tools = (await instance.call({ interface: MCP_ROUTER, name: "list-tools" }, [])) as readonly WitTool[];
      return { kind: "ok", output: { tools: tools.map(toolOf) } };
    }
    try {
      const args = [operation, JSON.stringify(input)];
      return answerOf((await instance.call({ interface: MCP_ROUTER, name: "call-tool" }, args)) as Tagged);
    } catch (error) {
      if (error instanceof ComponentErr) return toolError(error.value as Tagged);
      throw error;
    }
  },
  async describe(instance) {
    const tools = (await instance.call({ interface: MCP_ROUTER, name: "list-tools" }, [])) as readonly WitTool[];
    return {
      operations: tools.map((tool) => ({
        name: tool.name,
        summary: plainText(tool.description),
        inputSchema: guestJson(tool.inputSchema),
        ...(tool.outputSchema === undefined ? {} : { outputSchema: guestJson(tool.outputSchema) }),
      })),
      i18nKeys: [],
    };
  },
};

function toolOf(tool: WitTool): JsonObject {
  return {
    name: plainText(tool.name),
    ...(tool.title === undefined ? {} : { title: plainText(tool.title) }),
    description: plainText(tool.description),
    inputSchema: guestJson(tool.inputSchema),
    ...(tool.outputSchema === undefined ? {} : { outputSchema: guestJson(tool.outputSchema) }),
    ...(tool.annotations === undefined ? {} : { annotations: present(tool.annotations) }),
  };
}

function answerOf(response: Tagged): FamilyAnswer {
  if (response.tag === "elicit") {
    const { title, message, schema } = response.val as WitElicitation;
    return { kind: "ok", output: { elicit: present({ title, message, schema: guestJson(schema) }) } };
  }
  const { content, structuredContent, isError } = response.val as WitToolResult;
  const structured = structuredContent === undefined ? null : guestJson(structuredContent);
  const output = { content: content.map(contentOf), structured };
  if (isError !== true) return { kind: "ok", output };
  const text = content.find(({ tag }) => tag === "text")?.val as { readonly text: string } | undefined;
  const message = plainText(text?.text ?? "") || "The tool reported a failure";
  return { kind: "error", error: { code: "execution-error", message, retryable: false, details: output } };
}

/** Keeps the tool's own code; only a failed execution may go better the next time. */
function toolError({ tag, val }: Tagged): FamilyAnswer {
  const message = plainText(String(val)) || "The tool reported a failure";
  return { kind: "error", error: { code: tag, message, retryable: tag === "execution-error" } };
}

/** As MCP writes content: `{ type, … }` with the fields that are there. */
function contentOf({ tag, val }: Tagged): JsonObject {
  return { type: tag.replaceAll("-", "_"), ...present(val as JsonObject) };
}

function present(record: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(record).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined),
  );
}
