import type { JsonValue } from "../types/index.ts";
import type { Subject, SubjectPattern } from "./subjects.ts";

/** A wake-up as a subscriber gets it. */
export interface BusMessage {
  readonly subject: Subject;
  readonly payload: JsonValue;
}

/** Stops one subscription. */
export type Unsubscribe = () => void;

/** What a subscriber says of itself. */
export interface SubscribeOptions {
  /** Each message goes to one subscriber of the group only. */
  readonly group?: string;
  /** Messages of a group that one subscriber has in hand at most, by handlers that have not resolved; default 256. */
  readonly credits?: number;
}

/** What went through a bus since it was opened. */
export interface BusStats {
  readonly published: number;
  /** What never left, since the bus was down or full. */
  readonly dropped: number;
  readonly delivered: number;
  /** Of those delivered: what had been delivered before. */
  readonly redelivered: number;
}

/**
 * Carries wake-ups between roles: a bus may lose, repeat and reorder anything, since inbox and outbox are the truth and a sweep
 * re-announces what is overdue.
 */
export interface Bus extends AsyncDisposable {
  /** Whether other processes hear what is published. */
  readonly isShared: boolean;
  /** Whether what is published now leaves; false while the connection is down. */
  readonly isReady: boolean;
  /**
   * Announces to whoever listens. Never waits for subscribers and never fails for want of them; a bus that is down drops it.
   * Of messages to groups that carry the same `id`, a bus between processes lets one through in two minutes.
   */
  publish(subject: Subject, payload: JsonValue, options?: { readonly id?: string }): void;
  /**
   * Calls `handler` for each message whose subject the pattern matches. A handler that throws or rejects affects nobody else; a bus
   * between processes gives a group's message to it or another of the group again, a few times.
   */
  subscribe(
    pattern: SubjectPattern,
    handler: (message: BusMessage) => void | Promise<void>,
    options?: SubscribeOptions,
  ): Unsubscribe;
  /** Resolves once every subscription made so far hears what is published from then on; waits while the bus is down. */
  settle(): Promise<void>;
  /** Counts what went through. */
  stats(): BusStats;
}
