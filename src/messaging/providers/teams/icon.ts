import { crc32, deflateSync } from "node:zlib";

/** Red, green, blue and opacity, each 0 to 255. */
type Pixel = readonly [number, number, number, number];

/**
 * Draws a square PNG with a disc in its middle: an app package needs two pictures, and people put their own there.
 * @see https://www.w3.org/TR/png-3/
 */
export function discPng(size: number, { disc, ground }: { readonly disc: Pixel; readonly ground: Pixel }): Uint8Array {
  const rows = Buffer.alloc(size * (size * 4 + 1));
  const middle = (size - 1) / 2;
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const isInside = Math.hypot(x - middle, y - middle) < size * 0.32;
      rows.set(isInside ? disc : ground, y * (size * 4 + 1) + 1 + x * 4);
    }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  // Eight bits a channel, red, green, blue and opacity.
  header.set([8, 6, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  framed.set(body, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}
