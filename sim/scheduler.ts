import { hash } from "node:crypto";

/** More events than any run needs: something goes round in circles. */
const EVENTS_MAX = 50_000;

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly label: string;
  readonly task: () => void;
  isCancelled: boolean;
}

/**
 * Virtual time: whatever happens is an event here, and between two events everything that waits for nothing but promises is done. One
 * thread, no clock and no chance of the machine's, so that the same seed is the same run.
 */
export class Scheduler {
  nowMs = 0;
  /** What happened, where somebody reads it. */
  readonly lines: string[] | undefined;
  readonly #heap: Event[] = [];
  #order = 0;
  #digest = "";
  #noted: string[] = [];
  readonly #eventsMax: number;
  readonly #turns: number;

  constructor(options: {
    readonly keepsTrace: boolean;
    readonly eventsMax?: number;
    /** Turns of the loop that an event's consequences may take. Default one, which is enough for promises; streams take more. */
    readonly turns?: number;
  }) {
    this.lines = options.keepsTrace ? [] : undefined;
    this.#eventsMax = options.eventsMax ?? EVENTS_MAX;
    this.#turns = options.turns ?? 1;
  }

  /** How many events there were. */
  get count(): number {
    return this.#order;
  }

  /** Whether there were more events than a run can have reason for. */
  get isEndless(): boolean {
    return this.#order > this.#eventsMax;
  }

  /** Runs a task after a delay; returns how to call it off. */
  after(delayMs: number, label: string, task: () => void): () => void {
    const event: Event = {
      atMs: this.nowMs + Math.max(0, delayMs),
      order: this.#order++,
      label,
      task,
      isCancelled: false,
    };
    this.#push(event);
    return () => {
      event.isCancelled = true;
    };
  }

  /** Notes something in the trace. */
  note(line: string): void {
    const noted = `${this.nowMs.toFixed(3)} ${line}`;
    this.lines?.push(noted);
    this.#noted.push(noted);
    if (this.#noted.length >= 256) this.#fold();
  }

  /** A hash of all that happened. */
  get traceHash(): string {
    this.#fold();
    return this.#digest;
  }

  /** Runs events until `isDone` says so or the time is over; false where it is over. */
  async run(isDone: () => boolean, untilMs: number): Promise<boolean> {
    for (;;) {
      const event = this.#pop();
      if (event === undefined || this.isEndless) return isDone();
      if (event.atMs > untilMs) {
        this.#push(event);
        this.nowMs = untilMs;
        return isDone();
      }
      this.nowMs = event.atMs;
      if (event.label !== "") this.note(event.label);
      event.task();
      for (let turn = 0; turn < this.#turns; turn++) await settled();
      if (isDone()) return true;
    }
  }

  #fold(): void {
    if (this.#noted.length === 0) return;
    this.#digest = hash("sha256", `${this.#digest}\n${this.#noted.join("\n")}`, "hex").slice(0, 16);
    this.#noted = [];
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt] as Event;
      if (!isBefore(event, parent)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return undefined;
      this.#dropFirst();
      if (!first.isCancelled) return first;
    }
  }

  #dropFirst(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      const left = heap[childAt];
      if (left === undefined) break;
      const right = heap[childAt + 1];
      const child = right !== undefined && isBefore(right, left) ? right : left;
      if (child === right) childAt++;
      if (!isBefore(child, last)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** Lets everything happen that waits for promises alone: an immediate runs after all of them. */
function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
