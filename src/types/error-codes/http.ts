import type { ErrorTable } from "../error-kind.ts";

/** Codes of the http layer. */
export const httpErrors = {} as const satisfies ErrorTable;
