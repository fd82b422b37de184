import { MemoryRecords, memorySpace } from "../conformance/memory-space.ts";
import { openRecordStore } from "../src/session/records/record-store.ts";
import type { StoredRecord } from "../src/session/records/space.ts";
import type { SessionStore } from "../src/session/index.ts";
import type { Backing, Clock, StoreAnswer, StoreCall } from "./backing.ts";

/** The production store of records over records in memory; recovery goes back to those that were flushed. */
export class RecordsBacking implements Backing {
  readonly #records = new MemoryRecords();
  #flushed: readonly (readonly [string, StoredRecord])[] = [];
  #clock: Clock = { nowMs: 0, monotonicMs: 0 };
  #store: SessionStore;

  constructor() {
    this.#store = this.#open();
  }

  has(op: string): boolean {
    return op in this.#store;
  }

  apply(calls: readonly StoreCall[], clock: Clock): Promise<readonly StoreAnswer[]> {
    this.#clock = clock;
    return Promise.all(calls.map((call) => this.#run(call)));
  }

  flush(): void {
    this.#flushed = [...this.#records.records];
  }

  recover(): void {
    this.#records.records.clear();
    for (const [name, record] of this.#flushed) this.#records.records.set(name, record);
    this.#store = this.#open();
  }

  close(): void {
    this.#records.records.clear();
  }

  #open(): SessionStore {
    const world = {
      nowMs: () => this.#clock.nowMs,
      monotonicMs: () => this.#clock.monotonicMs,
      randomBytes: (size: number) => new Uint8Array(size),
      schedule: () => () => undefined,
    };
    return openRecordStore(memorySpace(this.#records), { world, clock: "world", shards: 2 });
  }

  async #run({ op, args }: StoreCall): Promise<StoreAnswer> {
    const method = Reflect.get(this.#store, op) as (...values: readonly unknown[]) => Promise<unknown>;
    try {
      return { result: await method.apply(this.#store, args as unknown[]) };
    } catch (error) {
      return { error: error as Error };
    }
  }
}
