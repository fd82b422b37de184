import { mcpRouter } from "./mcp-router.ts";

/** `wasix:mcp@25.3.26`: annotations and progress, no structured content. */
export const mcp250326 = mcpRouter("mcp250326", "wasix:mcp/router@25.3.");
