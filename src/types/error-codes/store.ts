import type { ErrorTable } from "../error-kind.ts";

/** Codes of the store layer. */
export const storeErrors = {} as const satisfies ErrorTable;
