import type { InboxEntry, Lease, Timer } from "../session/index.ts";
import type { JsonValue } from "../types/index.ts";
import { isJsonObject } from "../types/index.ts";

/** What made a turn run. */
export type Trigger =
  /** `isLater`: it left the inbox in an earlier turn, when the flow took no messages, and was kept for this one. */
  | { readonly kind: "message"; readonly entry: InboxEntry; readonly isLater?: boolean }
  | { readonly kind: "timer"; readonly timer: Timer };

/** The once-key of the timer that ends a wait. */
export const WAIT_TIMER = "wait";
/** The once-key of the timer that wakes a session for messages that it kept for later. */
export const LATER_TIMER = "later";
/** When that timer is due: a clock that is set back must not let messages of now overtake those that were kept. */
export const ALWAYS_DUE_MS = 0;
/** Messages that a session keeps while its flow takes none; more go to the dead letters. */
export const MAX_LATER = 64;

/** Reads the messages that a session kept for later, oldest first. */
export function laterOf(lease: Pick<Lease, "session">): readonly InboxEntry[] {
  const snapshot: JsonValue = lease.session?.snapshot ?? null;
  const later = isJsonObject(snapshot) ? snapshot["later"] : undefined;
  return Array.isArray(later) ? later : NONE;
}

/** The inbox entry that a turn is about; undefined where it left the inbox before, or none did. */
export function unreadOf(trigger: Trigger): number | undefined {
  return trigger.kind === "message" && trigger.isLater !== true ? trigger.entry.order : undefined;
}

/** The once-key of the timer that made a turn run. */
export function firedTimer(trigger: Trigger): string | undefined {
  if (trigger.kind === "timer") return trigger.timer.onceKey;
  return trigger.isLater === true ? LATER_TIMER : undefined;
}

const NONE: readonly InboxEntry[] = Object.freeze([]);
