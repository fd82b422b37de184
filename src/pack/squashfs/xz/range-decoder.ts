import { damagedXz } from "./damaged-xz.ts";

const TOP = 2 ** 24;
const MODEL_BITS = 11;
const MOVE_BITS = 5;
const HALF = 1 << (MODEL_BITS - 1);

/** Makes `count` bit models, each a half: what an LZMA decoder begins with. */
export function bitModels(count: number): Uint16Array {
  return new Uint16Array(count).fill(HALF);
}

/** The range decoder of LZMA over one chunk; it never reads past the chunk. */
export class RangeDecoder {
  readonly #input: Uint8Array;
  #at = 5;
  #range = 0xffffffff;
  #code: number;

  /** @throws PACK_SQUASHFS_INVALID where the chunk is too short, or doesn't begin with 0 */
  constructor(input: Uint8Array) {
    if (input.length < 5 || input[0] !== 0) throw damagedXz("the range coder's start");
    this.#input = input;
    this.#code = (((input[1] ?? 0) << 24) | ((input[2] ?? 0) << 16) | ((input[3] ?? 0) << 8) | (input[4] ?? 0)) >>> 0;
  }

  /** Whether the chunk was used up and left nothing over. */
  get isAtEnd(): boolean {
    return this.#at === this.#input.length && this.#code === 0;
  }

  /** Decodes one bit with its model, which learns from it. */
  bit(models: Uint16Array, index: number): 0 | 1 {
    const model = models[index] ?? HALF;
    const bound = (this.#range >>> MODEL_BITS) * model;
    let bit: 0 | 1;
    if (this.#code < bound) {
      this.#range = bound;
      models[index] = model + (((1 << MODEL_BITS) - model) >>> MOVE_BITS);
      bit = 0;
    } else {
      this.#range -= bound;
      this.#code -= bound;
      models[index] = model - (model >>> MOVE_BITS);
      bit = 1;
    }
    if (this.#range < TOP) this.#normalise();
    return bit;
  }

  /** Decodes a number of `bits` bits with a tree of models from `from`, the highest bit first. */
  tree(models: Uint16Array, from: number, bits: number): number {
    let node = 1;
    for (let i = 0; i < bits; i++) node = (node << 1) | this.bit(models, from + node);
    return node - (1 << bits);
  }

  /** As {@link tree}, the lowest bit first. */
  reverseTree(models: Uint16Array, from: number, bits: number): number {
    let [node, value] = [1, 0];
    for (let i = 0; i < bits; i++) {
      const bit = this.bit(models, from + node);
      node = (node << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  /** Decodes a number of `bits` bits that no model knows. */
  direct(bits: number): number {
    let value = 0;
    for (let i = 0; i < bits; i++) {
      this.#range >>>= 1;
      const isOne = this.#code >= this.#range;
      if (isOne) this.#code -= this.#range;
      value = value * 2 + (isOne ? 1 : 0);
      if (this.#range < TOP) this.#normalise();
    }
    return value;
  }

  #normalise(): void {
    const next = this.#input[this.#at];
    if (next === undefined) throw damagedXz("a chunk is cut off");
    this.#at++;
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | next) >>> 0;
  }
}
