/**
 * Signed envelopes after DSSE 1.0: JSON `{ payload: base64, payloadType, signatures: [{ keyid, sig: base64 }] }`. What is signed is
 * "DSSEv1" SP len(type) SP type SP len(payload) SP payload, so that a signature holds for one type and for nothing else that
 * a key signs.
 * @see https://github.com/secure-systems-lab/dsse/blob/v1.0.0/protocol.md
 */
import { sign } from "node:crypto";
import { GreenticError, isJsonObject, parseJson } from "../types/index.ts";
import type { JsonValue } from "../types/index.ts";
import type { SigningKey } from "./keys.ts";
import { isSignatureValid } from "./public-key.ts";
import type { PublisherKey } from "./public-key.ts";

/** An envelope that was taken apart; nothing is verified yet. */
export interface Envelope {
  readonly payloadType: string;
  readonly payload: Uint8Array;
  /** One for each key, lower-case hex ids. */
  readonly signatures: ReadonlyMap<string, Uint8Array>;
}

const MAX_ENVELOPE_BYTES = 8 << 20;
const MAX_SIGNATURES = 64;

/** Signs a payload with a key, beside the signatures that it has already. */
export function signEnvelope(
  unsigned: Pick<Envelope, "payloadType" | "payload"> & Partial<Envelope>,
  key: SigningKey,
): Envelope {
  const signature = sign(null, signedBytes(unsigned), key.privateKey);
  return { ...unsigned, signatures: new Map([...(unsigned.signatures ?? []), [key.id, signature]]) };
}

/** Writes an envelope as JSON with a line break at the end; signatures in the order of their keys' ids. */
export function formatEnvelope({ payloadType, payload, signatures }: Envelope): string {
  const sorted = [...signatures].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const document = {
    payloadType,
    payload: Buffer.from(payload).toString("base64"),
    signatures: sorted.map(([keyid, sig]) => ({ keyid, sig: Buffer.from(sig).toString("base64") })),
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** Takes an envelope of one type apart. @throws PACK_ENVELOPE_INVALID */
export function parseEnvelope(bytes: Uint8Array, payloadType: string): Envelope {
  let document: JsonValue;
  try {
    document = parseJson(bytes, { maxBytes: MAX_ENVELOPE_BYTES });
  } catch (error) {
    throw invalid("not JSON", error);
  }
  if (!isJsonObject(document) || document["payloadType"] !== payloadType) throw invalid(`expected type ${payloadType}`);
  const list = document["signatures"];
  if (!Array.isArray(list) || list.length > MAX_SIGNATURES)
    throw invalid(`expected up to ${MAX_SIGNATURES} signatures`);
  const signatures = new Map<string, Uint8Array>();
  for (const item of list) {
    if (!isJsonObject(item)) throw invalid("expected signatures of keyid and sig");
    const { keyid, sig } = item;
    if (typeof keyid !== "string" || !/^[0-9a-f]{64}$/.test(keyid) || signatures.has(keyid))
      throw invalid("expected key ids of 64 hex digits, each once");
    signatures.set(keyid, base64(sig));
  }
  return { payloadType, payload: base64(document["payload"]), signatures };
}

/** Returns the ids of those keys whose signature holds. */
export function signersOf(envelope: Envelope, keys: readonly PublisherKey[]): ReadonlySet<string> {
  const message = signedBytes(envelope);
  const holds = keys.filter((key) => {
    const signature = envelope.signatures.get(key.id);
    return signature !== undefined && isSignatureValid(key, { message, signature });
  });
  return new Set(holds.map(({ id }) => id));
}

/** What an envelope's signatures sign. */
export function signedBytes({ payloadType, payload }: Pick<Envelope, "payloadType" | "payload">): Uint8Array {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

function base64(value: JsonValue | undefined): Uint8Array {
  if (typeof value !== "string") throw invalid("expected base64");
  try {
    return Uint8Array.fromBase64(value, { lastChunkHandling: "strict" });
  } catch (error) {
    throw invalid("expected base64", error);
  }
}

function invalid(state: string, cause?: unknown): GreenticError {
  return new GreenticError("PACK_ENVELOPE_INVALID", `Read signed envelope: ${state}`, { cause });
}
