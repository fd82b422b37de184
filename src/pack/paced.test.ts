import { expect, test } from "vitest";
import { Pace } from "../types/index.ts";
import { loadBlake3 } from "./blake3.ts";
import { decodeCborPaced, encodeCbor } from "./cbor.ts";
import { ContentHasher } from "./content-hasher.ts";
import { computePackHash, computePackHashPaced } from "./digest.ts";
import type { PackManifest } from "./manifest.ts";
import { encodeManifest } from "./manifest.ts";
import { decodeManifest, decodeManifestPaced } from "./manifest-read.ts";
import { countTurns } from "./pack-fixture.ts";
import { checkSbomPaced } from "./sbom-check.ts";
import { TRUST_NOBODY } from "./trust.ts";
import { verifyPack } from "./verify-pack.ts";
import { readZip, readZipPaced } from "./zip-read.ts";
import { writeZip } from "./zip-write.ts";
import { verifies } from "../../test/verifies.ts";

/** As many as a pack may hold, with manifest and SBOM. */
const ASSETS = 4_094;

interface LargePack {
  readonly manifest: PackManifest;
  readonly manifestBytes: Uint8Array;
  readonly sbom: Uint8Array;
  readonly bytes: Uint8Array;
}

let building: Promise<LargePack> | undefined;
const largePack = (): Promise<LargePack> => (building ??= build());

async function build(): Promise<LargePack> {
  const hash = (await loadBlake3())(Buffer.from("small")).toHex();
  const paths = Array.from({ length: ASSETS }, (_, i) => `assets/${String(i).padStart(5, "0")}.txt`);
  const components = paths.map((name) => ({
    "bom-ref": `file:${name}`,
    name,
    hashes: [{ alg: "BLAKE3", content: hash }],
  }));
  const sbom = Buffer.from(JSON.stringify({ bomFormat: "CycloneDX", specVersion: "1.6", components }));
  const sbomHash = (await loadBlake3())(sbom).toHex();
  const manifestBytes = encodeManifest({
    name: "large",
    version: "1.0.0",
    description: "",
    authors: [],
    capabilities: { id: "greentic.cap.app.v1", provides: [] },
    flows: new Map(),
    components: new Map(),
    assets: new Map(paths.map((path) => [path, { path, hash, sizeBytes: 5, mediaType: "text/plain" }])),
    dependencies: new Map(),
    secrets: { required: [], optional: [] },
    config: {},
    sbom: { path: "sbom.json", hash: sbomHash, sizeBytes: sbom.length },
    signers: [],
  });
  const files = paths.map((path) => ({ path, bytes: Buffer.from("small") }));
  const bytes = writeZip([
    { path: "manifest.cbor", bytes: manifestBytes },
    { path: "sbom.json", bytes: sbom },
    ...files,
  ]);
  return { manifest: decodeManifest(manifestBytes), manifestBytes, sbom, bytes };
}

/** Does the work, and says how often it rested and what it announced for one turn at most. */
function watch<T>(work: (pace: Pace) => Generator<void, T, void>): { value: T; rests: number; most: number } {
  const pace = new Pace();
  const steps = work(pace);
  for (let rests = 0; ; rests++) {
    const { done, value } = steps.next();
    if (done === true) return { value, rests, most: pace.most };
  }
}

test("every step of a verification rests before it has held up the event loop", async () => {
  verifies("pack.paced");
  const { manifest, manifestBytes, sbom, bytes } = await largePack();
  const refs = [...manifest.assets.values()];
  const blake3 = await loadBlake3();
  const manifestHash = blake3(manifestBytes).toHex();
  const zip = watch((pace) => readZipPaced(bytes, pace));
  expect(zip.value).toEqual(readZip(bytes));
  const cbor = watch((pace) => decodeCborPaced(manifestBytes, pace));
  expect(encodeCbor(cbor.value)).toEqual(manifestBytes);
  const read = watch((pace) => decodeManifestPaced(manifestBytes, pace));
  expect(read.value).toEqual(manifest);
  const hashed = watch((pace) => computePackHashPaced(blake3, { manifestHash, contents: refs, pace }));
  expect(hashed.value).toBe(computePackHash(blake3, { manifest: manifestBytes, contents: refs }));
  const listed = watch((pace) => checkSbomPaced(manifest, sbom, pace));
  expect(listed.value.status).toBe("valid");
  for (const { rests, most } of [zip, cbor, read, hashed, listed]) {
    expect(rests).toBeGreaterThanOrEqual(2);
    expect(most).toBeLessThanOrEqual(6_000);
  }
});

test("verifying thousands of small entries gives the event loop its turns", async () => {
  const { bytes } = await largePack();
  const { turns, value: report } = await countTurns(() =>
    verifyPack(bytes, { trust: { ...TRUST_NOBODY, rejectUnsigned: false }, nowMs: 0 }),
  );
  expect(report.findings.filter(({ severity }) => severity === "error")).toEqual([]);
  // Microseconds of work as announced, of reading headers, contents and manifest, of hashing and of comparing.
  expect(turns).toBeGreaterThan((ASSETS * (5 + 15 + 6 + 8 + 4 + 3)) / 6_000);
});

test("a pace counts the work of all its steps together", async () => {
  const pace = new Pace();
  await using hasher = await ContentHasher.open(pace);
  for (let i = 0; i < 300; i++) await hasher.hashFile("a", Buffer.from("a"));
  expect(pace.spend(1_400)).toBe(false);
  expect(pace.spend(1_400)).toBe(true);
  expect(pace.most).toBeLessThanOrEqual(6_000);
  // Work that can't be divided is announced whole, and has its turn for itself.
  expect(pace.spend(9_000)).toBe(true);
  expect(pace.spend(1)).toBe(true);
});

test("a manifest that lists more than an archive may hold is refused before anything is compared", async () => {
  const { manifest } = await largePack();
  const assets = new Map(manifest.assets);
  for (let i = 0; i < 3; i++) {
    const path = `assets/more-${i}.txt`;
    assets.set(path, { path, hash: "00".repeat(32), sizeBytes: 1, mediaType: "text/plain" });
  }
  const bytes = encodeManifest({ ...manifest, assets });
  expect(() => decodeManifest(bytes)).toThrow(expect.objectContaining({ code: "PACK_MANIFEST_INVALID" }));
  expect(() => decodeManifest(new Uint8Array((8 << 20) + 1))).toThrow(
    expect.objectContaining({ code: "PACK_MANIFEST_INVALID" }),
  );
});
