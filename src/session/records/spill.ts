import type { RecordKey } from "./space.ts";

/** Where the parts of a body lie that is too large for one record: numbered from 0 in a partition that nothing else uses. */
export interface Spill {
  readonly name: string;
  readonly count: number;
}

/** Begins the body of a record whose own body lies in parts; no JSON does. */
export const SPILLED = "#";
/** Begins each part, so that none passes for a record that lies in parts itself. */
const PART = "=";

/** What a record of parts has for a body. */
export function spilledBody({ name, count }: Spill): string {
  return `${SPILLED}${name} ${count}`;
}

/** Reads {@link spilledBody}; undefined for a body that lies in its record. */
export function spillOf(body: string): Spill | undefined {
  if (!body.startsWith(SPILLED)) return undefined;
  const [name = "", count = ""] = body.slice(SPILLED.length).split(" ");
  return { name, count: Number(count) };
}

/** Names the parts. */
export function partsOf({ name, count }: Spill): RecordKey[] {
  return Array.from({ length: count }, (_, n) => {
    return { partition: `k:${name}`, sort: String(n).padStart(6, "0") };
  });
}

/** The text of a part. */
export function withoutSpill(part: string): string {
  return part.slice(PART.length);
}

/** Cuts a body into parts of so many bytes at most, between characters. */
export function cut(body: string, bytes: number): string[] {
  const buffer = Buffer.from(body);
  const parts: string[] = [];
  for (let from = 0; from < buffer.length;) {
    let to = Math.min(buffer.length, from + bytes - PART.length);
    while (to < buffer.length && isInside(buffer[to])) to--;
    parts.push(PART + buffer.toString("utf8", from, to));
    from = to;
  }
  return parts;
}

/** Whether a byte goes on with a character. */
function isInside(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
