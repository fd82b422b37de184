import { recordName } from "./space.ts";
import type { RecordKey } from "./space.ts";
import type { WholeRecord } from "./records.ts";

/** Characters of bodies and names that a process remembers. */
const SIZE_MAX = 32_000_000;
/** What a record takes beside its text. */
const RECORD_SIZE = 200;

/** The records that this process read or wrote last. Others may have changed them since: what rests on one must be checked by a write. */
export class RecordCache {
  /** The least recently used first. */
  readonly #records = new Map<string, WholeRecord>();
  #size = 0;

  get(key: RecordKey): WholeRecord | undefined {
    const name = recordName(key);
    const record = this.#records.get(name);
    if (record === undefined) return undefined;
    this.#records.delete(name);
    this.#records.set(name, record);
    return record;
  }

  set(record: WholeRecord): void {
    this.delete(record);
    this.#records.set(recordName(record), record);
    this.#size += sizeOf(record);
    for (const oldest of this.#records.values()) {
      if (this.#size <= SIZE_MAX) break;
      this.delete(oldest);
    }
  }

  delete(key: RecordKey): void {
    const name = recordName(key);
    const record = this.#records.get(name);
    if (record === undefined) return;
    this.#records.delete(name);
    this.#size -= sizeOf(record);
  }
}

function sizeOf({ partition, sort, body }: WholeRecord): number {
  return partition.length + sort.length + body.length + RECORD_SIZE;
}
