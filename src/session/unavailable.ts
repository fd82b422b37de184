import { GreenticError } from "../types/index.ts";

/** The error of a store that can't be asked. */
export function unavailable(doing: string, state: string, cause?: unknown): GreenticError {
  return new GreenticError("STORE_UNAVAILABLE", `${doing}: ${state}`, cause === undefined ? {} : { cause });
}
