import type { ErrorTable } from "../error-kind.ts";

/** Codes of the files layer. */
export const filesErrors = {
  FILE_LOCK_TIMEOUT: {
    kind: "timeout",
    help: "Another process works on the same file for long: look which one it is, and try again.",
  },
} as const satisfies ErrorTable;
