import { valid as validVersion } from "semver";
import { findTraitsProblem, GreenticError, Pace, quote, runWhole, secretHeaderProblem } from "../types/index.ts";
import type { JsonObject, JsonValue, Paced, SecretHeader } from "../types/index.ts";
import { packKindOf } from "./capability-id.ts";
import { cargoRange } from "./cargo-range.ts";
import { decodeCborPaced } from "./cbor.ts";
import type { CborValue } from "./cbor.ts";
import { MANIFEST_PATH, SIGNATURE_PATH } from "./digest.ts";
import { entryPathProblem } from "./entry-path.ts";
import { MANIFEST_SCHEMA } from "./manifest.ts";
import type { ComponentEntry, ContentRef, DependencyEntry, FlowEntry, PackGrants, PackManifest } from "./manifest.ts";
import { MAX_MANIFEST_BYTES, PACK_LIMITS } from "./pack-limits.ts";

/** What a pack may be called. */
export const PACK_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
/** What flows, components and dependencies may be called in a manifest. */
export const ENTRY_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/**
 * Decodes manifest.cbor: the one door between its bytes and the typed value.
 * @throws PACK_CBOR_…, PACK_MANIFEST_INVALID naming the field, PACK_CAPABILITY_INVALID, PACK_RANGE_INVALID
 */
export function decodeManifest(bytes: Uint8Array): PackManifest {
  return runWhole(decodeManifestPaced(bytes, new Pace()));
}

/** Reading one entry of a map takes about so many microseconds. */
const STEPS_PER_ENTRY = 6;

/** Decodes as {@link decodeManifest}, in turns. */
export function* decodeManifestPaced(bytes: Uint8Array, pace: Pace): Paced<PackManifest> {
  if (bytes.length > MAX_MANIFEST_BYTES)
    throw invalid("manifest", `expected at most ${MAX_MANIFEST_BYTES} bytes, got ${bytes.length}`);
  const root = new Fields(yield* decodeCborPaced(bytes, pace), { where: "manifest", known: MANIFEST_KEYS, pace });
  const schema = root.text("schema_version");
  if (schema !== MANIFEST_SCHEMA)
    throw invalid("schema_version", `expected "${MANIFEST_SCHEMA}", got ${quote(schema)}`);
  const capabilities = root.fields("capabilities", ["id", "provides"]);
  const secrets = root.fields("secrets", ["required", "optional"]);
  const manifest: PackManifest = {
    name: matching("name", root.text("name"), PACK_NAME),
    version: version("version", root.text("version")),
    description: root.text("description"),
    authors: root.texts("authors"),
    capabilities: { id: capabilities.text("id"), provides: capabilities.texts("provides") },
    flows: yield* root.mapOf("flows", ["path", "hash", "size", "title", "type"], readFlow),
    components: yield* root.mapOf(
      "components",
      ["path", "hash", "size", "world", "abi", "grants", "reuse"],
      readComponent,
    ),
    assets: yield* root.mapOf("assets", ["hash", "size", "media_type"], (asset, path) => ({
      ...contentRef(asset, path),
      mediaType: asset.text("media_type"),
    })),
    dependencies: yield* root.mapOf("dependencies", ["req", "resolved"], readDependency),
    secrets: { required: secrets.texts("required"), optional: secrets.texts("optional") },
    config: yield* jsonObject(root.value("config"), { where: "config", pace }),
    ...(root.has("provider") && {
      provider: yield* jsonObject(root.value("provider"), { where: "provider", pace }),
    }),
    sbom: contentRef(root.fields("sbom", ["path", "hash", "size"])),
    signers: root.list("signatures").map((id) => hash(id, "signatures")),
  };
  checkWhole(manifest);
  return manifest;
}

const MANIFEST_KEYS = [
  "schema_version",
  "name",
  "version",
  "description",
  "authors",
  "capabilities",
  "flows",
  "components",
  "assets",
  "dependencies",
  "secrets",
  "config",
  "provider",
  "sbom",
  "signatures",
];

/** The rules that span several fields. */
function checkWhole(manifest: PackManifest): void {
  const kind = packKindOf(manifest.capabilities.id);
  if (kind === "component" && manifest.flows.size > 0) throw invalid("flows", "a component pack has no flows");
  if (manifest.provider !== undefined) {
    if (kind !== "provider") throw invalid("provider", "only a provider pack has it");
    const problem = findTraitsProblem(manifest.provider, new Set(manifest.components.keys()));
    if (problem !== undefined) throw invalid(["provider", ...problem.path].join("."), problem.state);
  }
  const seen = new Set<string>();
  const listed = listedContents(manifest);
  if (listed.length > PACK_LIMITS.maxEntries)
    throw invalid("manifest", `expected at most ${PACK_LIMITS.maxEntries} entries, got ${listed.length}`);
  for (const { path } of listed) {
    if (seen.has(path)) throw invalid("manifest", `${quote(path)} is listed twice`);
    if (path === MANIFEST_PATH || path === SIGNATURE_PATH) throw invalid("manifest", `${quote(path)} can't be listed`);
    seen.add(path);
  }
}

/** Lists everything that a manifest binds: flows, components, assets and the SBOM. */
export function listedContents(manifest: PackManifest): readonly ContentRef[] {
  return [...manifest.flows.values(), ...manifest.components.values(), ...manifest.assets.values(), manifest.sbom];
}

function readFlow(fields: Fields, name: string): FlowEntry {
  matching("flows", name, ENTRY_NAME);
  const title = fields.optionalText("title");
  const content = contentRef(fields);
  if (!/^flows\/.+\.ygtc$/.test(content.path))
    throw invalid(fields.where, `expected flows/*.ygtc, got ${quote(content.path)}`);
  return { ...content, ...(title === undefined ? {} : { title }), type: fields.text("type") };
}

function readComponent(fields: Fields, name: string): ComponentEntry {
  matching("components", name, ENTRY_NAME);
  const content = contentRef(fields);
  if (!/^components\/.+\.wasm$/.test(content.path))
    throw invalid(fields.where, `expected components/*.wasm, got ${quote(content.path)}`);
  const reuse = fields.optionalText("reuse");
  if (reuse !== undefined && reuse !== "tenant")
    throw invalid(`${fields.where}.reuse`, `expected "tenant", got ${quote(reuse)}`);
  const grants = readGrants(fields.fields("grants", GRANTS));
  return {
    ...content,
    world: fields.text("world"),
    abi: fields.text("abi"),
    grants,
    ...(reuse === undefined ? {} : { reuse }),
  };
}

const GRANTS = ["http", "secrets", "secrets_write", "state", "tools", "assets", "oauth", "secret_headers"];

function readGrants(fields: Fields): PackGrants {
  const state = fields.text("state");
  if (state !== "none" && state !== "read" && state !== "read-write")
    throw invalid(`${fields.where}.state`, `expected none, read or read-write, got ${quote(state)}`);
  const assets = fields.value("assets");
  if (typeof assets !== "boolean") throw invalid(`${fields.where}.assets`, "expected a boolean");
  return {
    http: fields.texts("http"),
    secrets: fields.texts("secrets"),
    secretsWrite: someTexts(fields, "secrets_write"),
    state,
    tools: fields.texts("tools"),
    assets,
    oauth: someTexts(fields, "oauth"),
    ...(fields.has("secret_headers") && { secretHeaders: readSecretHeaders(fields) }),
  };
}

function readSecretHeaders(grants: Fields): readonly SecretHeader[] {
  const where = `${grants.where}.secret_headers`;
  const headers = grants.list("secret_headers").map((value, index) => {
    const fields = grants.inside(value, {
      where: `${where}[${index}]`,
      known: ["secret", "header", "format", "hosts"],
    });
    const header = {
      secret: fields.text("secret"),
      header: fields.text("header"),
      format: fields.text("format"),
      hosts: fields.texts("hosts"),
    };
    const problem = secretHeaderProblem(header);
    if (problem !== undefined) throw invalid(fields.where, problem);
    return header;
  });
  if (headers.length === 0) throw invalid(where, "expected no key rather than an empty list");
  return headers;
}

/** Reads a list that is left out where it is empty: one manifest has one encoding. */
function someTexts(fields: Fields, key: string): readonly string[] {
  if (!fields.has(key)) return [];
  const texts = fields.texts(key);
  if (texts.length === 0) throw invalid(`${fields.where}.${key}`, "expected no key rather than an empty list");
  return texts;
}

function readDependency(fields: Fields, name: string): DependencyEntry {
  matching("dependencies", name, PACK_NAME);
  const req = fields.text("req");
  cargoRange(req);
  if (!fields.has("resolved")) return { req };
  const resolved = fields.fields("resolved", ["version", "pack_hash"]);
  return {
    req,
    resolved: {
      version: version(resolved.where, resolved.text("version")),
      packHash: hash(resolved.value("pack_hash"), resolved.where),
    },
  };
}

function contentRef(fields: Fields, path = fields.text("path")): ContentRef {
  const problem = entryPathProblem(path);
  if (problem !== undefined) throw invalid(fields.where, `path ${quote(path)}: ${problem}`);
  const size = fields.value("size");
  if (typeof size !== "number" || size < 0) throw invalid(`${fields.where}.size`, "expected a number of bytes");
  return { path, hash: hash(fields.value("hash"), `${fields.where}.hash`), sizeBytes: size };
}

/** One map of the manifest, with its place for messages; unknown keys are errors. */
class Fields {
  readonly where: string;
  readonly #map: ReadonlyMap<CborValue, CborValue>;
  readonly #pace: Pace;

  constructor(
    value: CborValue | undefined,
    { where, known, pace }: { readonly where: string; readonly known: readonly string[]; readonly pace: Pace },
  ) {
    this.where = where;
    this.#pace = pace;
    this.#map = asMap(value, where);
    for (const key of this.#map.keys()) {
      if (typeof key !== "string" || !known.includes(key))
        throw invalid(where, `unknown key ${typeof key === "string" ? quote(key) : "that isn't text"}`);
    }
  }

  has(key: string): boolean {
    return this.#map.has(key);
  }

  /** Reads a map that stands in a list. */
  inside(value: CborValue, { where, known }: { readonly where: string; readonly known: readonly string[] }): Fields {
    return new Fields(value, { where, known, pace: this.#pace });
  }

  value(key: string): CborValue {
    const value = this.#map.get(key);
    if (value === undefined) throw invalid(this.where, `missing key "${key}"`);
    return value;
  }

  text(key: string): string {
    const value = this.value(key);
    if (typeof value !== "string") throw invalid(`${this.where}.${key}`, "expected text");
    return value;
  }

  optionalText(key: string): string | undefined {
    return this.has(key) ? this.text(key) : undefined;
  }

  list(key: string): readonly CborValue[] {
    const value = this.value(key);
    if (!Array.isArray(value)) throw invalid(`${this.where}.${key}`, "expected a list");
    return value as readonly CborValue[];
  }

  texts(key: string): readonly string[] {
    const list = this.list(key);
    if (!list.every((item) => typeof item === "string"))
      throw invalid(`${this.where}.${key}`, "expected a list of texts");
    return list;
  }

  fields(key: string, known: readonly string[]): Fields {
    return new Fields(this.value(key), { where: `${this.where}.${key}`, known, pace: this.#pace });
  }

  *mapOf<T>(
    key: string,
    known: readonly string[],
    read: (fields: Fields, name: string) => T,
  ): Paced<ReadonlyMap<string, T>> {
    const place = `${this.where}.${key}`;
    const entries = new Map<string, T>();
    const pace = this.#pace;
    for (const [name, value] of asMap(this.value(key), place)) {
      if (pace.spend(STEPS_PER_ENTRY)) yield;
      if (typeof name !== "string") throw invalid(place, "expected text keys");
      entries.set(name, read(new Fields(value, { where: `${place}.${name}`, known, pace }), name));
    }
    return entries;
  }
}

function asMap(value: CborValue | undefined, where: string): ReadonlyMap<CborValue, CborValue> {
  if (!(value instanceof Map)) throw invalid(where, "expected a map");
  return value as ReadonlyMap<CborValue, CborValue>;
}

interface JsonPlace {
  readonly where: string;
  readonly pace: Pace;
}

function* jsonObject(value: CborValue, { where, pace }: JsonPlace): Paced<JsonObject> {
  // Without prototype, so that no key means anything but itself.
  const out = Object.create(null) as Record<string, JsonValue>;
  for (const [key, inner] of asMap(value, where)) {
    if (typeof key !== "string") throw invalid(where, "expected text keys");
    out[key] = yield* jsonValue(inner, { where: `${where}.${key}`, pace });
  }
  return out;
}

function* jsonValue(value: CborValue, place: JsonPlace): Paced<JsonValue> {
  const { where, pace } = place;
  if (pace.spend(1)) yield;
  if (Array.isArray(value)) {
    const items: JsonValue[] = [];
    for (const item of value as readonly CborValue[]) items.push(yield* jsonValue(item, place));
    return items;
  }
  if (value instanceof Map) return yield* jsonObject(value, place);
  if (typeof value === "bigint" || value instanceof Uint8Array) throw invalid(where, "expected a JSON value");
  return value as JsonValue;
}

function hash(value: CborValue, where: string): string {
  if (!(value instanceof Uint8Array) || value.length !== 32) throw invalid(where, "expected a hash of 32 bytes");
  return value.toHex();
}

function version(where: string, text: string): string {
  if (validVersion(text) !== text.replace(/\+.*$/, ""))
    throw invalid(where, `expected a semantic version, got ${quote(text)}`);
  return text;
}

function matching(where: string, text: string, pattern: RegExp): string {
  if (!pattern.test(text)) throw invalid(where, `expected ${pattern.source}, got ${quote(text)}`);
  return text;
}

function invalid(where: string, state: string): GreenticError {
  return new GreenticError("PACK_MANIFEST_INVALID", `Read manifest.cbor: ${where}: ${state}`);
}
