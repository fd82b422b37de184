import { GreenticError } from "./errors.ts";
import { checkJsonSize, MAX_JSON_DEPTH, parseJsonPart } from "./json.ts";
import type { JsonLimits, JsonValue } from "./json.ts";
import type { Pace, Paced } from "./pace.ts";

/** Decoding and parsing takes about a microsecond for so many characters. */
const CHARACTERS_PER_STEP = 100;
const DECODED_BYTES = 64 << 10;
/** How often the pace is asked while the end of a value is looked for. */
const SCANNED_CHARACTERS = 4_096;

/**
 * Parses as `parseJson`, in turns: the text is cut between the items of its lists and objects into pieces that `JSON.parse`
 * takes, level by level where an item is too large itself. `pieceCharacters` is how large a piece may be, 32,768 by default.
 * @throws TYPES_JSON_TOO_LARGE, TYPES_JSON_TOO_DEEP, TYPES_JSON_INVALID
 */
export function* parseJsonPaced(
  bytes: Uint8Array,
  {
    pace,
    pieceCharacters = 32_768,
    ...limits
  }: JsonLimits & { readonly pace: Pace; readonly pieceCharacters?: number },
): Paced<JsonValue> {
  checkJsonSize(bytes.length, limits);
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  try {
    for (let at = 0; at < bytes.length; at += DECODED_BYTES) {
      if (pace.spend(DECODED_BYTES / CHARACTERS_PER_STEP)) yield;
      text += utf8.decode(bytes.subarray(at, at + DECODED_BYTES), { stream: true });
    }
    text += utf8.decode();
  } catch (error) {
    throw new GreenticError("TYPES_JSON_INVALID", "Read JSON: not UTF-8", { cause: error });
  }
  const cutter = new Cutter(text, { pace, pieceCharacters, maxDepth: limits.maxDepth ?? MAX_JSON_DEPTH });
  return yield* cutter.value({ from: 0, to: text.length }, 0);
}

/** A part of the text. */
interface Part {
  readonly from: number;
  readonly to: number;
}

class Cutter {
  readonly #text: string;
  readonly #pace: Pace;
  readonly #pieceCharacters: number;
  readonly #maxDepth: number;

  constructor(
    text: string,
    options: { readonly pace: Pace; readonly pieceCharacters: number; readonly maxDepth: number },
  ) {
    this.#text = text;
    this.#pace = options.pace;
    this.#pieceCharacters = options.pieceCharacters;
    this.#maxDepth = options.maxDepth;
  }

  *value({ from, to }: Part, depth: number): Paced<JsonValue> {
    const begin = this.#skipSpace(from);
    const opening = this.#text[begin];
    if (to - from <= this.#pieceCharacters || (opening !== "{" && opening !== "[")) {
      if (this.#pace.spend((to - from) / CHARACTERS_PER_STEP)) yield;
      return parseJsonPart(this.#text.slice(from, to), { offset: from, maxDepth: this.#maxDepth - depth });
    }
    if (depth >= this.#maxDepth)
      throw new GreenticError(
        "TYPES_JSON_TOO_DEEP",
        `Read JSON: expected at most ${this.#maxDepth} levels, got more at offset ${begin}`,
      );
    const inside = { from: begin + 1, to };
    return opening === "[" ? yield* this.#list(inside, depth + 1) : yield* this.#object(inside, depth + 1);
  }

  *#list(inside: Part, depth: number): Paced<JsonValue> {
    const list: JsonValue[] = [];
    if (this.#isEmpty(inside, "]")) return list;
    for (let from = inside.from; ;) {
      const end = yield* this.#endOf({ from, to: inside.to });
      list.push(yield* this.value({ from, to: end }, depth));
      if (this.#isLast({ from: end, to: inside.to }, "]")) return list;
      from = end + 1;
    }
  }

  *#object(inside: Part, depth: number): Paced<JsonValue> {
    const object: Record<string, JsonValue> = {};
    if (this.#isEmpty(inside, "}")) return object;
    for (let from = inside.from; ;) {
      const end = yield* this.#endOf({ from, to: inside.to });
      const { key, valueAt } = this.#key({ from, to: end });
      const value = yield* this.value({ from: valueAt, to: end }, depth);
      // As JSON.parse does: `__proto__` is a name like any other.
      if (key === "__proto__")
        Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
      else object[key] = value;
      if (this.#isLast({ from: end, to: inside.to }, "}")) return object;
      from = end + 1;
    }
  }

  /** Finds the comma or bracket that ends an item. */
  *#endOf({ from, to }: Part): Paced<number> {
    let depth = 0;
    let isInString = false;
    for (let i = from; i < to; i++) {
      if ((i - from) % SCANNED_CHARACTERS === 0 && this.#pace.spend(SCANNED_CHARACTERS / CHARACTERS_PER_STEP)) yield;
      const c = this.#text.charCodeAt(i);
      if (isInString) {
        if (c === 0x5c) i++;
        else if (c === 0x22) isInString = false;
      } else if (c === 0x22) isInString = true;
      else if (c === 0x7b || c === 0x5b) depth++;
      else if (c === 0x7d || c === 0x5d) {
        if (depth-- === 0) return i;
      } else if (c === 0x2c && depth === 0) return i;
    }
    throw malformed(to);
  }

  #key({ from, to }: Part): { readonly key: string; readonly valueAt: number } {
    const begin = this.#skipSpace(from);
    if (this.#text[begin] !== '"') throw malformed(begin);
    let end = begin + 1;
    while (end < to && this.#text[end] !== '"') end += this.#text[end] === "\\" ? 2 : 1;
    const colon = this.#skipSpace(end + 1);
    if (colon >= to || this.#text[colon] !== ":") throw malformed(Math.min(colon, to));
    const key = parseJsonPart(this.#text.slice(begin, end + 1), { offset: begin, maxDepth: 0 });
    return { key: typeof key === "string" ? key : "", valueAt: colon + 1 };
  }

  #isEmpty({ from, to }: Part, closing: string): boolean {
    const at = this.#skipSpace(from);
    return this.#text[at] === closing && this.#isLast({ from: at, to }, closing);
  }

  /** Tells a closing bracket, behind which nothing may stand, from a comma. */
  #isLast({ from, to }: Part, closing: string): boolean {
    const found = this.#text[from];
    if (found === ",") return false;
    const next = this.#skipSpace(from + 1);
    if (found !== closing || next < to) throw malformed(found === closing ? next : from);
    return true;
  }

  #skipSpace(from: number): number {
    let at = from;
    for (let c = this.#text.charCodeAt(at); c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;)
      c = this.#text.charCodeAt(++at);
    return at;
  }
}

function malformed(offset: number): GreenticError {
  return new GreenticError("TYPES_JSON_INVALID", `Read JSON: malformed at offset ${offset}`);
}
