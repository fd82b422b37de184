import type { ErrorTable } from "../error-kind.ts";

/** Codes of the mcp layer. */
export const mcpErrors = {
  MCP_TOOLMAP_INVALID: {
    kind: "invalid_input",
    help: "Write the tool map as { tools: [{ name, component, entry, timeout_ms, max_retries, retry_backoff_ms }] }, in JSON or TOML.",
  },
  MCP_TOOL_UNKNOWN: { kind: "not_found", help: "Name a tool of the tool map; `gtc mcp list-tools` shows them." },
  MCP_COMPONENT_UNKNOWN: {
    kind: "not_found",
    help: "Name a component of the pack, or the path of a .wasm file, in the tool map.",
  },
  MCP_TOOLS_UNREADABLE: {
    kind: "unavailable",
    help: "The component didn't list its tools; try `gtc component inspect` and `gtc component test` on it.",
  },
  MCP_INPUT_INVALID: {
    kind: "invalid_input",
    help: "Give the tool the input that its schema asks for; the message names the first place that differs.",
  },
  MCP_SCHEMA_INVALID: {
    kind: "internal",
    help: "The tool's input schema can't be used; report it to the component's publisher.",
  },
} as const satisfies ErrorTable;
