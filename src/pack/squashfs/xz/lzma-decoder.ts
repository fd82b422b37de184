import { damagedXz } from "./damaged-xz.ts";
import { bitModels, RangeDecoder } from "./range-decoder.ts";

const STATES = 12;
const POSITION_STATES = 16;
/** The state from which on the last symbol was a match. */
const FIRST_MATCH_STATE = 7;
const MIN_MATCH = 2;
const ALIGN_BITS = 4;
/** Distances from this slot on have bits that no model knows. */
const FIRST_DIRECT_SLOT = 14;

/** The output of a decoder; all of it is the dictionary, so that no distance needs memory of its own. */
export interface LzmaOutput {
  readonly bytes: Uint8Array;
  at: number;
  /** Where the dictionary begins: nothing before it may be copied. */
  dictionaryStart: number;
}

/** Lengths of matches: two small tables by position, one large. */
class LengthModels {
  readonly #choice = bitModels(2);
  readonly #low = bitModels(POSITION_STATES << 3);
  readonly #mid = bitModels(POSITION_STATES << 3);
  readonly #high = bitModels(1 << 8);

  decode(coder: RangeDecoder, positionState: number): number {
    if (coder.bit(this.#choice, 0) === 0) return coder.tree(this.#low, positionState << 3, 3);
    if (coder.bit(this.#choice, 1) === 0) return 8 + coder.tree(this.#mid, positionState << 3, 3);
    return 16 + coder.tree(this.#high, 0, 8);
  }
}

/** What an LZMA decoder has learned; a reset of its state makes it anew. */
class LzmaModels {
  readonly isMatch = bitModels(STATES << 4);
  readonly isRep = bitModels(STATES);
  readonly isRep0 = bitModels(STATES);
  readonly isRep1 = bitModels(STATES);
  readonly isRep2 = bitModels(STATES);
  readonly isRep0Long = bitModels(STATES << 4);
  readonly slot = bitModels(4 << 6);
  readonly special = bitModels(128);
  readonly align = bitModels(1 << ALIGN_BITS);
  readonly matchLength = new LengthModels();
  readonly repLength = new LengthModels();
  readonly literal: Uint16Array;

  constructor(literalContexts: number) {
    this.literal = bitModels(0x300 << literalContexts);
  }
}

/** Decodes the LZMA chunks of LZMA2. @see the LZMA specification of the LZMA SDK */
export class LzmaDecoder {
  readonly #output: LzmaOutput;
  #lc = 0;
  #lp = 0;
  #pb = 0;
  #models = new LzmaModels(0);
  #state = 0;
  /** The last four distances, 0 for the byte before. */
  #reps: [number, number, number, number] = [0, 0, 0, 0];

  constructor(output: LzmaOutput) {
    this.#output = output;
  }

  /** Takes new properties; a reset of the state follows. @throws PACK_SQUASHFS_INVALID */
  setProperties(byte: number): void {
    const [lc, lp, pb] = [byte % 9, Math.trunc(byte / 9) % 5, Math.trunc(byte / 45)];
    if (pb > 4 || lc + lp > 4) throw damagedXz(`LZMA properties ${byte}`);
    [this.#lc, this.#lp, this.#pb] = [lc, lp, pb];
  }

  reset(): void {
    this.#models = new LzmaModels(this.#lc + this.#lp);
    this.#state = 0;
    this.#reps = [0, 0, 0, 0];
  }

  /** Decodes one chunk to its very end. @throws PACK_SQUASHFS_INVALID */
  decode(packed: Uint8Array, sizeBytes: number): void {
    const output = this.#output;
    const end = output.at + sizeBytes;
    if (end > output.bytes.length) throw damagedXz("more output than the block may have");
    const coder = new RangeDecoder(packed);
    const models = this.#models;
    while (output.at < end) {
      const positionState = (output.at - output.dictionaryStart) & ((1 << this.#pb) - 1);
      if (coder.bit(models.isMatch, (this.#state << 4) + positionState) === 0) this.#literal(coder);
      else if (coder.bit(models.isRep, this.#state) === 1) this.#rep(coder, { positionState, end });
      else this.#match(coder, { positionState, end });
    }
    if (!coder.isAtEnd) throw damagedXz("a chunk holds more than its output");
  }

  #literal(coder: RangeDecoder): void {
    const output = this.#output;
    const { bytes, dictionaryStart } = output;
    const before = output.at > dictionaryStart ? (bytes[output.at - 1] ?? 0) : 0;
    const position = (output.at - dictionaryStart) & ((1 << this.#lp) - 1);
    const from = 0x300 * ((position << this.#lc) + (before >> (8 - this.#lc)));
    const { literal } = this.#models;
    let symbol = 1;
    if (this.#state >= FIRST_MATCH_STATE) {
      let matched = bytes[this.#source(this.#reps[0])] ?? 0;
      while (symbol < 0x100) {
        const matchedBit = (matched >> 7) & 1;
        matched <<= 1;
        const bit = coder.bit(literal, from + ((1 + matchedBit) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        if (bit !== matchedBit) break;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | coder.bit(literal, from + symbol);
    bytes[output.at++] = symbol & 0xff;
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
  }

  #match(coder: RangeDecoder, { positionState, end }: { readonly positionState: number; readonly end: number }): void {
    const length = this.#models.matchLength.decode(coder, positionState);
    const [a, b, c] = this.#reps;
    this.#reps = [this.#distance(coder, length), a, b, c];
    this.#state = this.#state < FIRST_MATCH_STATE ? 7 : 10;
    this.#copy(length + MIN_MATCH, end);
  }

  #rep(coder: RangeDecoder, { positionState, end }: { readonly positionState: number; readonly end: number }): void {
    const models = this.#models;
    const [a, b, c, d] = this.#reps;
    if (coder.bit(models.isRep0, this.#state) === 0) {
      if (coder.bit(models.isRep0Long, (this.#state << 4) + positionState) === 0) {
        this.#state = this.#state < FIRST_MATCH_STATE ? 9 : 11;
        this.#copy(1, end);
        return;
      }
    } else if (coder.bit(models.isRep1, this.#state) === 0) this.#reps = [b, a, c, d];
    else if (coder.bit(models.isRep2, this.#state) === 0) this.#reps = [c, a, b, d];
    else this.#reps = [d, a, b, c];
    const length = models.repLength.decode(coder, positionState);
    this.#state = this.#state < FIRST_MATCH_STATE ? 8 : 11;
    this.#copy(length + MIN_MATCH, end);
  }

  #distance(coder: RangeDecoder, length: number): number {
    const models = this.#models;
    const slot = coder.tree(models.slot, Math.min(length, 3) << 6, 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const base = (2 | (slot & 1)) * 2 ** bits;
    if (slot < FIRST_DIRECT_SLOT) return base + coder.reverseTree(models.special, base - slot, bits);
    return base + coder.direct(bits - ALIGN_BITS) * (1 << ALIGN_BITS) + coder.reverseTree(models.align, 0, ALIGN_BITS);
  }

  #copy(length: number, end: number): void {
    const output = this.#output;
    let from = this.#source(this.#reps[0]);
    if (output.at + length > end) throw damagedXz("a match reaches past its chunk");
    // Byte by byte: a match may copy what it is writing.
    for (let i = 0; i < length; i++) output.bytes[output.at++] = output.bytes[from++] ?? 0;
  }

  #source(distance: number): number {
    const { at, dictionaryStart } = this.#output;
    const from = at - distance - 1;
    if (from < dictionaryStart) throw damagedXz("a match begins before the data");
    return from;
  }
}
