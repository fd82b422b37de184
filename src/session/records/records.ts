import { setTimeout as sleep } from "node:timers/promises";
import { GreenticError, isGreenticError } from "../../types/index.ts";
import { Patience } from "../patience.ts";
import type { Attempt } from "../patience.ts";
import { partsOf, SPILLED, spillOf, withoutSpill } from "./spill.ts";
import type { Spill } from "./spill.ts";
import type { RecordChange, RecordKey, RecordRange, RecordSpace, StoredRecord } from "./space.ts";
import { unavailable } from "../unavailable.ts";

/** A record with all its parts. */
export interface WholeRecord extends StoredRecord {
  /** Where its body lies, if it was too large for one record. */
  readonly spill?: Spill;
}

/** What an error of the store itself was met in. */
export const DOING = "Use session store";
const AGAIN_MS = 30;
/** How often those that wait for others look whether they have waited for long enough. */
const LOOK_MS = 100;
/** How long a store that is closed waits for what is under way. */
const CLOSE_MS = 5_000;
/** How often a record is read whose parts are exchanged at the same time. */
const READS_MAX = 5;

/** Asks a space for as long as that makes sense, and puts records together that lie in parts. */
export class Records {
  readonly #space: RecordSpace;
  readonly #patience = new Patience();
  readonly #running = new Set<Promise<unknown>>();
  #isClosed = false;
  #isGone = false;

  constructor(space: RecordSpace) {
    this.#space = space;
  }

  get limits(): RecordSpace["limits"] {
    return this.#space.limits;
  }

  /** The database's time. */
  nowMs(): number {
    return this.#space.nowMs();
  }

  /** Runs one operation of the store. `name` decides for how long a database that fails is asked again. @throws STORE_UNAVAILABLE */
  run<T>(name: string, operation: (attempt: Attempt) => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(unavailable(DOING, "it is closed"));
    const running = operation({ lane: "", name, startedMs: performance.now() });
    const settled: Promise<unknown> = running.then(
      () => this.#running.delete(settled),
      () => this.#running.delete(settled),
    );
    this.#running.add(settled);
    return running;
  }

  async get(attempt: Attempt, keys: readonly RecordKey[]): Promise<readonly (WholeRecord | undefined)[]> {
    if (keys.length === 0) return [];
    return this.#whole(attempt, await this.#ask(attempt, () => this.#space.get(keys)));
  }

  async scan(attempt: Attempt, range: RecordRange): Promise<readonly WholeRecord[]> {
    if (range.limit <= 0) return [];
    const found = await this.#whole(attempt, await this.#ask(attempt, () => this.#space.scan(range)));
    return found.filter((record) => record !== undefined);
  }

  write(attempt: Attempt, changes: readonly RecordChange[], version: string): Promise<boolean> {
    return this.#ask(attempt, () => this.#space.write(changes, version));
  }

  /** Waits for others of this process, for no longer than for the database. @throws STORE_UNAVAILABLE */
  async wait(attempt: Attempt, others: Promise<unknown>): Promise<void> {
    const over = others.then(() => true);
    while (!this.#patience.isOver(attempt)) {
      if (await Promise.race([over, sleep(LOOK_MS, false, { ref: false })])) return;
    }
    throw unavailable(DOING, "the database doesn't answer");
  }

  /** Lets what is under way end, for some seconds at most, then closes the space. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const late = new AbortController();
    const isLate = sleep(CLOSE_MS, undefined, { signal: late.signal, ref: false }).catch(() => undefined);
    await Promise.race([Promise.all(this.#running), isLate]);
    late.abort();
    this.#isGone = true;
    await this.#space[Symbol.asyncDispose]();
    await Promise.all(this.#running);
  }

  async #ask<T>(attempt: Attempt, request: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const answer = await request();
        this.#patience.up();
        return answer;
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        this.#patience.down();
        if (this.#isGone || this.#patience.isOver(attempt)) throw error;
        await sleep(AGAIN_MS);
        if (this.#isGone) throw error;
      }
    }
  }

  /** Reads the parts of what was found. Where a record was exchanged meanwhile its parts are gone, and it is read again. */
  async #whole(
    attempt: Attempt,
    found: readonly (StoredRecord | undefined)[],
  ): Promise<readonly (WholeRecord | undefined)[]> {
    if (!found.some((record) => record?.body.startsWith(SPILLED) === true)) return found;
    return Promise.all(found.map((record) => this.#join(attempt, record)));
  }

  async #join(attempt: Attempt, found: StoredRecord | undefined): Promise<WholeRecord | undefined> {
    let record = found;
    for (let n = 0; n < READS_MAX; n++) {
      if (record === undefined) return undefined;
      const name: RecordKey = record;
      const spill = spillOf(record.body);
      if (spill === undefined) return record;
      const parts = await this.#ask(attempt, () => this.#space.get(partsOf(spill)));
      if (parts.every((part) => part !== undefined)) {
        return { ...record, body: parts.map(({ body }) => withoutSpill(body)).join(""), spill };
      }
      [record] = await this.#ask(attempt, () => this.#space.get([name]));
    }
    throw new GreenticError("STORE_DATA_CORRUPT", "Read record: parts of it are missing");
  }
}

export function isUnavailable(error: unknown): boolean {
  return isGreenticError(error) && error.code === "STORE_UNAVAILABLE";
}
