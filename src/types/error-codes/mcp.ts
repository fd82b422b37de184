import type { ErrorTable } from "../error-kind.ts";

/** Codes of the mcp layer. */
export const mcpErrors = {
  MCP_TOOLMAP_INVALID: {
    kind: "invalid_input",
    help: "Write the tool map as { tools: [{ name, component | server | http, entry, timeout_ms, max_retries, retry_backoff_ms }], servers: { name: { url, auth } } }, in JSON or TOML.",
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
  MCP_SERVER_UNKNOWN: {
    kind: "not_found",
    help: "Declare the server in the tool map's `servers`, or in greentic.toml as `mcp.servers.<name>`; processes only there.",
  },
  MCP_SERVER_DENIED: {
    kind: "permission_denied",
    help: "The operator lends the server to other tenants; add this one to `tenants` of `mcp.servers.<name>` in greentic.toml.",
  },
  MCP_SERVER_UNAVAILABLE: {
    kind: "unavailable",
    help: "The server didn't start, can't be reached or broke off; it is tried again later. A process says why in the log at debug.",
  },
  MCP_SERVER_UNAUTHORIZED: {
    kind: "unauthenticated",
    help: "The server refuses the credentials; check the secret and the scope that the server's `auth` names.",
  },
  MCP_CONSENT_MISSING: {
    kind: "unauthenticated",
    help: "A person has to consent once: gtc mcp login SERVER, with --toolmap where the tool map declares it.",
  },
  MCP_SECRET_MISSING: {
    kind: "not_found",
    help: "Set the secret for the tenant: gtc secrets set NAME --category PACK --tenant TENANT; of the operator's servers the category is mcp.servers.",
  },
  MCP_CALL_TIMEOUT: {
    kind: "timeout",
    help: "The tool was silent for longer than timeout_ms; raise it or max_timeout_ms in the tool map, and the node's own timeout.",
  },
  MCP_CALL_LOST: {
    kind: "unavailable",
    help: "The connection broke during the call, so that nobody knows whether the tool did its work; see to it before you repeat it.",
  },
  MCP_CALL_REFUSED: {
    kind: "invalid_input",
    help: "The server takes the call for malformed or unknown; compare the input with the tool's schema.",
  },
  MCP_ANSWER_INVALID: {
    kind: "internal",
    help: "The server's answer breaks the protocol or its own output schema; report it to the server's publisher.",
  },
  MCP_ENDPOINT_FAILED: {
    kind: "unknown",
    help: "The HTTP tool's endpoint answered with an error; the status is in the details.",
  },
  MCP_OUTPUT_INVALID: {
    kind: "internal",
    help: "The flow ended with something else than its offer's `output` schema promises; correct one of them.",
  },
  MCP_SESSION_INVALID: {
    kind: "not_found",
    help: "Use the session that a waiting result gave, within 30 days; else call the tool anew.",
  },
  MCP_TOKEN_MISSING: {
    kind: "invalid_input",
    help: "Set the token that callers bring: gtc secrets set mcp_token --category mcp --tenant TENANT; or listen on 127.0.0.1.",
  },
  MCP_ADDRESS_UNAVAILABLE: {
    kind: "unavailable",
    help: "Another program listens there, or this machine has no such address; choose another --port or --host.",
  },
  MCP_SCHEMA_INVALID: {
    kind: "internal",
    help: "The tool's input schema can't be used; report it to the component's publisher.",
  },
} as const satisfies ErrorTable;
