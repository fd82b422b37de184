import type { InboxEntry, Timer } from "../session/index.ts";

/** What made a turn run. */
export type Trigger =
  | { readonly kind: "message"; readonly entry: InboxEntry }
  | { readonly kind: "timer"; readonly timer: Timer };

/** The once-key of the timer that ends a wait. */
export const WAIT_TIMER = "wait";
