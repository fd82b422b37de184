import { createPrivateKey, generateKeyPair } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { constants } from "node:fs";
import { open, readFile, rm } from "node:fs/promises";
import { promisify } from "node:util";
import { GreenticError, quote } from "../types/index.ts";
import { publisherKey, rawPublicKey, readPublicKey } from "./public-key.ts";
import type { PublisherKey } from "./public-key.ts";

/** A key that can sign. */
export interface SigningKey {
  /** Its public half's id, lower-case hex. */
  readonly id: string;
  readonly privateKey: KeyObject;
}

/** A key pair as two files. */
export interface KeyFiles {
  readonly id: string;
  readonly privatePath: string;
  readonly publicPath: string;
}

/**
 * Makes an Ed25519 key pair: PKCS#8 PEM at `privatePath` (mode 0600), SPKI PEM beside it, `my-key.pem` → `my-key.pub`.
 * @throws PACK_KEY_EXISTS where either file is there already
 */
export async function generateKeyFiles(privatePath: string): Promise<KeyFiles> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)("ed25519");
  const publicPath = `${privatePath.replace(/\.(?:pem|key)$/, "")}.pub`;
  const { id } = await publisherKey(rawPublicKey(publicKey));
  await writeNew(privatePath, privateKey.export({ format: "pem", type: "pkcs8" }), 0o600);
  try {
    await writeNew(publicPath, publicKey.export({ format: "pem", type: "spki" }), 0o644);
  } catch (error) {
    await rm(privatePath);
    throw error;
  }
  return { id, privatePath, publicPath };
}

/** Loads a private key that only its owner may read. @throws PACK_FILE_UNREADABLE, PACK_KEY_PERMISSIONS, PACK_KEY_INVALID */
export async function loadSigningKey(path: string): Promise<SigningKey> {
  const file = await openToRead(path);
  let pem: string;
  try {
    const { mode } = await file.stat();
    // Windows reports made-up permission bits; access lists rule there.
    if (process.platform !== "win32" && (mode & 0o077) !== 0)
      throw new GreenticError(
        "PACK_KEY_PERMISSIONS",
        `Read private key ${quote(path)}: expected mode 0600, got 0${(mode & 0o777).toString(8)}`,
      );
    pem = await file.readFile("utf8");
  } finally {
    await file.close();
  }
  return readSigningKey(pem);
}

/** Reads a private key from PKCS#8 PEM. @throws PACK_KEY_INVALID */
export async function readSigningKey(pem: string): Promise<SigningKey> {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey({ key: pem, format: "pem" });
  } catch {
    // The cause could quote key material.
    throw new GreenticError("PACK_KEY_INVALID", "Read private key: expected PKCS#8 PEM (BEGIN PRIVATE KEY)");
  }
  const { id } = await publisherKey(rawPublicKey(privateKey));
  return { id, privateKey };
}

/** Loads a public key file. @throws PACK_FILE_UNREADABLE, PACK_KEY_INVALID, PACK_KEY_WEAK */
export async function loadPublicKey(path: string): Promise<PublisherKey> {
  let pem: Buffer;
  try {
    pem = await readFile(path);
  } catch (error) {
    throw new GreenticError("PACK_FILE_UNREADABLE", `Read public key ${quote(path)}: can't be read`, { cause: error });
  }
  return readPublicKey(pem);
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  try {
    const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    const isTaken = error instanceof Error && "code" in error && error.code === "EEXIST";
    throw new GreenticError(
      isTaken ? "PACK_KEY_EXISTS" : "PACK_FILE_UNREADABLE",
      `Write key ${quote(path)}: ${isTaken ? "already there" : "can't be written"}`,
      { cause: error },
    );
  }
}

async function openToRead(path: string): Promise<Awaited<ReturnType<typeof open>>> {
  try {
    return await open(path, "r");
  } catch (error) {
    throw new GreenticError("PACK_FILE_UNREADABLE", `Read private key ${quote(path)}: can't be read`, { cause: error });
  }
}
