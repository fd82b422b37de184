import { expect, test } from "vitest";
import { XzReadableStream } from "xz-decompress";
import { XZ_IMAGE } from "../squashfs-fixture.ts";
import { inflateXz } from "./inflate-xz.ts";

/** The streams of the image: its data, and its tables. */
function streams(): readonly Buffer[] {
  const image = Buffer.from(XZ_IMAGE);
  const found: Buffer[] = [];
  for (let at = image.indexOf("fd377a585a00", "hex"); at >= 0;) {
    const end = image.indexOf("YZ", at) + 2;
    found.push(image.subarray(at, end));
    at = image.indexOf("fd377a585a00", end, "hex");
  }
  return found;
}

async function inflatedElsewhere(stream: Uint8Array): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of new XzReadableStream(new Blob([Uint8Array.from(stream)]).stream())) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test("inflateXz() gives what xz-embedded gives", async () => {
  const found = streams();
  expect(found.length).toBeGreaterThan(0);
  for (const stream of found)
    expect(Buffer.from(inflateXz(stream, 1 << 17)).equals(await inflatedElsewhere(stream))).toBe(true);
});

test("inflateXz() refuses a stream that is cut anywhere, and bytes behind its end", () => {
  for (const stream of streams()) {
    for (let length = 0; length < stream.length; length++)
      expect(() => inflateXz(stream.subarray(0, length), 1 << 17)).toThrow(/damaged data/);
    expect(() => inflateXz(Buffer.concat([stream, Buffer.alloc(4)]), 1 << 17)).toThrow(/footer/);
  }
});
