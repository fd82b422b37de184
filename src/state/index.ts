export type { JsonBounds } from "./json-size.ts";
export { isJsonWithin } from "./json-size.ts";
export type { StateChange } from "./state-change.ts";
export type { AdmitGrowth, StateReader } from "./working-set.ts";
export { STATE_KEYS_MAX, STATE_VALUE_MAX_BYTES, storedSize, WorkingSet } from "./working-set.ts";
