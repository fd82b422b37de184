export { checkInput } from "./check-input.ts";
export type { ToolMap, ToolMapEntry } from "./tool-map.ts";
export { parseToolMap, resolveTool } from "./tool-map.ts";
export type { ToolCall, ToolComponent, ToolDescription, ToolResult, ToolSurroundings } from "./tools.ts";
export { Tools } from "./tools.ts";
