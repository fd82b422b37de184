import type { ErrorTable } from "../error-kind.ts";

/** Codes of the messaging layer. */
export const messagingErrors = {} as const satisfies ErrorTable;
