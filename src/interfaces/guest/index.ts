export { decodeUtf8, encodeUtf8 } from "./utf8.ts";
export type { ToolAnswer, ToolDefinition, ToolFailureKind, ToolServer } from "./tool-router.ts";
export { ToolFailure, toolRouter } from "./tool-router.ts";
