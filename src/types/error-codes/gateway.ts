import type { ErrorTable } from "../error-kind.ts";

/** Codes of the gateway layer. */
export const gatewayErrors = {} as const satisfies ErrorTable;
