import type { ErrorTable } from "../error-kind.ts";

/** Codes of the config layer. */
export const configErrors = {} as const satisfies ErrorTable;
