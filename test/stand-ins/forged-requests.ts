import type { Arbitrary } from "fast-check";
import { constantFrom, integer, oneof, record, string, tuple, uint8Array } from "fast-check";

/** A signature and a body that don't belong together, or of which one isn't what was signed. */
export interface ForgedRequest {
  readonly signature: string;
  readonly body: Uint8Array;
}

/** Makes forgeries of a well signed request; `sign` signs the body with a secret of one's own. */
export function forgedRequests(
  { signature: good, body }: ForgedRequest,
  { sign, others = [] }: { readonly sign: (secret: string) => string; readonly others?: readonly string[] },
): Arbitrary<ForgedRequest> {
  const at = integer({ min: 0, max: good.length });
  const char = constantFrom(..."0123456789abcdefghijklmnopqrstuvwxyzABCDEF+/=,. ".split(""));
  const signature = oneof(
    string(),
    at.map((end) => good.slice(0, end)),
    at.map((start) => good.slice(start)),
    tuple(at, char).map(([cut, one]) => good.slice(0, cut) + one + good.slice(cut + 1)),
    tuple(at, char).map(([cut, one]) => good.slice(0, cut) + one + good.slice(cut)),
    constantFrom("", " ", good.toUpperCase(), ...others),
    string({ minLength: 1 }).map(sign),
  ).filter((value) => value !== good);
  const otherBody = oneof(
    uint8Array({ maxLength: 200 }).map((bytes) => bytes as Uint8Array),
    record({ byte: integer({ min: 0, max: body.length - 1 }), bit: integer({ min: 0, max: 7 }) }).map(
      ({ byte, bit }) => {
        const flipped = new Uint8Array(body);
        flipped[byte] = (flipped[byte] ?? 0) ^ (1 << bit);
        return flipped;
      },
    ),
  ).filter((bytes) => Buffer.compare(bytes, body) !== 0);
  return oneof(
    { weight: 2, arbitrary: signature.map((value) => ({ signature: value, body })) },
    { weight: 1, arbitrary: otherBody.map((bytes) => ({ signature: good, body: bytes })) },
  );
}
