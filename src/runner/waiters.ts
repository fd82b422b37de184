import type { SessionKeyText } from "../types/index.ts";
import type { TurnReport } from "./runtime.ts";

/** Who waits in this process for the turn of one delivery. */
export class Waiters {
  readonly #waiting = new Map<string, ((report: TurnReport) => void)[]>();

  /** Registers for the turn's report. Returns how to stop waiting. */
  add(delivery: Delivery, listener: (report: TurnReport) => void): () => void {
    const name = nameOf(delivery);
    const listeners = this.#waiting.get(name) ?? [];
    listeners.push(listener);
    this.#waiting.set(name, listeners);
    return () => {
      const left = (this.#waiting.get(name) ?? []).filter((other) => other !== listener);
      if (left.length === 0) this.#waiting.delete(name);
      else this.#waiting.set(name, left);
    };
  }

  has(delivery: Delivery): boolean {
    return this.#waiting.size > 0 && this.#waiting.has(nameOf(delivery));
  }

  resolve(delivery: Delivery, report: TurnReport): void {
    if (this.#waiting.size === 0) return;
    const name = nameOf(delivery);
    const listeners = this.#waiting.get(name);
    if (listeners === undefined) return;
    this.#waiting.delete(name);
    for (const listener of listeners) listener(report);
  }
}

/** One delivery of one session. */
export interface Delivery {
  readonly key: SessionKeyText;
  readonly dedupeKey: string;
}

function nameOf({ key, dedupeKey }: Delivery): string {
  return `${key}\n${dedupeKey}`;
}
