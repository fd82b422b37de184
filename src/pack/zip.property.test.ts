import { array, assert, asyncProperty, record, stringMatching, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { entryPathProblem } from "./entry-path.ts";
import { isGreenticError } from "../types/index.ts";
import { readArchive } from "./read-archive.ts";
import { writeZip } from "./zip-write.ts";

const path = stringMatching(/^[A-Za-z0-9._-]{1,8}(?:\/[A-Za-z0-9._-]{1,8}){0,2}$/).filter(
  (p) => entryPathProblem(p) === undefined,
);
const files = array(record({ path, bytes: uint8Array({ maxLength: 300 }) }), { maxLength: 8 }).map((list) => {
  const unique = new Map(list.map((file) => [file.path.toLowerCase(), file]));
  return [...unique.values()];
});

test("readArchive() gives back what writeZip() wrote, for any files in any order", async () => {
  const roundTrip = asyncProperty(files, async (list) => {
    const archive = await readArchive(writeZip(list));
    const expected = list.filter((file) => file.path !== "manifest.cbor" && file.path !== "signature.sig");
    expect([...archive.contents.keys()].toSorted()).toEqual(expected.map((file) => file.path).toSorted());
    for (const file of expected)
      expect(Buffer.from(archive.contents.get(file.path)?.bytes ?? []).equals(file.bytes)).toBe(true);
    expect(Buffer.from(writeZip(list.toReversed())).equals(writeZip(list))).toBe(true);
  });
  await assert(roundTrip, { numRuns: 200 });
});

test("readArchive() refuses any bytes that are no archive with a typed error", async () => {
  const refused = asyncProperty(uint8Array({ maxLength: 200 }), async (bytes) => {
    await expect(readArchive(bytes)).rejects.toSatisfy((error) => isGreenticError(error));
  });
  await assert(refused, { numRuns: 300 });
});
