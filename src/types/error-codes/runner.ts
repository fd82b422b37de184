import type { ErrorTable } from "../error-kind.ts";

/** Codes of the runner layer. */
export const runnerErrors = {} as const satisfies ErrorTable;
