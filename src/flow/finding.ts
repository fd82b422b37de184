import type { ErrorCode, SourcePosition } from "../types/index.ts";

/** One thing that `doctor` has to say about a flow. */
export interface FlowFinding {
  readonly code: ErrorCode;
  readonly severity: "error" | "warning" | "info";
  readonly message: string;
  readonly at: SourcePosition;
  readonly node?: string;
}
