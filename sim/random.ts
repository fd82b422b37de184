/** Chance from a seed: the same seed gives the same numbers on every machine (sfc32). */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  constructor(seed: number, stream = "") {
    let h = 0x9e3779b9 ^ seed;
    for (const char of `${seed}/${stream}`) h = Math.imul(h ^ char.charCodeAt(0), 0x85ebca6b) ^ (h >>> 13);
    this.#a = h | 0;
    this.#b = Math.imul(h, 0xc2b2ae35) | 0;
    this.#c = (seed ^ 0x27d4eb2f) | 0;
    for (let i = 0; i < 12; i++) this.#next();
  }

  /** A whole number from 0 to below `below`. */
  int(below: number): number {
    return Math.floor(this.fraction() * below);
  }

  /** A number from 0 to below 1. */
  fraction(): number {
    return this.#next() / 4_294_967_296;
  }

  /** A number between two. */
  between(low: number, high: number): number {
    return low + this.fraction() * (high - low);
  }

  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new RangeError("Pick: the list is empty");
    return list[this.int(list.length)] as T;
  }

  bytes(size: number): Uint8Array {
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++) bytes[i] = this.#next() & 0xff;
    return bytes;
  }

  #next(): number {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t;
    this.#c |= 0;
    return t >>> 0;
  }
}
