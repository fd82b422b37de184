import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generateKeyFiles, loadPublicKey, loadSigningKey, readSigningKey } from "./keys.ts";
import { buildFiles, sourceFolder, TINY } from "./pack-fixture.ts";
import { signPackFile } from "./sign-pack.ts";
import { isNameCovered, loadTrust, trustKey } from "./trust.ts";
import { verifyPack } from "./verify-pack.ts";
import { verifies } from "../../test/verifies.ts";

const NOW = Date.UTC(2026, 0, 1);

test("generateKeyFiles() makes a pair that signs and verifies, and never overwrites", async () => {
  verifies("pack.sign.detached", "security.signed");
  const root = await sourceFolder({});
  const path = join(root, "my-key.pem");
  const files = await generateKeyFiles(path);
  expect(files).toMatchObject({ privatePath: path, publicPath: join(root, "my-key.pub") });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readFile(path, "utf8")).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
  const [signing, publisher] = [await loadSigningKey(path), await loadPublicKey(files.publicPath)];
  expect([signing.id, publisher.id]).toEqual([files.id, files.id]);
  await expect(generateKeyFiles(path)).rejects.toMatchObject({ code: "PACK_KEY_EXISTS" });
  // The pair is made whole or not at all.
  await expect(generateKeyFiles(join(root, "my-key.key"))).rejects.toMatchObject({ code: "PACK_KEY_EXISTS" });
  await expect(stat(join(root, "my-key.key"))).rejects.toThrow("ENOENT");

  const pack = join(root, "tiny.gtpack");
  await writeFile(pack, (await buildFiles(TINY)).bytes);
  await signPackFile(pack, signing);
  expect(await verifyPack(await readFile(pack), { trust: trustKey(publisher), nowMs: NOW })).toMatchObject({
    ok: true,
  });
});

test("loadSigningKey() refuses a key that others may read, and what is no key", async () => {
  const root = await sourceFolder({ "no.pem": "not a key" });
  const path = join(root, "key.pem");
  await generateKeyFiles(path);
  await chmod(path, 0o644);
  await expect(loadSigningKey(path)).rejects.toMatchObject({ code: "PACK_KEY_PERMISSIONS" });
  await expect(loadSigningKey(join(root, "gone.pem"))).rejects.toMatchObject({ code: "PACK_FILE_UNREADABLE" });
  await chmod(join(root, "no.pem"), 0o600);
  await expect(loadSigningKey(join(root, "no.pem"))).rejects.toMatchObject({ code: "PACK_KEY_INVALID" });
  await expect(readSigningKey(await readFile(join(root, "key.pub"), "utf8"))).rejects.toMatchObject({
    code: "PACK_KEY_INVALID",
  });
});

test("loadTrust() reads keys as paths or tables, with names and a last day", async () => {
  const root = await sourceFolder({});
  const { id } = await generateKeyFiles(join(root, "acme.pem"));
  const revoked = "AB".repeat(32);
  const trust = await loadTrust(
    {
      trusted_publishers: ["acme.pub", { key: "acme.pub", names: ["acme-*"], not_after: "2027-12-31" }],
      revoked: [revoked],
      threshold: 2,
      reject_unsigned: false,
    },
    { baseDir: root },
  );
  expect(trust).toMatchObject({
    publishers: [{ key: { id } }, { key: { id }, names: ["acme-*"], notAfterMs: Date.UTC(2028, 0, 1) }],
    revoked: new Set([revoked.toLowerCase()]),
    threshold: 2,
    rejectUnsigned: false,
  });
  expect(await loadTrust({}, { baseDir: root })).toEqual({
    publishers: [],
    revoked: new Set(),
    threshold: 1,
    rejectUnsigned: true,
  });
});

test("loadTrust() refuses settings that would be guessed at", async () => {
  const root = await sourceFolder({ "weak.pub": weakKeyPem() });
  await generateKeyFiles(join(root, "acme.pem"));
  const key = "acme.pub";
  const cases = [
    [{ trusted_publishers: ["gone.pub"] }, "PACK_FILE_UNREADABLE"],
    [{ trusted_publishers: ["weak.pub"] }, "PACK_KEY_WEAK"],
    [{ trusted_publishers: [{ key, names: ["Acme/*"] }] }, "PACK_TRUST_INVALID"],
    [{ trusted_publishers: [{ key, not_after: "2027-02-31" }] }, "PACK_TRUST_INVALID"],
    [{ trusted_publishers: [{ key, not_after: "soon" }] }, "PACK_TRUST_INVALID"],
    [{ revoked: ["abc"] }, "PACK_TRUST_INVALID"],
    [{ threshold: 0 }, "PACK_TRUST_INVALID"],
  ] as const;
  for (const [config, code] of cases)
    await expect(loadTrust(config, { baseDir: root })).rejects.toMatchObject({ code });
});

test.each([
  ["acme-app", ["acme-*"], true],
  ["acme", ["acme-*"], false],
  ["xacme-app", ["acme-*"], false],
  ["acme-app", ["acme-app"], true],
  ["acme-app", ["other", "*"], true],
  ["a-b-c", ["a*b*c"], true],
  ["ab", ["ab*ab"], false],
  ["abc", ["*b"], false],
  ["any", undefined, true],
  ["any", [], false],
])("isNameCovered(%j, %j) is %j", (name, patterns, expected) => {
  expect(isNameCovered(name, patterns)).toBe(expected);
});

/** The identity point as SPKI: every signature of one form verifies under it. */
function weakKeyPem(): string {
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), Buffer.from([1]), Buffer.alloc(31)]);
  return `-----BEGIN PUBLIC KEY-----\n${der.toString("base64")}\n-----END PUBLIC KEY-----\n`;
}
