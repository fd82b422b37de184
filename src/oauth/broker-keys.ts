import { createPrivateKey, createPublicKey, hkdfSync } from "node:crypto";
import type { JWK } from "jose";
import { base64url, CompactEncrypt, compactDecrypt, exportJWK, SignJWT, jwtVerify } from "jose";
import { GreenticError, isJsonObject, parseJson } from "../types/index.ts";
import type { JsonObject } from "../types/index.ts";

/** What a sealed text is; a text of one kind is never taken for one of another. */
export type SealKind = "token" | "pending";

/** PKCS #8 of an Ed25519 key without its 32 bytes. @see RFC 8410 */
const PKCS8_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex");
const KEY_BYTES = 32;

/**
 * The broker's keys, all made of one secret of the host: AES-256-GCM for what is kept (JWE, `dir`), Ed25519 for handles (JWS).
 * Every replica that shares the secret reads what the others wrote.
 */
export class BrokerKeys {
  readonly #seal: Uint8Array;
  readonly #signing: ReturnType<typeof createPrivateKey>;
  readonly #kid: string;

  /** `secret` has at least 32 bytes. */
  constructor(secret: Uint8Array) {
    if (secret.byteLength < KEY_BYTES) throw new RangeError("A broker's secret has at least 32 bytes");
    const derive = (name: string): Buffer => Buffer.from(hkdfSync("sha256", secret, "", `oauth.${name}`, KEY_BYTES));
    this.#seal = derive("jwe");
    this.#signing = createPrivateKey({
      key: Buffer.concat([PKCS8_ED25519, derive("jws")]),
      format: "der",
      type: "pkcs8",
    });
    this.#kid = derive("kid").toString("hex").slice(0, 16);
  }

  /** Encrypts what only this broker may read. */
  seal(kind: SealKind, value: JsonObject): Promise<string> {
    return new CompactEncrypt(Buffer.from(JSON.stringify(value)))
      .setProtectedHeader({ alg: "dir", enc: "A256GCM", typ: `greentic-oauth-${kind}`, kid: this.#kid })
      .encrypt(this.#seal);
  }

  /** Opens what {@link seal} made. @throws OAUTH_RECORD_INVALID where it was made with another key, for another use, or was changed */
  async open(kind: SealKind, text: string): Promise<JsonObject> {
    try {
      const { plaintext, protectedHeader } = await compactDecrypt(text, this.#seal, {
        keyManagementAlgorithms: ["dir"],
        contentEncryptionAlgorithms: ["A256GCM"],
      });
      const value = parseJson(plaintext);
      if (protectedHeader.typ === `greentic-oauth-${kind}` && isJsonObject(value)) return value;
    } catch {
      // What was wrong with it is told to nobody.
    }
    throw new GreenticError("OAUTH_RECORD_INVALID", "Open kept tokens: they are damaged, or made with another key");
  }

  /** Signs claims that anybody may read and only this broker may make. */
  sign(typ: string, claims: JsonObject): Promise<string> {
    return new SignJWT(claims).setProtectedHeader({ alg: "EdDSA", typ, kid: this.#kid }).sign(this.#signing);
  }

  /** Reads what {@link sign} made; undefined for anything else. */
  async verify(typ: string, text: string): Promise<JsonObject | undefined> {
    try {
      const key = createPublicKey(this.#signing);
      const { payload } = await jwtVerify(text, key, { algorithms: ["EdDSA"], typ });
      return payload as JsonObject;
    } catch {
      return undefined;
    }
  }

  /** The public half, for whoever checks handles: `/.well-known/jwks.json`. */
  async jwks(): Promise<{ readonly keys: readonly JWK[] }> {
    const jwk = await exportJWK(createPublicKey(this.#signing));
    return { keys: [{ ...jwk, kid: this.#kid, use: "sig", alg: "EdDSA" }] };
  }
}

/** Makes the text that goes into addresses: 32 random bytes, base64url. */
export function randomText(bytes: Uint8Array): string {
  return base64url.encode(bytes);
}
