import type { ErrorTable } from "../error-kind.ts";

/** Codes of the session and state stores. */
export const storeErrors = {
  STORE_FENCE_STALE: {
    kind: "conflict",
    help: "Another worker took this session over; drop the turn, nothing was changed.",
  },
  STORE_CLAIM_LOST: { kind: "conflict", help: "Another sender took this row over; drop the attempt." },
  STORE_UNAVAILABLE: {
    kind: "unavailable",
    help: "The store can't be reached or written; try again, and check its disk or server.",
  },
} as const satisfies ErrorTable;
