/**
 * What a WebAssembly binary says of itself, in custom sections of its own or of anything nested in it:
 *   producers            languages, tools and SDKs with their versions (WebAssembly tool conventions)
 *   licenses, authors    one text each (wasm-metadata)
 *   .dep-v0              the crates that went in: zlib over JSON (cargo-auditable)
 *   npm-packages         the npm packages that went in: JSON, `[{ name, version, license?, integrity? }]`, as component builds write it
 * All of it is the author's word: it is listed, and nothing is decided by it.
 */
import { inflateSync } from "node:zlib";
import { isJsonObject, parseJson } from "../types/index.ts";
import type { JsonObject, JsonValue } from "../types/index.ts";

/** A package that went into a component. */
export interface EmbeddedPackage {
  readonly ecosystem: "cargo" | "npm";
  readonly name: string;
  readonly version: string;
  /** An SPDX expression, where it is told. */
  readonly license?: string;
  /** SHA-512 of what the registry has, lower-case hex. */
  readonly sha512?: string;
}

export interface WasmMetadata {
  /** In the order of field, name and version; each once. */
  readonly producers: readonly Producer[];
  readonly licenses: readonly string[];
  readonly authors: readonly string[];
  /** In the order of ecosystem, name and version; each once. */
  readonly packages: readonly EmbeddedPackage[];
}

interface Producer {
  readonly field: "language" | "processed-by" | "sdk";
  readonly name: string;
  readonly version: string;
}

/** Nothing nests deeper in practice than a component in a component. */
const MAX_DEPTH = 8;
const MAX_PACKAGES = 10_000;
const MAX_JSON_BYTES = 4 << 20;
const MAX_TEXT = 256;

/** Reads a binary's metadata. A section that is damaged is left out: what runs is decided elsewhere. */
export function readWasmMetadata(bytes: Uint8Array): WasmMetadata {
  const found = {
    producers: new Map<string, Producer>(),
    packages: new Map<string, EmbeddedPackage>(),
    licenses: new Set<string>(),
    authors: new Set<string>(),
  };
  collect(bytes, 0, found);
  const sorted = <T>(map: ReadonlyMap<string, T>): readonly T[] =>
    [...map].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
  return {
    producers: sorted(found.producers),
    packages: sorted(found.packages),
    licenses: [...found.licenses].toSorted(),
    authors: [...found.authors].toSorted(),
  };
}

interface Found {
  readonly producers: Map<string, Producer>;
  readonly packages: Map<string, EmbeddedPackage>;
  readonly licenses: Set<string>;
  readonly authors: Set<string>;
}

function collect(bytes: Uint8Array, depth: number, found: Found): void {
  if (depth > MAX_DEPTH || bytes.length < 8 || Buffer.from(bytes.subarray(0, 4)).toString("latin1") !== "\0asm") return;
  const isComponent = bytes[6] === 1;
  const reader = new Reader(bytes, 8);
  while (!reader.isAtEnd) {
    const id = reader.byte();
    const section = reader.block();
    if (id === undefined || section === undefined) return;
    if (id === 0) readCustom(section, found);
    else if (isComponent && (id === 1 || id === 4)) collect(section, depth + 1, found);
  }
}

function readCustom(section: Uint8Array, found: Found): void {
  const reader = new Reader(section, 0);
  const name = reader.text();
  const rest = reader.rest();
  if (name === "producers") readProducers(new Reader(rest, 0), found);
  else if (name === "licenses" || name === "authors") addText(rest, found[name]);
  else if (name === ".dep-v0") readCrates(rest, found);
  else if (name === "npm-packages") readNpm(rest, found);
}

function addText(bytes: Uint8Array, to: Set<string>): void {
  const text = plain(Buffer.from(bytes).toString("utf8"));
  if (text !== undefined) to.add(text);
}

function readProducers(reader: Reader, found: Found): void {
  const fields = reader.number() ?? 0;
  for (let i = 0; i < fields && !reader.isAtEnd; i++) {
    const field = reader.text();
    const count = reader.number() ?? 0;
    for (let j = 0; j < count && !reader.isAtEnd; j++) {
      const [name, version] = [plain(reader.text()), plain(reader.text()) ?? ""];
      if (name === undefined || (field !== "language" && field !== "processed-by" && field !== "sdk")) continue;
      if (found.producers.size < MAX_PACKAGES)
        found.producers.set(`${field}\0${name}\0${version}`, { field, name, version });
    }
  }
}

function readCrates(packed: Uint8Array, found: Found): void {
  try {
    const json = parseJson(inflateSync(packed, { maxOutputLength: MAX_JSON_BYTES }), { maxBytes: MAX_JSON_BYTES });
    // What only built it is not in it.
    for (const item of objects(isJsonObject(json) ? json["packages"] : undefined))
      if (item["root"] !== true && item["kind"] !== "build") add("cargo", item, found);
  } catch {
    // Not what it says it is.
  }
}

function readNpm(bytes: Uint8Array, found: Found): void {
  try {
    for (const item of objects(parseJson(bytes, { maxBytes: MAX_JSON_BYTES }))) add("npm", item, found);
  } catch {
    // Not what it says it is.
  }
}

function add(ecosystem: EmbeddedPackage["ecosystem"], item: JsonObject, { packages }: Found): void {
  const [name, version, license] = [plain(item["name"]), plain(item["version"]), plain(item["license"])];
  const sha512 = sha512Of(item["integrity"]);
  if (name === undefined || version === undefined || packages.size >= MAX_PACKAGES) return;
  packages.set(`${ecosystem}\0${name}\0${version}`, {
    ecosystem,
    name,
    version,
    ...(license !== undefined && { license }),
    ...(sha512 !== undefined && { sha512 }),
  });
}

/** Reads `sha512-<base64>`. */
export function sha512Of(integrity: JsonValue | undefined): string | undefined {
  const [, base64] = (typeof integrity === "string" && /^sha512-([A-Za-z0-9+/]{86}==)$/.exec(integrity)) || [];
  return base64 === undefined ? undefined : Buffer.from(base64, "base64").toString("hex");
}

const objects = (value: JsonValue | undefined): readonly JsonObject[] =>
  Array.isArray(value) ? value.filter(isJsonObject) : [];

/** A short text without control characters, or nothing. */
function plain(value: JsonValue | undefined): string | undefined {
  if (typeof value !== "string" || value.length > MAX_TEXT || value === "" || !value.isWellFormed()) return undefined;
  return /\p{Cc}/u.test(value) ? undefined : value;
}

/** Reads forward and tells by undefined that nothing more can be read. */
class Reader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number | undefined {
    return this.#bytes[this.#at++];
  }

  /** LEB128 of at most 32 bits. */
  number(): number | undefined {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      if (byte === undefined) return undefined;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return undefined;
  }

  block(): Uint8Array | undefined {
    const length = this.number();
    if (length === undefined || length > this.#bytes.length - this.#at) {
      this.#at = this.#bytes.length;
      return undefined;
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  text(): string | undefined {
    const bytes = this.block();
    return bytes && Buffer.from(bytes).toString("utf8");
  }

  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }
}
