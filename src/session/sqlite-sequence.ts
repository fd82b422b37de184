import type { DatabaseSync, StatementSync } from "node:sqlite";
import { rowSum, wholeRow } from "./sqlite-sum.ts";

/** Numbers that are put aside at a time; what is left of a block after a crash is skipped. */
const BLOCK = 1 << 20;

/**
 * Draws the numbers of fences and orders: each is greater than all before it, across restarts, without a write each. The file
 * holds the end of the block in use, written in the same transaction as the first number beyond the last end. 2^53 numbers last
 * for 14,000 years at 20,000 a second.
 */
export class SequenceCounter {
  readonly #read: StatementSync;
  readonly #write: StatementSync;
  #next = 0;
  #end = 0;

  constructor(db: DatabaseSync) {
    this.#read = db.prepare("SELECT * FROM meta WHERE name = 'sequence'");
    this.#write = db.prepare("UPDATE meta SET value = ?, sum = ? WHERE name = 'sequence'");
  }

  /** Reads where the last block ended. Numbers that this process drew beyond it were never answered to anyone. @throws STORE_DATA_CORRUPT */
  load(): void {
    this.#end = Number(wholeRow("meta", this.#read.get() ?? {})["value"]);
    if (this.#next === 0) this.#next = this.#end;
  }

  next(): number {
    if (this.#next >= this.#end) {
      const end = this.#next + BLOCK;
      this.#write.run(end, rowSum("sequence", end));
      this.#end = end;
    }
    return this.#next++;
  }
}
