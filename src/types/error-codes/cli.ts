import type { ErrorTable } from "../error-kind.ts";

/** Codes of the cli layer. */
export const cliErrors = {} as const satisfies ErrorTable;
