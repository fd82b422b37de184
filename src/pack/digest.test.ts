import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { blake3 as noble } from "@noble/hashes/blake3.js";
import { array, assert, property, string, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { loadBlake3 } from "./blake3.ts";
import { ContentHasher } from "./content-hasher.ts";
import { computePackHash, groupHash, leafHash } from "./digest.ts";
import { verifies } from "../../test/verifies.ts";

const VECTORS = resolve(import.meta.dirname, "../../../shared/vectors/blake3_test_vectors.json");
const blake3 = await loadBlake3();

test.skipIf(!existsSync(VECTORS))("BLAKE3 agrees with the official vectors", () => {
  const { cases } = JSON.parse(readFileSync(VECTORS, "utf8")) as {
    cases: readonly { input_len: number; hash: string }[];
  };
  expect(cases.length).toBe(35);
  for (const { input_len: length, hash } of cases)
    expect(blake3(Uint8Array.from({ length }, (_, i) => i % 251)).toHex()).toBe(hash.slice(0, 64));
});

test("BLAKE3 of parts is that of their concatenation, by another implementation", () => {
  assert(
    property(array(uint8Array({ maxLength: 3000 }), { maxLength: 5 }), (parts) => {
      expect(blake3(...parts)).toEqual(noble(Buffer.concat(parts)));
    }),
  );
});

test("leafHash() binds path, size and content as the format says", () => {
  verifies("pack.hash.files");
  const content = Buffer.from("hello");
  const path = Buffer.from("assets/a.txt");
  const size = Buffer.from([0, 0, 0, 0, 0, 0, 0, 5]);
  const expected = noble(Buffer.concat([Buffer.from([0, 0, 0, 0, path.length]), path, size, noble(content)]));
  const ref = { path: "assets/a.txt", hash: noble(content).toHex(), sizeBytes: 5 };
  expect(leafHash(blake3, ref)).toEqual(expected);
  expect(groupHash(blake3, [ref])).toEqual(noble(Buffer.concat([Buffer.from([1]), expected])));
});

test("computePackHash() chains manifest, flows, components and assets", () => {
  verifies("pack.hash.merkle");
  const ref = (path: string): { path: string; hash: string; sizeBytes: number } => ({
    path,
    hash: noble(Buffer.from(path)).toHex(),
    sizeBytes: path.length,
  });
  const contents = ["sbom.json", "flows/b.ygtc", "assets/x", "components/c.wasm", "flows/a.ygtc", "signature.sig"].map(
    ref,
  );
  const group = (...paths: readonly string[]): Uint8Array => groupHash(blake3, paths.map(ref));
  const expected = noble(
    Buffer.concat([
      noble(Buffer.from("manifest")),
      group("flows/a.ygtc", "flows/b.ygtc"),
      group("components/c.wasm"),
      group("assets/x", "sbom.json"),
    ]),
  );
  expect(computePackHash(blake3, { manifest: Buffer.from("manifest"), contents })).toBe(expected.toHex());
});

test("groupHash() doesn't depend on the order that it is given, and on every path", () => {
  const paths = array(string({ unit: "grapheme-ascii", minLength: 1, maxLength: 12 }), {
    minLength: 2,
    maxLength: 6,
  }).map((list) => [...new Set(list)]);
  assert(
    property(paths, (list) => {
      const refs = list.map((path) => ({ path, hash: "00".repeat(32), sizeBytes: 1 }));
      expect(groupHash(blake3, refs.toReversed())).toEqual(groupHash(blake3, refs));
      const renamed = refs.map((ref, i) => (i === 0 ? { ...ref, path: `${ref.path}!` } : ref));
      expect(groupHash(blake3, renamed)).not.toEqual(groupHash(blake3, refs));
    }),
  );
});

test("ContentHasher hashes large contents apart to the same result", async () => {
  await using hasher = await ContentHasher.open();
  const large = Buffer.alloc(5_000_001, "large");
  const small = Buffer.from("small");
  const [a, b] = [await hasher.hashFile("large", large), await hasher.hashFile("small", small)];
  expect(a.hash).toBe(noble(large).toHex());
  expect(a.bytes).toBe(large);
  expect(b.hash).toBe(noble(small).toHex());
});
