import { Worker } from "node:worker_threads";
import { GreenticError } from "../types/index.ts";
import type { World } from "../types/index.ts";
import type { FromWorker, RawAnswers, RawCall, StoreOps, ToWorker, WriterData } from "./sqlite-protocol.ts";

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

/** The store's end of the line to its worker: one message for all calls of a tick, answered in order. */
export class SqliteLink {
  readonly #worker: Worker;
  readonly #world: World;
  /** Calls of this tick. */
  #calls: RawCall[] = [];
  /** Who waits for an answer, in the order of the calls; `#answered` counts those at the front that have theirs. */
  #waiting: Waiting[] = [];
  #answered = 0;
  #down: GreenticError | undefined;
  #closing: Promise<void> | undefined;

  private constructor(worker: Worker, world: World) {
    this.#worker = worker;
    this.#world = world;
  }

  /** Starts the worker and waits until it has opened the file. @throws what `openDatabase` throws */
  static async open(
    file: string,
    options: {
      readonly world: World;
      readonly reserveBytes: number;
      readonly onDamage: (error: GreenticError) => void;
    },
  ): Promise<SqliteLink> {
    const { world, reserveBytes, onDamage } = options;
    const worker = new Worker(new URL("./sqlite.worker.ts", import.meta.url), {
      workerData: { file, nowMs: world.nowMs(), reserveBytes } satisfies WriterData,
      env: {},
      name: "session-store",
    });
    const link = new SqliteLink(worker, world);
    await new Promise<void>((resolve, reject) => {
      worker.on("message", (message: FromWorker) => {
        if (message.kind === "answers") link.#answer(message);
        else if (message.kind === "opened") resolve();
        else if (message.kind === "damaged") onDamage(new GreenticError(message.code, message.message));
        else if (message.kind === "failed") reject(new GreenticError(message.code, message.message));
      });
      const down = (cause: unknown): void => {
        const error = new GreenticError("STORE_UNAVAILABLE", "Use session store: its worker ended", { cause });
        link.#fail(error);
        reject(error);
      };
      worker.once("error", down);
      worker.once("exit", () => down(undefined));
    });
    return link;
  }

  call<Op extends keyof StoreOps>(name: Op, ...args: Parameters<StoreOps[Op]>): Promise<ReturnType<StoreOps[Op]>> {
    if (this.#down !== undefined) return Promise.reject(this.#down);
    if (this.#calls.length === 0) setImmediate(this.#flush);
    this.#calls.push([name, args] as unknown as RawCall);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  /** Lets the calls so far finish, then closes the file and ends the worker. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#down !== undefined) return;
    this.#flush();
    const ended = new Promise<void>((resolve) => void this.#worker.once("exit", () => resolve()));
    this.#down = new GreenticError("STORE_UNAVAILABLE", "Use session store: it is closed");
    this.#post({ kind: "close" });
    await ended;
  }

  readonly #flush = (): void => {
    const calls = this.#calls;
    if (calls.length === 0) return;
    this.#calls = [];
    this.#post({ nowMs: this.#world.nowMs(), monotonicMs: this.#world.monotonicMs(), calls });
  };

  #post(message: ToWorker): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    this.#worker.postMessage(message);
  }

  #answer({ results, failures }: RawAnswers): void {
    const waiting = this.#waiting;
    const first = this.#answered;
    const end = first + results.length;
    for (const { index, code, message } of failures ?? []) {
      waiting[first + index]?.reject(code === undefined ? new RangeError(message) : new GreenticError(code, message));
    }
    for (let at = first; at < end; at++) waiting[at]?.resolve(results[at - first] as never);
    this.#answered = end;
    // Taking the answered ones out now and then is cheaper than shifting each.
    if (end === waiting.length) {
      this.#waiting = [];
      this.#answered = 0;
    } else if (end > 1_024) {
      this.#waiting = waiting.slice(end);
      this.#answered = 0;
    }
  }

  #fail(error: GreenticError): void {
    this.#down ??= error;
    const waiting = this.#waiting.slice(this.#answered);
    this.#waiting = [];
    this.#answered = 0;
    this.#calls = [];
    for (const { reject } of waiting) reject(error);
  }
}
