import type { JsonValue } from "../types/index.ts";
import type { Bus, BusMessage, BusStats, SubscribeOptions, Unsubscribe } from "./bus.ts";
import { matchesSubject } from "./subjects.ts";
import type { Subject, SubjectPattern } from "./subjects.ts";

interface Subscription {
  readonly pattern: SubjectPattern;
  readonly group: string | undefined;
  readonly handler: (message: BusMessage) => void | Promise<void>;
}

/** What the in-process bus is opened with. */
export interface InProcessBusOptions {
  /** Told what a handler threw; by default nobody is. */
  readonly onError?: (error: unknown, subject: Subject) => void;
}

/** Opens a bus inside this process. Handlers run in a later microtask, in the order of publication. */
export function openInProcessBus(options: InProcessBusOptions = {}): Bus {
  return new InProcessBus(options.onError ?? (() => undefined));
}

class InProcessBus implements Bus {
  readonly isShared = false;
  readonly isReady = true;
  readonly #onError: (error: unknown, subject: Subject) => void;
  #subscriptions: readonly Subscription[] = [];
  /** Who listens to a subject; emptied whenever subscriptions change. Bounded, as subjects come from outside. */
  readonly #routes = new Map<Subject, readonly Subscription[]>();
  #turn = 0;
  #published = 0;
  #delivered = 0;

  constructor(onError: (error: unknown, subject: Subject) => void) {
    this.#onError = onError;
  }

  publish(subject: Subject, payload: JsonValue): void {
    this.#published++;
    const listeners = this.#route(subject);
    if (listeners.length === 0) return;
    const message: BusMessage = { subject, payload };
    const turn = this.#turn++;
    queueMicrotask(() => {
      for (const subscription of chosen(listeners, turn)) {
        if (this.#subscriptions.includes(subscription)) this.#deliver(subscription, message);
      }
    });
  }

  subscribe(
    pattern: SubjectPattern,
    handler: (message: BusMessage) => void | Promise<void>,
    options: SubscribeOptions = {},
  ): Unsubscribe {
    const subscription: Subscription = { pattern, handler, group: options.group };
    this.#change([...this.#subscriptions, subscription]);
    return () => this.#change(this.#subscriptions.filter((other) => other !== subscription));
  }

  async settle(): Promise<void> {
    // Who subscribed is heard at once.
  }

  stats(): BusStats {
    return { published: this.#published, dropped: 0, delivered: this.#delivered, redelivered: 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#change([]);
  }

  #deliver(subscription: Subscription, message: BusMessage): void {
    this.#delivered++;
    try {
      const handled = subscription.handler(message);
      if (handled !== undefined) handled.catch((error: unknown) => this.#onError(error, message.subject));
    } catch (error) {
      this.#onError(error, message.subject);
    }
  }

  #route(subject: Subject): readonly Subscription[] {
    const known = this.#routes.get(subject);
    if (known !== undefined) return known;
    const listeners = this.#subscriptions.filter(({ pattern }) => matchesSubject(pattern, subject));
    if (this.#routes.size >= 10_000) this.#routes.clear();
    this.#routes.set(subject, listeners);
    return listeners;
  }

  #change(subscriptions: readonly Subscription[]): void {
    this.#subscriptions = subscriptions;
    this.#routes.clear();
  }
}

/** All without a group, and one of each group in turn. */
function chosen(listeners: readonly Subscription[], turn: number): readonly Subscription[] {
  if (listeners.every(({ group }) => group === undefined)) return listeners;
  const groups = new Map<string, Subscription[]>();
  const picked: Subscription[] = [];
  for (const subscription of listeners) {
    if (subscription.group === undefined) picked.push(subscription);
    else {
      const members = groups.get(subscription.group);
      if (members === undefined) groups.set(subscription.group, [subscription]);
      else members.push(subscription);
    }
  }
  for (const members of groups.values()) {
    const member = members[turn % members.length];
    if (member !== undefined) picked.push(member);
  }
  return picked;
}
