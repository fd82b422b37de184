import { mcpRouter } from "./mcp-router.ts";

/** `wasix:mcp@25.6.18`: structured content, elicitation, links to resources. */
export const mcp250618 = mcpRouter("mcp250618", "wasix:mcp/router@25.6.");
