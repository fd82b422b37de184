/** Cuts content into pieces of `size` bytes, but for the last one; an empty content has none. */
export async function* chunked(content: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array, void> {
  let waiting: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of content) {
    for (let at = 0; at < chunk.byteLength;) {
      const taken = chunk.subarray(at, at + size - length);
      waiting.push(taken);
      at += taken.byteLength;
      length += taken.byteLength;
      if (length < size) continue;
      yield Buffer.concat(waiting, length);
      waiting = [];
      length = 0;
    }
  }
  if (length > 0) yield Buffer.concat(waiting, length);
}
