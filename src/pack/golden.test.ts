import { createHash, createPrivateKey } from "node:crypto";
import { expect, test } from "vitest";
import { verifies } from "../../test/verifies.ts";
import { formatPackLock } from "./dependencies/pack-lock.ts";
import { readSigningKey } from "./keys.ts";
import { buildFiles, TINY } from "./pack-fixture.ts";
import { signPack } from "./sign-pack.ts";
import { decodeSignatures } from "./signature-file.ts";
import { readZip } from "./zip-read.ts";

/** PKCS#8 of an Ed25519 key whose 32 secret bytes are all 7. */
const KEY = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.alloc(32, 7)]);

const LOCKED = {
  ...TINY,
  "pack.lock": formatPackLock(
    new Map([
      [
        "greentic-templates",
        {
          name: "greentic-templates",
          version: "0.4.2",
          packHash: "cd".repeat(32),
          source: "../greentic-templates-0.4.2.gtpack",
          dependencies: [],
        },
      ],
    ]),
  ),
};

const KEY_ID = "0871f3aabc26e4582c508af5c03884e6a96f0989d1dd8cfb49cd17ed25792433";
const GOLDEN = {
  cyclonedx: {
    packHash: "561ec9b2d46cf4a7cef93c285dbb2759e96010ca64845fb3aafc982d2c08a4b5",
    unsigned: { sizeBytes: 5921, sha256: "91a7b345475cce79097e885657552a8404b26221087d706016b977d5d71a7624" },
    signed: { sizeBytes: 6160, sha256: "7e90801005c82d19b9a89a81da08051f6f1b99b2dc2fbc8d2df485ce9153463e" },
    keyId: KEY_ID,
    signature:
      "4214f13b284ca5b9e8d144414d8f2d4720b380a7cf689856ebe81744deed09d6b98e9d18a611fa282cad77dbb15802d2d425df6ba67e19addcbf1694f8edcb0e",
  },
  spdx: {
    packHash: "fc5983214d7df5ef221c513c1e29d28150277022cf3f58e5f284588bd2a513dc",
    unsigned: { sizeBytes: 7339, sha256: "80dea84d2eb84f3ed0a7445f3de983d925a1e63610357e3971e007b2eb80e35d" },
    signed: { sizeBytes: 7578, sha256: "e7f8e28c94b5525407aa1fdd001af82f2d769543410311fa2349e4091338b755" },
    keyId: KEY_ID,
    signature:
      "5b5ce50402694ea70dcf1bc6e04c48f08f42a294fdbc23ebf109bd466ac0964762e5f6f00209d130bc19287a021dcdac9f74d9ec2bc18e8ca020c4b463141207",
  },
};

// Whoever changes one of these changes what every publisher has signed: say so in the changelog.
test.each([
  ["CycloneDX, dependencies open", TINY, "cyclonedx"],
  ["SPDX, dependencies locked", LOCKED, "spdx"],
] as const)("the golden pack, %s, keeps its bytes, hash and signature", async (_name, files, sbom) => {
  verifies("pack.golden");
  const { bytes, packHash } = await buildFiles(files, { sbom });
  const pem = createPrivateKey({ key: KEY, format: "der", type: "pkcs8" }).export({ format: "pem", type: "pkcs8" });
  const signed = await signPack(bytes, await readSigningKey(pem));
  const packed = readZip(signed.bytes).find(({ path }) => path === "signature.sig")?.packed ?? new Uint8Array();
  const [signature] = decodeSignatures(packed);
  const sha256 = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");
  expect({
    packHash,
    unsigned: { sizeBytes: bytes.length, sha256: sha256(bytes) },
    signed: { sizeBytes: signed.bytes.length, sha256: sha256(signed.bytes) },
    keyId: signature?.keyId,
    signature: Buffer.from(signature?.signature ?? []).toString("hex"),
  }).toEqual(GOLDEN[sbom]);
});
