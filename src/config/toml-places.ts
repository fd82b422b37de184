// The outline of a TOML text that the parser has taken, which doesn't say where things stood:
//   document = ( `[key]` | `[[key]]` | key = value )*      key = part ( . part )*, bare or quoted
//   value    = string | `[` value, … `]` | `{` key = value, … `}` | anything else up to , ] } # or the line's end
// A table's place is the bracket of its header, a key's its first character or quote; what is named twice keeps its first place.
// https://toml.io/en/v1.0.0
import { parse } from "smol-toml";

/** Where something stands in a text, and what stands in it by key or index. */
export interface Place {
  readonly offset: number;
  readonly inside: Map<string, Place>;
  /** The table that headers mean by this name, where it is a list of tables. */
  lastItem?: Place;
}

/** Finds the places of all tables, keys and items of a well-formed TOML text without a byte order mark. */
export function tomlPlaces(text: string): Place {
  return new Scanner(text).scan();
}

function enter(parent: Place, name: string, offset: number): Place {
  let place = parent.inside.get(name);
  if (place === undefined) parent.inside.set(name, (place = { offset, inside: new Map() }));
  return place;
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  scan(): Place {
    const root: Place = { offset: 0, inside: new Map() };
    let table = root;
    while (this.#next() !== undefined) {
      if (this.#text[this.#at] === "[") table = this.#header(root);
      else this.#pair(table);
    }
    return root;
  }

  #header(root: Place): Place {
    const offset = this.#at;
    const isItem = this.#text[offset + 1] === "[";
    this.#at += isItem ? 2 : 1;
    const parts = this.#key();
    this.#at += isItem ? 2 : 1;
    let table = root;
    for (const [index, { name }] of parts.entries()) {
      table = enter(table, name, offset);
      if (isItem && index === parts.length - 1) table.lastItem = enter(table, String(table.inside.size), offset);
      table = table.lastItem ?? table;
    }
    return table;
  }

  #pair(table: Place): void {
    let place = table;
    for (const { name, offset } of this.#key()) place = enter(place, name, offset);
    this.#at++;
    this.#next();
    this.#value(place);
  }

  /** Reads a key up to its `=` or `]`. */
  #key(): readonly { readonly name: string; readonly offset: number }[] {
    const parts: { name: string; offset: number }[] = [];
    for (;;) {
      const offset = this.#skip(/[ \t.]*/y);
      const char = this.#text[offset];
      if (char === '"' || char === "'") {
        this.#string(char);
        parts.push({ name: unquote(this.#text.slice(offset, this.#at)), offset });
      } else if (this.#skip(/[\w-]*/y) > offset) parts.push({ name: this.#text.slice(offset, this.#at), offset });
      else return parts;
    }
  }

  #value(place: Place): void {
    const char = this.#text[this.#at];
    if (char === '"' || char === "'") this.#string(char);
    else if (char === "[") {
      this.#at++;
      for (let index = 0; (this.#next() ?? "]") !== "]"; index++) this.#value(enter(place, String(index), this.#at));
      this.#at++;
    } else if (char === "{") {
      this.#at++;
      while ((this.#next() ?? "}") !== "}") this.#pair(place);
      this.#at++;
    } else this.#skip(/[^,\]}#\n]*/y);
  }

  #string(quote: string): void {
    const isLong = this.#text.startsWith(quote.repeat(3), this.#at);
    const close = quote.repeat(isLong ? 3 : 1);
    this.#at += close.length;
    while (this.#at < this.#text.length && !this.#text.startsWith(close, this.#at))
      this.#at += quote === '"' && this.#text[this.#at] === "\\" ? 2 : 1;
    this.#at += close.length;
    // Up to two quotes may stand before the three that close.
    if (isLong) while (this.#text[this.#at] === quote) this.#at++;
  }

  /** Goes past blanks, line ends, commas and comments, and tells the character there; undefined at the end. */
  #next(): string | undefined {
    while (this.#text[this.#skip(/[\s,]*/y)] === "#") this.#skip(/[^\n]*/y);
    return this.#text[this.#at];
  }

  #skip(pattern: RegExp): number {
    pattern.lastIndex = this.#at;
    this.#at += pattern.exec(this.#text)?.[0].length ?? 0;
    return this.#at;
  }
}

function unquote(raw: string): string {
  return raw.startsWith('"') && raw.includes("\\")
    ? (parse(`key = ${raw}`) as { readonly key: string }).key
    : raw.slice(1, -1);
}
