import { sign } from "node:crypto";
import { assert, asyncProperty, integer } from "fast-check";
import { expect, test } from "vitest";
import { encodeCbor } from "./cbor.ts";
import { ContentHasher } from "./content-hasher.ts";
import type { BuiltPack } from "./build-pack.ts";
import { openPack } from "./open-pack.ts";
import { buildFiles, countTurns, FLOW, keyPair, TINY } from "./pack-fixture.ts";
import { isGreenticError } from "../types/index.ts";
import { encodeSignatures, signedStatement } from "./signature-file.ts";
import type { PackSignature } from "./signature-file.ts";
import { signPack } from "./sign-pack.ts";
import { TRUST_NOBODY, trustKey } from "./trust.ts";
import type { TrustPolicy } from "./trust.ts";
import { verifyPack } from "./verify-pack.ts";
import { readZip } from "./zip-read.ts";
import { writeZip } from "./zip-write.ts";
import type { ZipFile } from "./zip-write.ts";
import { verifies } from "../../test/verifies.ts";

const NOW = Date.UTC(2026, 0, 1);
const LAX: TrustPolicy = { ...TRUST_NOBODY, rejectUnsigned: false };

const filesOf = (bytes: Uint8Array): ZipFile[] => readZip(bytes).map(({ path, packed }) => ({ path, bytes: packed }));
const withFile = (bytes: Uint8Array, path: string, content: Uint8Array): Uint8Array =>
  writeZip([...filesOf(bytes).filter((file) => file.path !== path), { path, bytes: content }]);
const without = (bytes: Uint8Array, path: string): Uint8Array =>
  writeZip(filesOf(bytes).filter((file) => file.path !== path));

function signatureBy(
  built: BuiltPack,
  key: Awaited<ReturnType<typeof keyPair>>["signing"],
  statement?: Uint8Array,
): PackSignature {
  const { packHash, manifest } = built;
  const message = statement ?? signedStatement({ packHash, name: manifest.name, version: manifest.version });
  return { keyId: key.id, signature: sign(null, message, key.privateKey) };
}

test("verifyPack() accepts a pack that a trusted key signed", async () => {
  verifies("pack.verify.signature");
  const built = await buildFiles(TINY);
  const { signing, publisher } = await keyPair();
  const signed = await signPack(built.bytes, signing);
  expect(signed).toMatchObject({ packHash: built.packHash, keyId: publisher.id });
  expect(await verifyPack(signed.bytes, { trust: trustKey(publisher), nowMs: NOW })).toEqual({
    ok: true,
    generation: "native",
    kind: "application",
    name: "tiny",
    version: "1.2.3",
    packHash: built.packHash,
    signature: { status: "valid", keyIds: [publisher.id] },
    sbom: { status: "valid", mismatches: [] },
    findings: [],
  });
});

test("verifyPack() judges unsigned and unknown signatures by the policy", async () => {
  const built = await buildFiles(TINY);
  const [known, unknown] = [await keyPair(), await keyPair()];
  const signed = await signPack(built.bytes, unknown.signing);
  const cases = [
    [built.bytes, TRUST_NOBODY, false, "none", ["PACK_UNSIGNED"]],
    [built.bytes, LAX, true, "none", ["PACK_UNSIGNED"]],
    [signed.bytes, trustKey(known.publisher), false, "untrusted", ["PACK_SIGNATURE_UNTRUSTED"]],
    [
      signed.bytes,
      { ...trustKey(known.publisher), rejectUnsigned: false },
      true,
      "untrusted",
      ["PACK_SIGNATURE_UNTRUSTED"],
    ],
  ] as const;
  for (const [bytes, trust, ok, status, codes] of cases) {
    const report = await verifyPack(bytes, { trust, nowMs: NOW });
    expect(report).toMatchObject({ ok, signature: { status } });
    expect(report.findings.map((finding) => finding.code)).toEqual(codes);
  }
});

test("verifyPack() asks for a threshold of different keys", async () => {
  const built = await buildFiles(TINY);
  const [a, b] = [await keyPair(), await keyPair()];
  const trust = { ...TRUST_NOBODY, publishers: [{ key: a.publisher }, { key: b.publisher }], threshold: 2 };
  const once = await signPack(built.bytes, a.signing);
  const again = await signPack(once.bytes, a.signing);
  expect(Buffer.from(again.bytes).equals(once.bytes)).toBe(true);
  expect(await verifyPack(again.bytes, { trust, nowMs: NOW })).toMatchObject({
    ok: false,
    signature: { status: "untrusted" },
  });
  const both = await signPack(once.bytes, b.signing);
  const report = await verifyPack(both.bytes, { trust, nowMs: NOW });
  expect(report).toMatchObject({
    ok: true,
    signature: { status: "valid", keyIds: [a.publisher.id, b.publisher.id].toSorted() },
  });
});

test("verifyPack() lets a key count only in its scope, its time and while it isn't revoked", async () => {
  const { signing, publisher } = await keyPair();
  const { bytes } = await signPack((await buildFiles(TINY)).bytes, signing);
  const verify = (
    publishers: TrustPolicy["publishers"],
    revoked: readonly string[] = [],
  ): ReturnType<typeof verifyPack> =>
    verifyPack(bytes, { trust: { ...TRUST_NOBODY, publishers, revoked: new Set(revoked) }, nowMs: NOW });
  expect(await verify([{ key: publisher, names: ["ti*"], notAfterMs: NOW + 1 }])).toMatchObject({ ok: true });
  const codes = async (report: ReturnType<typeof verifyPack>): Promise<readonly string[]> =>
    (await report).findings.map((f) => f.code);
  expect(await codes(verify([{ key: publisher, names: ["acme-*"] }]))).toEqual([
    "PACK_SIGNER_OUT_OF_SCOPE",
    "PACK_SIGNATURE_UNTRUSTED",
  ]);
  expect(await codes(verify([{ key: publisher, notAfterMs: NOW }]))).toEqual([
    "PACK_SIGNER_EXPIRED",
    "PACK_SIGNATURE_UNTRUSTED",
  ]);
  expect(await codes(verify([{ key: publisher }], [publisher.id]))).toEqual([
    "PACK_SIGNER_REVOKED",
    "PACK_SIGNATURE_UNTRUSTED",
  ]);
  expect(
    await verify([
      { key: publisher, names: ["acme-*"] },
      { key: publisher, names: ["tiny"] },
    ]),
  ).toMatchObject({ ok: true });
});

test("verifyPack() misses the signatures that the manifest expects, when they are stripped", async () => {
  const { signing, publisher } = await keyPair();
  const built = await buildFiles(TINY, { signers: [publisher.id] });
  expect(await verifyPack(built.bytes, { trust: LAX, nowMs: NOW })).toMatchObject({ ok: false });
  const signed = await signPack(built.bytes, signing);
  expect(await verifyPack(signed.bytes, { trust: trustKey(publisher), nowMs: NOW })).toMatchObject({ ok: true });
});

test("verifyPack() accepts no signature that was made for something else", async () => {
  const { signing, publisher } = await keyPair();
  const built = await buildFiles(TINY);
  const other = await buildFiles({ ...TINY, "assets/templates/hello.hbs": "changed" });
  const { packHash, manifest } = built;
  const foreign = [
    signatureBy(other, signing),
    signatureBy(built, signing, Uint8Array.fromHex(packHash)),
    signatureBy(built, signing, signedStatement({ packHash, name: manifest.name, version: "1.2.4" })),
    signatureBy(built, signing, signedStatement({ packHash, name: "tiny2", version: manifest.version })),
    { keyId: publisher.id, signature: new Uint8Array(64) },
    { ...signatureBy(built, (await keyPair()).signing), keyId: publisher.id },
  ];
  for (const signature of foreign) {
    const bytes = withFile(built.bytes, "signature.sig", encodeSignatures([signature]));
    for (const trust of [trustKey(publisher), { ...trustKey(publisher), rejectUnsigned: false }])
      expect(await verifyPack(bytes, { trust, nowMs: NOW })).toMatchObject({
        ok: false,
        signature: { status: "invalid" },
      });
  }
});

test("verifyPack() refuses a malformed signature.sig, another algorithm, and a key that stands twice", async () => {
  const { signing, publisher } = await keyPair();
  const built = await buildFiles(TINY);
  const { keyId, signature } = signatureBy(built, signing);
  const entry = (algorithm: string): ReadonlyMap<string, string | Uint8Array> =>
    new Map<string, string | Uint8Array>([
      ["key_id", Uint8Array.fromHex(keyId)],
      ["algorithm", algorithm],
      ["signature", signature],
    ]);
  const malformed = [
    new Uint8Array(),
    encodeCbor([]),
    encodeCbor("valid"),
    encodeCbor([entry("none")]),
    encodeCbor([entry("ed25519"), entry("ed25519")]),
    encodeCbor([new Map([...entry("ed25519"), ["extra", "x"] as const])]),
    Buffer.concat([encodeSignatures([{ keyId, signature }]), Buffer.from([0])]),
  ];
  for (const content of malformed) {
    const bytes = withFile(built.bytes, "signature.sig", content);
    const report = await verifyPack(bytes, { trust: { ...trustKey(publisher), rejectUnsigned: false }, nowMs: NOW });
    expect(report).toMatchObject({
      ok: false,
      signature: { status: "invalid" },
      findings: [{ code: "PACK_SIGNATURE_MALFORMED" }],
    });
  }
});

test("verifyPack() finds entries that were added, dropped, changed, renamed or swapped", async () => {
  const { signing, publisher } = await keyPair();
  const { bytes } = await signPack((await buildFiles(TINY)).bytes, signing);
  const [en, pt] = ["assets/i18n/en.json", "assets/i18n/pt-BR.json"] as const;
  const contentOf = (path: string): Uint8Array =>
    filesOf(bytes).find((file) => file.path === path)?.bytes ?? new Uint8Array();
  const swapped = withFile(withFile(bytes, en, contentOf(pt)), pt, contentOf(en));
  const cases: readonly (readonly [Uint8Array, readonly string[]])[] = [
    [withFile(bytes, "assets/extra.txt", Buffer.from("x")), ["PACK_ENTRY_UNLISTED"]],
    [without(bytes, en), ["PACK_ENTRY_MISSING"]],
    [without(bytes, "sbom.json"), ["PACK_ENTRY_MISSING"]],
    [withFile(bytes, en, Buffer.from("{}")), ["PACK_HASH_MISMATCH"]],
    [withFile(without(bytes, en), "assets/i18n/fr.json", contentOf(en)), ["PACK_ENTRY_MISSING", "PACK_ENTRY_UNLISTED"]],
    [swapped, ["PACK_HASH_MISMATCH", "PACK_HASH_MISMATCH"]],
  ];
  for (const [tampered, codes] of cases) {
    const report = await verifyPack(tampered, { trust: trustKey(publisher), nowMs: NOW });
    expect(report).toMatchObject({ ok: false, signature: { status: "invalid" } });
    expect(report.findings.map((finding) => finding.code).filter((code) => code !== "PACK_SIGNATURE_INVALID")).toEqual(
      codes,
    );
  }
  expect(await verifyPack(without(bytes, "manifest.cbor"), { trust: LAX, nowMs: NOW })).toMatchObject({
    ok: false,
    packHash: null,
    findings: [{ code: "PACK_MANIFEST_MISSING" }],
  });
});

test("verifyPack() refuses a signed pack with any byte changed, with a typed error", async () => {
  const { signing, publisher } = await keyPair();
  const { bytes } = await signPack((await buildFiles(TINY)).bytes, signing);
  const position = integer({ min: 0, max: bytes.length - 1 });
  const tamper = asyncProperty(position, integer({ min: 1, max: 255 }), async (at, mask) => {
    const tampered = Uint8Array.from(bytes);
    tampered[at] = (tampered[at] ?? 0) ^ mask;
    const report = await verifyPack(tampered, { trust: trustKey(publisher), nowMs: NOW });
    expect(report.ok).toBe(false);
    expect(report.findings.every((finding) => /^PACK_[A-Z0-9_]+$/.test(finding.code))).toBe(true);
    await expect(openPack(tampered, { trust: trustKey(publisher), nowMs: NOW })).rejects.toSatisfy((e) =>
      isGreenticError(e),
    );
  });
  await assert(tamper, { numRuns: 400 });
});

test("verifyPack() refuses a pack cut at any of many offsets", async () => {
  const { bytes } = await buildFiles(TINY);
  for (let length = 0; length < bytes.length; length += 37)
    expect(await verifyPack(bytes.subarray(0, length), { trust: LAX, nowMs: NOW })).toMatchObject({ ok: false });
});

test("verifyPack() hands flows and components to the checks of --full and judges their findings", async () => {
  const { bytes } = await buildFiles(TINY);
  const seen: string[] = [];
  const report = await verifyPack(bytes, {
    trust: LAX,
    nowMs: NOW,
    full: {
      checkFlow: ({ name, path, source }) => {
        seen.push(`${name} ${path} ${source.length}`);
        return [];
      },
      checkComponent: async ({ name, path, bytes: component, grants }) => {
        seen.push(`${name} ${component.length} ${grants.http.join()}`);
        return [
          { code: "COMPONENT_IMPORT_UNGRANTED", severity: "error", path, message: "Check component: import refused" },
        ];
      },
    },
  });
  expect(seen).toEqual([`main flows/main.ygtc ${FLOW.length}`, "echo 8 https://api.example.com"]);
  expect(report.ok).toBe(false);
  expect(report.findings.map((finding) => finding.code)).toEqual(["PACK_UNSIGNED", "COMPONENT_IMPORT_UNGRANTED"]);
});

test("verifying a large pack gives the event loop its turns", async () => {
  const large = Buffer.alloc(24 << 20);
  for (let i = 0; i < large.length; i += 4096) large.writeUInt32LE(i, i);
  const zip = writeZip([{ path: "assets/large.bin", bytes: large }]);
  const { turns } = await countTurns(async () => {
    await using hasher = await ContentHasher.open();
    for (const entry of readZip(zip)) await hasher.readEntry(entry);
  });
  // One for each piece that is handed over, at least.
  expect(turns).toBeGreaterThan(12);
});
