import { GreenticError, quote } from "../../types/index.ts";
import type { Kind } from "./kind.ts";
import { fields, text } from "./kind.ts";

/** `tool.invoke`: calls a tool of the pack's tool map. */
export const toolInvoke: Kind = {
  name: "tool.invoke",
  summary: "Calls a tool of the tool map: an MCP component, an MCP server or HTTP.",
  effect: "effectful",
  statuses: ["ok", "error"],
  rerunsOnMessage: true,
  input: {
    type: "object",
    properties: { tool: { type: "string" }, input: { description: "The tool's arguments" } },
    required: ["tool"],
    additionalProperties: false,
  },
  output: {
    type: "object",
    properties: {
      result: { description: "The tool's structured result, or its text" },
      content: { type: "array", description: "The tool's content blocks" },
    },
    required: ["result"],
  },
  async run(input, call) {
    const given = fields(input);
    const tool = text(given["tool"]) ?? "";
    if (call.effect === undefined) throw new TypeError("Invoke tool: outside of an attempt");
    if (call.pack.tools === undefined) {
      throw new GreenticError("RUNNER_TOOL_MISSING", `Invoke tool ${quote(tool)}: the pack has no tool map`);
    }
    call.noteCall({ target: tool });
    const result = await call.pack.tools.call(call.effect, {
      tool,
      input: given["input"] ?? {},
      // A node that retries by itself leaves nothing to the tool map.
      retries: call.node.compiled.ir.retry === undefined ? undefined : 0,
    });
    call.noteCall({ target: tool, stats: result.stats });
    if (result.error !== undefined) return { kind: "error", error: result.error };
    const { result: value = null, content = [] } = result;
    return { kind: "ok", status: "ok", output: { result: value, content } };
  },
};
