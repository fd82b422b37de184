import type { JsonObject, JsonValue } from "../../types/index.ts";
import type { Kind, NodeCall } from "./kind.ts";
import { fields, text } from "./kind.ts";
import { toolInvoke } from "./tool-invoke.ts";

/** `mcp`: the public word for a call of an MCP server's tool; the pack's tool map says which server that is. */
export const mcp: Kind = {
  ...toolInvoke,
  name: "mcp",
  summary: "Calls a tool of the tool map by its server and name, as public flows do.",
  yieldsToComponents: true,
  input: {
    type: "object",
    properties: {
      server: { type: "string" },
      tool: { type: "string" },
      arguments: { description: "The tool's arguments" },
      output: {
        type: "string",
        description: "Member of the output that gets the result; default the output is the result",
      },
    },
    required: ["tool"],
    additionalProperties: false,
  },
  output: { description: "The tool's result, in the member that `output` names" },
  run(input, call) {
    const given = fields(input);
    const tool = nameOf(call, { of: given["server"], tool: given["tool"] });
    return callTool({ tool, input: given["arguments"] ?? {} }, { call, member: text(given["output"]) });
  },
};

/** `mcp.exec`: the older word for it. */
export const mcpExec: Kind = {
  ...mcp,
  name: "mcp.exec",
  input: {
    type: "object",
    properties: { component: { type: "string" }, action: { type: "string" }, args: {} },
    required: ["component", "action"],
    additionalProperties: false,
  },
  output: { description: "The tool's result" },
  run(input, call) {
    const given = fields(input);
    const tool = nameOf(call, { of: given["component"], tool: given["action"] });
    return callTool({ tool, input: given["args"] ?? {} }, { call, member: undefined });
  },
};

/** The tool map's name of a server's tool: `server.tool`, `server/tool`, or the tool's alone. */
function nameOf(
  call: NodeCall,
  given: { readonly of: JsonValue | undefined; readonly tool: JsonValue | undefined },
): string {
  const tool = text(given.tool) ?? "";
  const owner = text(given.of);
  if (owner === undefined) return tool;
  const known = call.pack.tools?.names ?? [];
  return [`${owner}.${tool}`, `${owner}/${tool}`, tool].find((name) => known.includes(name)) ?? `${owner}.${tool}`;
}

async function callTool(
  input: JsonObject,
  to: { readonly call: NodeCall; readonly member: string | undefined },
): Promise<Awaited<ReturnType<Kind["run"]>>> {
  const result = await toolInvoke.run(input, to.call);
  if (result.kind !== "ok") return result;
  const value = fields(result.output)["result"] ?? null;
  return { ...result, output: to.member === undefined ? value : { [to.member]: value } };
}
