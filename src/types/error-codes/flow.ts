import type { ErrorTable } from "../error-kind.ts";

/** Codes of the flow layer. */
export const flowErrors = {} as const satisfies ErrorTable;
