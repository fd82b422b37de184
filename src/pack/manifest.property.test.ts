import {
  array,
  assert,
  boolean,
  constantFrom,
  dictionary,
  jsonValue,
  option,
  property,
  record,
  string,
  stringMatching,
  uint8Array,
} from "fast-check";
import type { Arbitrary } from "fast-check";
import { expect, test } from "vitest";
import type { JsonObject, JsonValue } from "../types/index.ts";
import { decodeManifest } from "./manifest-read.ts";
import { encodeManifest } from "./manifest.ts";
import type { PackManifest } from "./manifest.ts";
import { verifies } from "../../test/verifies.ts";

const SECRET_HEADER = {
  secret: "api_key",
  header: "authorization",
  format: "Bearer {secret}",
  hosts: ["https://api.example.com"],
};
const name = stringMatching(/^[a-z0-9][a-z0-9-]{0,12}$/);
const text = string({ unit: "grapheme", maxLength: 12 }).filter((t) => t.isWellFormed());
const texts = array(text, { maxLength: 3 });
const hash = uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => bytes.toHex());
const version = stringMatching(/^(?:0|[1-9]\d{0,2})\.(?:0|[1-9]\d{0,2})\.(?:0|[1-9]\d{0,2})$/);
const sizeBytes = constantFrom(0, 1, 255, 65_536, 2 ** 31);
const optional = <T>(key: string, value: Arbitrary<T>): Arbitrary<object> =>
  option(value, { nil: undefined }).map((v) => (v === undefined ? {} : { [key]: v }));

/** A map of entries, each with a path made from its key. */
function entries<T>(folder: string, extension: string, rest: Arbitrary<object>): Arbitrary<ReadonlyMap<string, T>> {
  return dictionary(name, record({ hash, sizeBytes, rest }), { maxKeys: 4 }).map((dict) => {
    const keyed = Object.entries(dict).map(([key, entry]): [string, T] => {
      const path = `${folder}${key}${extension}`;
      const entryKey = folder === "assets/" ? path : key;
      return [entryKey, { path, hash: entry.hash, sizeBytes: entry.sizeBytes, ...entry.rest } as T];
    });
    return new Map(keyed);
  });
}

const merged = (...parts: readonly Arbitrary<object>[]): Arbitrary<object> =>
  parts.reduce((left, right) => left.chain((a) => right.map((b) => ({ ...a, ...b }))));
const wholeNumbersOnly = (value: unknown): boolean =>
  typeof value === "number"
    ? Number.isSafeInteger(value) && !Object.is(value, -0)
    : typeof value !== "object" || value === null || Object.values(value).every(wholeNumbersOnly);

const manifest: Arbitrary<PackManifest> = record({
  name,
  version,
  description: text,
  authors: texts,
  capabilities: record({
    id: constantFrom("greentic.cap.app.v1", "greentic.cap.messaging.provider.v2"),
    provides: texts,
  }),
  flows: entries<never>("flows/", ".ygtc", merged(record({ type: text }), optional("title", text))),
  components: entries<never>(
    "components/",
    ".wasm",
    merged(
      record({
        world: text,
        abi: text,
        grants: merged(
          record({
            http: texts,
            secrets: texts,
            secretsWrite: texts,
            state: constantFrom("none", "read", "read-write"),
            tools: texts,
            assets: boolean(),
            oauth: texts,
          }),
          optional(
            "secretHeaders",
            constantFrom([SECRET_HEADER], [SECRET_HEADER, { ...SECRET_HEADER, header: "x-key" }]),
          ),
        ),
      }),
      optional("reuse", constantFrom("tenant")),
    ),
  ),
  assets: entries<never>("assets/", ".json", record({ mediaType: text })),
  dependencies: dictionary(
    name,
    merged(
      record({ req: constantFrom("^1", "~0.4", ">=1, <2") }),
      optional("resolved", record({ version, packHash: hash })),
    ),
  ).map((dict) => new Map(Object.entries(dict)) as PackManifest["dependencies"]),
  secrets: record({ required: texts, optional: texts }),
  config: dictionary(name, jsonValue({ maxDepth: 2 }).filter(wholeNumbersOnly)).map(
    (config) => config as Record<string, JsonValue> as JsonObject,
  ),
  sbom: record({ hash, sizeBytes }).map((ref) => ({ ...ref, path: "sbom.json" })),
  signers: array(hash, { maxLength: 2 }),
});

test("decodeManifest() reverses encodeManifest() for any manifest, with one encoding", () => {
  verifies("pack.manifest.cbor", "pack.manifest.fields");
  assert(
    property(manifest, (original) => {
      const bytes = encodeManifest(original);
      const decoded = decodeManifest(bytes);
      expect(plain(decoded)).toEqual(plain(original));
      expect(Buffer.from(encodeManifest(decoded)).equals(bytes)).toBe(true);
    }),
  );
});

/** Without the differences that don't matter: order of keys and prototypes. */
function plain(value: unknown): unknown {
  if (value instanceof Map) return plain(Object.fromEntries(value));
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value)
    .map(([key, inner]): [string, unknown] => [key, plain(inner)])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}
