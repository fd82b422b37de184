import { damagedXz } from "./damaged-xz.ts";

const MODEL_BITS = 11;
const MOVE_BITS = 5;
const HALF = 1 << (MODEL_BITS - 1);

/** Where the state keeps what: in a typed array, which holds 32 bits without a sign and costs no heap number. */
const RANGE = 0;
const CODE = 1;
const AT = 2;

/** Makes `count` bit models, each a half: what an LZMA decoder begins with. */
export function bitModels(count: number): Uint16Array {
  return new Uint16Array(count).fill(HALF);
}

/** The range decoder of LZMA over one chunk; it never reads past the chunk. */
export class RangeDecoder {
  readonly #input: Uint8Array;
  readonly #state = new Uint32Array(3);

  /** @throws PACK_SQUASHFS_INVALID where the chunk is too short, or doesn't begin with 0 */
  constructor(input: Uint8Array) {
    if (input.length < 5 || input[0] !== 0) throw damagedXz("the range coder's start");
    this.#input = input;
    this.#state[RANGE] = 0xffffffff;
    this.#state[CODE] = ((input[1] ?? 0) << 24) | ((input[2] ?? 0) << 16) | ((input[3] ?? 0) << 8) | (input[4] ?? 0);
    this.#state[AT] = 5;
  }

  /** Whether the chunk was used up and left nothing over. */
  get isAtEnd(): boolean {
    return this.#state[AT] === this.#input.length && this.#state[CODE] === 0;
  }

  /** Decodes one bit with its model, which learns from it. */
  bit(models: Uint16Array, index: number): 0 | 1 {
    return decodeBit(this.#state, this.#input, models, index);
  }

  /** Decodes a number of `bits` bits with a tree of models from `from`, the highest bit first. */
  tree(models: Uint16Array, from: number, bits: number): number {
    const state = this.#state;
    const input = this.#input;
    let node = 1;
    for (let i = 0; i < bits; i++) node = (node << 1) | decodeBit(state, input, models, from + node);
    return node - (1 << bits);
  }

  /** As {@link tree}, the lowest bit first. */
  reverseTree(models: Uint16Array, from: number, bits: number): number {
    let node = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = decodeBit(this.#state, this.#input, models, from + node);
      node = (node << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  /** Decodes a number of `bits` bits that no model knows. */
  direct(bits: number): number {
    const state = this.#state;
    const input = this.#input;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const range = (state[RANGE] as number) >>> 1;
      const code = state[CODE] as number;
      const isOne = code >= range;
      state[RANGE] = range;
      if (isOne) state[CODE] = code - range;
      value = value * 2 + (isOne ? 1 : 0);
      if (range >>> 24 === 0) normalise(state, input);
    }
    return value;
  }
}

// Functions of the arrays instead of methods: this is where nearly all of the time goes.
function decodeBit(state: Uint32Array, input: Uint8Array, models: Uint16Array, index: number): 0 | 1 {
  const model = models[index] as number;
  const range = state[RANGE] as number;
  const code = state[CODE] as number;
  const bound = Math.imul(range >>> MODEL_BITS, model) >>> 0;
  if (code < bound) {
    models[index] = model + (((1 << MODEL_BITS) - model) >>> MOVE_BITS);
    state[RANGE] = bound;
    if (bound >>> 24 === 0) normalise(state, input);
    return 0;
  }
  models[index] = model - (model >>> MOVE_BITS);
  const rest = (range - bound) >>> 0;
  state[RANGE] = rest;
  state[CODE] = code - bound;
  if (rest >>> 24 === 0) normalise(state, input);
  return 1;
}

function normalise(state: Uint32Array, input: Uint8Array): void {
  const at = state[AT] as number;
  if (at >= input.length) throw damagedXz("a chunk is cut off");
  state[RANGE] = (state[RANGE] as number) << 8;
  state[CODE] = ((state[CODE] as number) << 8) | (input[at] as number);
  state[AT] = at + 1;
}
