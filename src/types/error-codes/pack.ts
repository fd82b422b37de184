import type { ErrorTable } from "../error-kind.ts";

/** Codes of the pack layer. */
export const packErrors = {} as const satisfies ErrorTable;
