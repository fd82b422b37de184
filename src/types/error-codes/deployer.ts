import type { ErrorTable } from "../error-kind.ts";

/** Codes of the deployer layer. */
export const deployerErrors = {} as const satisfies ErrorTable;
