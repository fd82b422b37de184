import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { verifies } from "../../../test/verifies.ts";
import { encodeCborJson } from "../../types/index.ts";
import { publisherKey, rawPublicKey } from "../public-key.ts";
import { TRUST_NOBODY, trustKey } from "../trust.ts";
import { verifyPack } from "../verify-pack.ts";
import { centralAt, patch, rename } from "../zip-fixture.ts";
import { readLooseZip } from "./loose-zip.ts";
import { fixChecksum, packG1, packV1, signG1, tarOf, zipOf } from "./public-fixture.ts";
import { readTar } from "./tar-read.ts";

const ANYBODY = { ...TRUST_NOBODY, rejectUnsigned: false };
const text = (value: string): Uint8Array => Buffer.from(value);
const small = (): Buffer<ArrayBuffer> =>
  zipOf({ "manifest.cbor": text("m"), "a.txt": text("alpha"), "b.txt": text("beta") });

test("every beginning of a public pack is refused, and none of them throws", async () => {
  verifies("pack.public.hostile");
  const zip = zipOf(await packV1("symbols"));
  const tar = tarOf(await packV1("symbols"));
  for (const [whole, end] of [
    [zip, zip.length],
    [tar, tar.length - 1024],
  ] as const) {
    for (let length = 0; length < end; length += 7) {
      const report = await verifyPack(whole.subarray(0, length), { trust: ANYBODY, nowMs: 0 });
      expect([length, report.ok]).toEqual([length, false]);
    }
  }
});

test("a flipped byte makes a signed pack of 2025 refused, or leaves its content as it was", async () => {
  verifies("pack.public.hostile", "pack.public.signature");
  const { privateKey } = generateKeyPairSync("ed25519");
  const trust = trustKey(await publisherKey(rawPublicKey(privateKey)));
  const zip = zipOf(await signG1(await packG1(), privateKey));
  const whole = await verifyPack(zip, { trust, nowMs: 0 });
  expect(whole.ok).toBe(true);
  let refused = 0;
  for (let at = 0; at < zip.length; at++) {
    const flipped = Buffer.from(zip);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
    const report = await verifyPack(flipped, { trust, nowMs: 0 });
    if (report.ok) expect([at, report.packHash]).toEqual([at, whole.packHash]);
    else refused++;
  }
  expect(refused / zip.length).toBeGreaterThan(0.8);
});

test("manifests nested without end, or with more items than bytes, are refused", async () => {
  verifies("pack.public.hostile");
  const deep = Buffer.concat([Buffer.alloc(100_000, 0x81), Uint8Array.of(0)]);
  const schema = encodeCborJson({ schema_version: "pack-v1" });
  for (const manifest of [
    deep,
    Buffer.concat([Uint8Array.of(0xa2), schema.subarray(1), Uint8Array.of(0x61, 0x78), deep]),
    Buffer.concat([Uint8Array.of(0xa2), schema.subarray(1), Uint8Array.of(0x61, 0x78, 0x9b), Buffer.alloc(8, 0xff)]),
  ]) {
    const report = await verifyPack(zipOf({ "manifest.cbor": manifest }), { trust: ANYBODY, nowMs: 0 });
    expect(report.ok).toBe(false);
    const tar = await verifyPack(tarOf({ "manifest.cbor": manifest }), { trust: ANYBODY, nowMs: 0 });
    expect(tar.findings[0]?.code).toMatch(/^TYPES_CBOR_|^PACK_MANIFEST_INVALID/);
  }
});

test.each([
  ["a name that climbs", "PACK_ZIP_NAME_INVALID", (zip: Buffer): Buffer => named(zip, "../xx")],
  ["an absolute name", "PACK_ZIP_NAME_INVALID", (zip: Buffer): Buffer => named(zip, "/a.tx")],
  ["a backslash", "PACK_ZIP_NAME_INVALID", (zip: Buffer): Buffer => named(zip, "a\\.tx")],
  ["a drive", "PACK_ZIP_NAME_INVALID", (zip: Buffer): Buffer => named(zip, "c:.tx")],
  ["a NUL", "PACK_ZIP_NAME_INVALID", (zip: Buffer): Buffer => named(zip, "a\0.tx")],
  ["a name that is no UTF-8", "PACK_ZIP_NAME_INVALID", (zip: Buffer): Buffer => named(zip, "a\xff.tx")],
  ["the same name twice", "PACK_ZIP_NAME_DUPLICATE", (zip: Buffer): Buffer => named(zip, "b.txt")],
  ["the same name in other case", "PACK_ZIP_NAME_DUPLICATE", (zip: Buffer): Buffer => named(zip, "B.TXT")],
  ["a name in one header only", "PACK_ZIP_HEADER_MISMATCH", (zip: Buffer): Buffer => centralName(zip, "c.txt")],
  ["a link", "PACK_ZIP_FILE_IRREGULAR", (zip: Buffer): Buffer => central(zip, 38, 0o120777 * 0x10000)],
  ["an encrypted entry", "PACK_ZIP_ENCRYPTED", (zip: Buffer): Buffer => field(zip, { local: 6, size: 2, value: 1 })],
  [
    "another method",
    "PACK_ZIP_METHOD_UNSUPPORTED",
    (zip: Buffer): Buffer => field(zip, { local: 8, size: 2, value: 93 }),
  ],
  ["a size beyond the ratio", "PACK_ZIP_RATIO_EXCEEDED", (zip: Buffer): Buffer => inflated(zip, 2000)],
  ["a size beyond the limit", "PACK_ZIP_ENTRY_TOO_LARGE", (zip: Buffer): Buffer => inflated(zip, 65 << 20)],
  ["two entries in one place", "PACK_ZIP_OVERLAP", (zip: Buffer): Buffer => sized(zip, 12)],
  ["bytes in front", "PACK_ZIP_PREFIX", (zip: Buffer): Buffer => Buffer.concat([text("x"), zip])],
  ["bytes behind", "PACK_ZIP_TRAILING", (zip: Buffer): Buffer => Buffer.concat([zip, text("x")])],
  ["more entries than there are", "PACK_ZIP_HEADER_INVALID", (zip: Buffer): Buffer => counted(zip, 4)],
  ["fewer entries than there are", "PACK_ZIP_GAP", (zip: Buffer): Buffer => counted(zip, 2)],
] as const)("readLooseZip() refuses %s as %s", (_what, code, make) => {
  verifies("pack.public.hostile");
  expect(() => readLooseZip(make(small()))).toThrow(expect.objectContaining({ code }));
});

test("readLooseZip() takes what is only unusual, and tells it", () => {
  verifies("pack.public.read");
  const comment = small();
  comment.writeUInt16LE(2, comment.length - 2);
  const codes = (zip: Uint8Array): readonly string[] => readLooseZip(zip).findings.map(({ code }) => code);
  expect(codes(small())).toEqual([]);
  expect(codes(Buffer.concat([comment, text("hi")]))).toEqual(["PACK_ZIP_COMMENT"]);
  expect(codes(named(small(), "a@2.x"))).toEqual(["PACK_ZIP_NAME_INVALID"]);
  expect(codes(central(small(), 38, 0o100755 * 0x10000))).toEqual(["PACK_ZIP_FILE_IRREGULAR"]);
  expect(codes(field(small(), { local: 6, size: 2, value: 8 }))).toEqual(["PACK_ZIP_DESCRIPTOR"]);
  // Another date is nobody's business.
  expect(codes(field(small(), { local: 12, size: 2, value: 0x5000 }))).toEqual([]);
  expect(codes(sized(small(), 3))).toEqual(["PACK_ZIP_GAP"]);
});

test.each([
  ["a link", "PACK_ZIP_FILE_IRREGULAR", (tar: Buffer): unknown => tar.write("2", 156)],
  ["a long-name header", "PACK_ZIP_FILE_IRREGULAR", (tar: Buffer): unknown => tar.write("L", 156)],
  ["a name that climbs", "PACK_ZIP_NAME_INVALID", (tar: Buffer): unknown => tar.write("../x\0", 0)],
  ["a size that is no number", "PACK_TAR_INVALID", (tar: Buffer): unknown => tar.write("9999", 124)],
  ["a size beyond the file", "PACK_TAR_INVALID", (tar: Buffer): unknown => tar.write("00000777777", 124)],
  ["a size beyond the limit", "PACK_ZIP_ENTRY_TOO_LARGE", (tar: Buffer): unknown => tar.write("77777777777", 124)],
  ["another magic", "PACK_TAR_INVALID", (tar: Buffer): unknown => tar.write("vstar", 257)],
] as const)("readTar() refuses %s as %s", (_what, code, change) => {
  verifies("pack.public.hostile");
  const tar = tarOf({ "a.txt": text("alpha") });
  change(tar);
  fixChecksum(tar);
  expect(() => readTar(tar)).toThrow(expect.objectContaining({ code }));
});

test("readTar() refuses a wrong checksum, names that collide and bytes after the end", () => {
  verifies("pack.public.hostile");
  const wrong = tarOf({ "a.txt": text("alpha") });
  wrong.write("b", 0);
  const twice = tarOf({ "a.txt": text("alpha"), "A.txt": text("alpha") });
  const behind = Buffer.concat([tarOf({ "a.txt": text("alpha") }), text("x")]);
  for (const [tar, code] of [
    [wrong, "PACK_TAR_INVALID"],
    [twice, "PACK_ZIP_NAME_DUPLICATE"],
    [behind, "PACK_TAR_INVALID"],
  ] as const)
    expect(() => readTar(tar)).toThrow(expect.objectContaining({ code }));
});

/** The entry a.txt, the second of three. */
const AT = 1;

function named(zip: Buffer, name: string): Buffer {
  rename(zip, AT, name);
  return zip;
}

function centralName(zip: Buffer, name: string): Buffer {
  zip.write(name, centralAt(zip, AT) + 46, "latin1");
  return zip;
}

function central(zip: Buffer, offset: number, value: number): Buffer {
  zip.writeUInt32LE(value, centralAt(zip, AT) + offset);
  return zip;
}

function field(zip: Buffer, change: Parameters<typeof patch>[2]): Buffer {
  patch(zip, AT, change);
  return zip;
}

function inflated(zip: Buffer, sizeBytes: number): Buffer {
  patch(zip, AT, { local: 8, size: 2, value: 8 });
  return field(zip, { local: 22, size: 4, value: sizeBytes });
}

function sized(zip: Buffer, sizeBytes: number): Buffer {
  patch(zip, AT, { local: 18, size: 4, value: sizeBytes });
  return field(zip, { local: 22, size: 4, value: sizeBytes });
}

function counted(zip: Buffer, entries: number): Buffer {
  zip.writeUInt16LE(entries, zip.length - 14);
  zip.writeUInt16LE(entries, zip.length - 12);
  return zip;
}
