import type { ErrorCode, JsonObject, JsonValue } from "../types/index.ts";

/**
 * What the values of a flow can see while a turn runs: plain JSON, read by path. The runner keeps one object for a turn and
 * changes its fields between nodes; getters are fine, so that what costs is made only when a flow asks for it.
 */
export interface FlowScope {
  /** What arrived; `entry` is the same root. */
  readonly in: JsonValue;
  /** The output of the node before. */
  readonly prev: JsonValue;
  /** Outputs by node id, reachable as `node.<id>`, `<id>` and `state.nodes.<id>.payload`. */
  readonly nodes: Readonly<Record<string, JsonValue>>;
  readonly state: JsonValue;
  readonly vars: JsonObject;
  readonly parameters: JsonObject;
  readonly session: JsonValue;
  readonly tenant: JsonValue;
  /** BCP 47. */
  readonly locale: string;
  /** `{ iso, epoch_ms, date }`. */
  readonly now: JsonValue;
  /** Translates a key into the turn's locale. */
  t(key: string, args?: JsonObject): string;
  /** Reports what a person should know and the flow survives, such as a path that names nothing. */
  warn(code: ErrorCode, path: string): void;
}
