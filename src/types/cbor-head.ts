/** The head of one CBOR item, RFC 8949 §3: three bits of major type, five of additional information, up to eight bytes of argument. */
export interface CborHead {
  readonly major: number;
  /** The low five bits: below 24 the argument itself, 24 to 27 its width, 31 an indefinite length or a break. */
  readonly info: number;
  /** A length, count, tag or value; beyond 2^53 rounded, which moves it across no bound. 0 where the length is indefinite. */
  readonly argument: number;
  /** Whether no shorter head says the same. */
  readonly isShortest: boolean;
  /** Where the item goes on. */
  readonly next: number;
}

/** Reads the head at an offset; "cut" where the bytes end in it, "reserved" where RFC 8949 gives it no meaning. */
export function readCborHead(bytes: Uint8Array, at: number): CborHead | "cut" | "reserved" {
  const first = bytes[at];
  if (first === undefined) return "cut";
  const major = first >> 5;
  const info = first & 31;
  if (info < 24) return { major, info, argument: info, isShortest: true, next: at + 1 };
  if (info === 31) return { major, info, argument: 0, isShortest: true, next: at + 1 };
  if (info > 27) return "reserved";
  const width = 1 << (info - 24);
  if (at + 1 + width > bytes.length) return "cut";
  let argument = 0;
  for (let i = 1; i <= width; i++) argument = argument * 256 + (bytes[at + i] ?? 0);
  return {
    major,
    info,
    argument,
    isShortest: argument >= (width === 1 ? 24 : 256 ** (width / 2)),
    next: at + 1 + width,
  };
}
