import type { ErrorTable } from "../error-kind.ts";

/** Codes of the secrets layer. */
export const secretsErrors = {} as const satisfies ErrorTable;
