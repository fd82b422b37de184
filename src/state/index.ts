export type { StateChange } from "./state-change.ts";
