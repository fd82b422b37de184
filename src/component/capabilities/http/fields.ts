import { ComponentErr } from "../../linker/index.ts";

type Entry = readonly [name: string, value: Uint8Array];

const MAX_ENTRIES = 256;
const MAX_BYTES = 64 << 10;
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Framing and routing are the host's: a guest that set them could smuggle a second request. */
const FORBIDDEN = new Set([
  "connection",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const invalid = (): ComponentErr => new ComponentErr({ tag: "invalid-syntax" });
const forbidden = (): ComponentErr => new ComponentErr({ tag: "forbidden" });

/**
 * `fields` of wasi:http: names without case, values as bytes, several of one name in their order. Entries are never changed in
 * place, so a copy costs nothing however large it is.
 */
export class Fields {
  #entries: readonly Entry[];
  readonly #isMutable: boolean;

  constructor(entries: readonly Entry[] = [], isMutable = true) {
    this.#entries = entries;
    this.#isMutable = isMutable;
  }

  /** @throws ComponentErr `invalid-syntax`; `forbidden` also where there are too many */
  static fromList(entries: readonly Entry[]): Fields {
    const fields = new Fields();
    fields.#replace(entries.map(([name, value]) => [checkName(name), checkValue(value)]));
    return fields;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  get(name: string): readonly Uint8Array[] {
    const key = name.toLowerCase();
    return this.#entries.filter(([other]) => other.toLowerCase() === key).map(([, value]) => value);
  }

  set(name: string, values: readonly Uint8Array[]): void {
    this.#checkMutable();
    const key = checkName(name);
    const added = values.map((value): Entry => [key, checkValue(value)]);
    this.#replace([...this.#without(key), ...added]);
  }

  delete(name: string): void {
    this.#checkMutable();
    this.#replace(this.#without(checkName(name)));
  }

  append(name: string, value: Uint8Array): void {
    this.#checkMutable();
    this.#replace([...this.#entries, [checkName(name), checkValue(value)]]);
  }

  /** A copy that can be changed. */
  clone(): Fields {
    return new Fields(this.#entries);
  }

  /** The same, not to be changed any more. */
  frozen(): Fields {
    return new Fields(this.#entries, false);
  }

  #without(name: string): readonly Entry[] {
    const key = name.toLowerCase();
    return this.#entries.filter(([other]) => other.toLowerCase() !== key);
  }

  #replace(entries: readonly Entry[]): void {
    const bytes = entries.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
    if (entries.length > MAX_ENTRIES || bytes > MAX_BYTES) throw forbidden();
    this.#entries = entries;
  }

  #checkMutable(): void {
    if (!this.#isMutable) throw new ComponentErr({ tag: "immutable" });
  }
}

function checkName(name: string): string {
  if (name.length > MAX_BYTES || !NAME.test(name)) throw invalid();
  if (FORBIDDEN.has(name.toLowerCase())) throw forbidden();
  return name;
}

function checkValue(value: Uint8Array): Uint8Array {
  if (value.length > MAX_BYTES) throw forbidden();
  for (const byte of value) if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) throw invalid();
  return value;
}
