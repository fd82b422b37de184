import type { ErrorTable } from "../error-kind.ts";

/** Codes of the mcp layer. */
export const mcpErrors = {} as const satisfies ErrorTable;
