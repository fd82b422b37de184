import type { JsonValue } from "../types/index.ts";
import type { Subject, SubjectPattern } from "./subjects.ts";

/** A wake-up as a subscriber gets it. */
export interface BusMessage {
  readonly subject: Subject;
  readonly payload: JsonValue;
}

/** Stops one subscription. */
export type Unsubscribe = () => void;

/**
 * Carries wake-ups between roles, at most once: a bus may lose, repeat and reorder anything, since inbox and outbox are the truth
 * and a sweep re-announces what is overdue.
 */
export interface Bus extends AsyncDisposable {
  /** Announces to whoever listens now. Never waits for subscribers and never fails for want of them; a bus that is down drops it. */
  publish(subject: Subject, payload: JsonValue): void;
  /**
   * Calls `handler` for each message whose subject the pattern matches. With `group`, each message goes to one subscriber of
   * that group only. A handler that throws or rejects affects nobody else.
   */
  subscribe(
    pattern: SubjectPattern,
    handler: (message: BusMessage) => void | Promise<void>,
    options?: { readonly group?: string },
  ): Unsubscribe;
}
