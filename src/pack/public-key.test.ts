import { generateKeyPairSync, sign } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { isSignatureValid, publisherKey, rawPublicKey, readPublicKey } from "./public-key.ts";

const VECTORS = resolve(import.meta.dirname, "../../../shared/vectors/ed25519_test.json");

interface Wycheproof {
  readonly testGroups: readonly {
    readonly publicKey: { readonly pk: string };
    readonly tests: readonly {
      readonly tcId: number;
      readonly msg: string;
      readonly sig: string;
      readonly result: string;
    }[];
  }[];
}

test.skipIf(!existsSync(VECTORS))("isSignatureValid() gives the verdicts of Wycheproof", async () => {
  const { testGroups } = JSON.parse(readFileSync(VECTORS, "utf8")) as Wycheproof;
  let count = 0;
  for (const { publicKey, tests } of testGroups) {
    const key = await publisherKey(Uint8Array.fromHex(publicKey.pk));
    for (const { tcId, msg, sig, result } of tests) {
      count++;
      const isValid = isSignatureValid(key, { message: Uint8Array.fromHex(msg), signature: Uint8Array.fromHex(sig) });
      expect([tcId, isValid]).toEqual([tcId, result === "valid"]);
    }
  }
  expect(count).toBe(151);
});

const SMALL_ORDER = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
];
const NOT_CANONICAL = [
  "0100000000000000000000000000000000000000000000000000000000000080",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

test.each([...SMALL_ORDER, ...NOT_CANONICAL])("publisherKey() refuses %s", async (raw) => {
  await expect(publisherKey(Uint8Array.fromHex(raw))).rejects.toMatchObject({ code: "PACK_KEY_WEAK" });
});

test("readPublicKey() gives the id of the raw key and refuses everything but SPKI of Ed25519", async () => {
  const pair = generateKeyPairSync("ed25519");
  const key = await readPublicKey(pair.publicKey.export({ format: "pem", type: "spki" }));
  expect(key).toMatchObject(await publisherKey(rawPublicKey(pair.privateKey)));
  const message = Buffer.from("message");
  expect(isSignatureValid(key, { message, signature: sign(null, message, pair.privateKey) })).toBe(true);
  const others = [
    pair.privateKey.export({ format: "pem", type: "pkcs8" }),
    generateKeyPairSync("x25519").publicKey.export({ format: "pem", type: "spki" }),
    generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "pem", type: "spki" }),
    "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    "",
  ];
  for (const pem of others) await expect(readPublicKey(pem)).rejects.toMatchObject({ code: "PACK_KEY_INVALID" });
});
