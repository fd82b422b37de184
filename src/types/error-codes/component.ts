import type { ErrorTable } from "../error-kind.ts";

/** Codes of the component layer. */
export const componentErrors = {} as const satisfies ErrorTable;
