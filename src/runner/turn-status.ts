import type { OutcomeError } from "../types/index.ts";

/** How a turn stands. `unchanged`: nothing ran and what waited goes on waiting. */
export type TurnStatus = "running" | "done" | "waiting" | "error" | "unchanged";

/** Why a flow failed. */
export interface TurnError extends OutcomeError {
  readonly node?: string;
}
