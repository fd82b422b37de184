import type { Bus, BusMessage } from "../src/bus/index.ts";
import { matchesSubject } from "../src/bus/subjects.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SimProcess } from "./sim-process.ts";

type Handler = Parameters<Bus["subscribe"]>[1];

interface Subscription {
  readonly process: SimProcess;
  readonly life: number;
  readonly pattern: Parameters<Bus["subscribe"]>[0];
  readonly handler: Handler;
  readonly group: string | undefined;
}

/** What may go wrong with a message on the bus. */
export interface BusWeather {
  isOut(): boolean;
  drops(): boolean;
  repeats(): boolean;
  lateMs(): number;
}

/** How long the bus knows the ids of messages to groups. */
const ID_MS = 120_000;

/** The wire between processes: it loses, repeats and reorders. */
export class SimWire {
  readonly #random: Random;
  readonly #weather: BusWeather;
  readonly #scheduler: Scheduler;
  readonly #ids = new Map<string, number>();
  #subscriptions: Subscription[] = [];

  constructor(options: { readonly random: Random; readonly weather: BusWeather; readonly scheduler: Scheduler }) {
    this.#random = options.random;
    this.#weather = options.weather;
    this.#scheduler = options.scheduler;
  }

  /** The bus as one life of a process sees it. */
  connect(process: SimProcess): Bus {
    const { life } = process;
    const weather = this.#weather;
    return {
      isShared: true,
      get isReady() {
        return !weather.isOut();
      },
      publish: (subject, payload, options) => {
        if (!process.isAlive(life) || process.reach("announce.before")) return;
        this.#publish({ subject, payload }, options?.id);
        process.reach("announce.after");
      },
      subscribe: (pattern, handler, options = {}) => {
        const subscription: Subscription = { process, life, pattern, handler, group: options.group };
        this.#subscriptions.push(subscription);
        return () => {
          this.#subscriptions = this.#subscriptions.filter((other) => other !== subscription);
        };
      },
      settle: async () => undefined,
      stats: () => ({ published: 0, dropped: 0, delivered: 0, redelivered: 0 }),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  #publish(message: BusMessage, id: string | undefined): void {
    this.#subscriptions = this.#subscriptions.filter(({ process, life }) => process.isAlive(life));
    const isKnown = id !== undefined && (this.#ids.get(id) ?? Number.NEGATIVE_INFINITY) + ID_MS > this.#scheduler.nowMs;
    if (id !== undefined && !isKnown) this.#ids.set(id, this.#scheduler.nowMs);
    const groups = new Map<string, Subscription[]>();
    const listeners: Subscription[] = [];
    for (const subscription of this.#subscriptions) {
      if (!matchesSubject(subscription.pattern, message.subject)) continue;
      if (subscription.group === undefined) listeners.push(subscription);
      else if (!isKnown) groups.set(subscription.group, [...(groups.get(subscription.group) ?? []), subscription]);
    }
    for (const members of groups.values()) listeners.push(this.#random.pick(members));
    for (const { process, handler } of listeners) {
      if (this.#weather.drops()) continue;
      const times = this.#weather.repeats() ? 2 : 1;
      for (let time = 0; time < times; time++) {
        const delayMs = this.#random.between(0.1, 2) + this.#weather.lateMs();
        process.post(delayMs, "", () => {
          // A handler that fails is its own business; the bus may give the message again, and may not.
          Promise.resolve(handler(message)).catch(() => undefined);
        });
      }
    }
  }
}
