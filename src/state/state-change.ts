import type { JsonValue } from "../types/index.ts";

/** One write of a turn; `value` undefined deletes. `key` is `prefix/key` of `formatStateKey`. */
export interface StateChange {
  readonly key: string;
  readonly value: JsonValue | undefined;
}
