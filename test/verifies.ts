import type { RequirementId } from "./requirements.ts";

/** Cites the promises that the surrounding test holds to. Does nothing at run time: the coverage test reads the source, the compiler checks the ids. */
export function verifies(..._ids: readonly RequirementId[]): void {}
