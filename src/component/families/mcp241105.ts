import { mcpRouter } from "./mcp-router.ts";

/** `wasix:mcp@24.11.5`: texts, images and resources; a legacy `output` stands for structured content. */
export const mcp241105 = mcpRouter("mcp241105", "wasix:mcp/router@24.11.");
