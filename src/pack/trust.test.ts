import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openPack } from "./open-pack.ts";
import { buildFiles, keyPair, sourceFolder, TINY } from "./pack-fixture.ts";
import { rawPublicKey } from "./public-key.ts";
import { signPack } from "./sign-pack.ts";
import { combineTrust, readTrustFile, signTrustFile, TrustVersions } from "./trust-file.ts";
import { loadTrust, TRUST_NOBODY, trustedPublisher } from "./trust.ts";
import type { TrustPolicy } from "./trust.ts";
import { verifyPack } from "./verify-pack.ts";
import { verifies } from "../../test/verifies.ts";

type Keys = Awaited<ReturnType<typeof keyPair>>;
const NOW = Date.UTC(2026, 5, 15);

const pemOf = ({ publisher }: Keys): string => publisher.key.export({ format: "pem", type: "spki" });

async function signedBy(...keys: readonly Keys[]): Promise<Uint8Array> {
  let { bytes } = await buildFiles(TINY);
  for (const { signing } of keys) ({ bytes } = await signPack(bytes, signing));
  return bytes;
}

async function codesOf(bytes: Uint8Array, trust: Partial<TrustPolicy>, nowMs = NOW): Promise<readonly string[]> {
  const { findings } = await verifyPack(bytes, { trust: { ...TRUST_NOBODY, ...trust }, nowMs });
  return findings.map(({ code }) => code);
}

test("verifyPack() counts a key from its first day to its last", async () => {
  verifies("pack.trust.windows");
  const keys = await keyPair();
  const bytes = await signedBy(keys);
  const publishers = [trustedPublisher(keys.publisher, { not_before: "2026-06-01", not_after: "2026-06-30" })];
  const at = (day: string): Promise<readonly string[]> => codesOf(bytes, { publishers }, Date.parse(day));
  expect(await at("2026-05-31T23:59:59Z")).toEqual(["PACK_SIGNER_NOT_YET_VALID", "PACK_SIGNATURE_UNTRUSTED"]);
  expect(await at("2026-06-01T00:00:00Z")).toEqual([]);
  expect(await at("2026-06-30T23:59:59Z")).toEqual([]);
  expect(await at("2026-07-01T00:00:00Z")).toEqual(["PACK_SIGNER_EXPIRED", "PACK_SIGNATURE_UNTRUSTED"]);
  expect(() => trustedPublisher(keys.publisher, { not_before: "2026-07-01", not_after: "2026-06-30" })).toThrow(
    expect.objectContaining({ code: "PACK_TRUST_INVALID" }),
  );
});

test("verifyPack() counts publishers towards the threshold, not their keys", async () => {
  verifies("pack.trust.threshold");
  const [old, next, other] = [await keyPair(), await keyPair(), await keyPair()];
  const publishers = [
    { key: old.publisher, publisher: "acme" },
    { key: next.publisher, publisher: "acme" },
    { key: other.publisher, publisher: "auditor" },
  ];
  const two = { publishers, threshold: 2 };
  expect(await codesOf(await signedBy(old, next), two)).toEqual(["PACK_SIGNATURE_UNTRUSTED"]);
  expect(await codesOf(await signedBy(next, other), two)).toEqual([]);
  expect(await codesOf(await signedBy(old, next, other), two)).toEqual([]);
});

test("verifyPack() lets a publisher go from one key to the next without a host that stops", async () => {
  verifies("pack.trust.rotation");
  const [old, next] = [await keyPair(), await keyPair()];
  const [a, ab, b] = [await signedBy(old), await signedBy(old, next), await signedBy(next)];
  const hosts = {
    before: { publishers: [{ key: old.publisher }] },
    during: { publishers: [{ key: old.publisher }, { key: next.publisher }] },
    after: { publishers: [{ key: next.publisher }], revoked: new Set([old.publisher.id]) },
  };
  const accepts = async (bytes: Uint8Array, host: Partial<TrustPolicy>): Promise<boolean> =>
    (await verifyPack(bytes, { trust: { ...TRUST_NOBODY, ...host }, nowMs: NOW })).ok;
  expect(await Promise.all([a, ab, b].map((bytes) => accepts(bytes, hosts.before)))).toEqual([true, true, false]);
  expect(await Promise.all([a, ab, b].map((bytes) => accepts(bytes, hosts.during)))).toEqual([true, true, true]);
  expect(await Promise.all([a, ab, b].map((bytes) => accepts(bytes, hosts.after)))).toEqual([false, true, true]);
});

test("a loaded pack judges its signatures by the trust of now", async () => {
  const keys = await keyPair();
  const trust = { ...TRUST_NOBODY, publishers: [{ key: keys.publisher }] };
  const pack = await openPack(await signedBy(keys), { trust, nowMs: NOW });
  expect(await pack.judge({ trust, nowMs: NOW })).toMatchObject({ status: "valid", findings: [] });
  const revoked = { ...trust, revoked: new Set([keys.publisher.id]), rejectUnsigned: false };
  const { findings } = await pack.judge({ trust: revoked, nowMs: NOW });
  expect(findings).toContainEqual(expect.objectContaining({ code: "PACK_SIGNER_REVOKED", severity: "error" }));
});

const trustJson = (keys: Keys, extra: object = {}): Uint8Array =>
  Buffer.from(
    JSON.stringify({
      version: 3,
      expires: "2026-12-31",
      trusted_publishers: [{ key: pemOf(keys), names: ["ti*"], publisher: "acme" }],
      ...extra,
    }),
  );

test("readTrustFile() believes what the root signed, for its time", async () => {
  verifies("pack.trust.file");
  const [root, other, acme] = [await keyPair(), await keyPair(), await keyPair()];
  expect(rawPublicKey(root.publisher.key)).toHaveLength(32);
  const payload = trustJson(acme, { revoked: [other.publisher.id], threshold: 1 });
  const file = Buffer.from(await signTrustFile(payload, root.signing));
  const read = (bytes: Uint8Array, roots = [root.publisher], nowMs = NOW): ReturnType<typeof readTrustFile> =>
    readTrustFile(bytes, { roots, nowMs });
  const signed = await read(file);
  const trust = combineTrust(await loadTrust({}, { baseDir: "/" }), signed);
  expect(await codesOf(await signedBy(acme), trust)).toEqual([]);
  expect(await codesOf(await signedBy(other), trust)).toContain("PACK_SIGNER_REVOKED");
  await expect(read(file, [other.publisher])).rejects.toMatchObject({ code: "PACK_TRUST_UNSIGNED" });
  await expect(read(file, [root.publisher], Date.UTC(2027, 0, 1))).rejects.toMatchObject({
    code: "PACK_TRUST_EXPIRED",
  });
  for (let at = 0; at < file.length; at += 7) {
    const broken = Buffer.from(file);
    broken[at] = (broken[at] ?? 0) ^ 1;
    // Spaces and line ends of the envelope are no part of what is signed.
    const verdict = await read(broken).then(
      ({ digest }) => digest,
      (error: unknown) => error,
    );
    if (typeof verdict === "string") expect(verdict).toBe(signed.digest);
    else expect(verdict).toMatchObject({ code: expect.stringMatching(/^PACK_(?:ENVELOPE|TRUST)_/) as string });
  }
  for (const extra of [{ version: 0 }, { expires: "2026-02-30" }, { threshold: 0 }, { revoked: ["ab"] }, { more: 1 }])
    await expect(signTrustFile(trustJson(acme, extra), root.signing)).rejects.toMatchObject({
      code: "PACK_TRUST_INVALID",
    });
});

test("TrustVersions refuses a trust file that is older than one it has seen, or another of the same version", async () => {
  verifies("pack.trust.file");
  const acme = await keyPair();
  const root = await keyPair();
  const memory = join(await sourceFolder({}), "trust-version.json");
  const versions = new TrustVersions(memory);
  const signed = async (extra: object): Promise<Awaited<ReturnType<typeof readTrustFile>>> => {
    const file = await signTrustFile(trustJson(acme, extra), root.signing);
    return readTrustFile(Buffer.from(file), { roots: [root.publisher], nowMs: NOW });
  };
  await versions.admit(await signed({ version: 3 }));
  await versions.admit(await signed({ version: 3 }));
  await expect(versions.admit(await signed({ version: 3, threshold: 2 }))).rejects.toMatchObject({
    code: "PACK_TRUST_ROLLED_BACK",
  });
  await versions.admit(await signed({ version: 4 }));
  await expect(new TrustVersions(memory).admit(await signed({ version: 3 }))).rejects.toMatchObject({
    code: "PACK_TRUST_ROLLED_BACK",
  });
  await writeFile(memory, "{");
  await expect(versions.admit(await signed({ version: 5 }))).rejects.toMatchObject({ code: "PACK_TRUST_INVALID" });
});
