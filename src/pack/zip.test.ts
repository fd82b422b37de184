import { expect, test } from "vitest";
import { ContentHasher } from "./content-hasher.ts";
import type { PackLimits } from "./pack-limits.ts";
import { PACK_LIMITS } from "./pack-limits.ts";
import { readZip } from "./zip-read.ts";
import { writeZip } from "./zip-write.ts";
import {
  bytesOf,
  centralAt,
  deflate,
  deflated,
  END,
  FILES,
  fixCentral,
  good,
  insert,
  patch,
  rename,
} from "./zip-fixture.ts";
import type { Entry } from "./zip-fixture.ts";

async function readAll(
  zip: Uint8Array,
  limits: PackLimits = PACK_LIMITS,
): Promise<readonly (readonly [string, string])[]> {
  await using hasher = await ContentHasher.open();
  const out: (readonly [string, string])[] = [];
  for (const entry of readZip(zip, limits))
    out.push([entry.path, Buffer.from((await hasher.readEntry(entry)).bytes).toString()]);
  return out;
}

test("readZip() gives back what writeZip() wrote, manifest first and the rest in path order", async () => {
  const shuffled = [FILES[2], FILES[0], FILES[1]].filter((file) => file !== undefined);
  expect(writeZip(shuffled)).toEqual(writeZip(FILES));
  expect(await readAll(good())).toEqual([
    ["manifest.cbor", "m"],
    ["assets/a.txt", "alpha"],
    ["flows/main.ygtc", "id: main"],
  ]);
});

test("readZip() takes deflated entries", async () => {
  const zip = deflated(deflate("manifest.cbor", bytesOf("abc".repeat(50))), deflate("a.txt", bytesOf("x")));
  expect(await readAll(zip)).toEqual([
    ["manifest.cbor", "abc".repeat(50)],
    ["a.txt", "x"],
  ]);
});

test("readZip() takes an archive without entries", () => {
  expect(readZip(writeZip([]))).toEqual([]);
});

const VIOLATIONS: readonly (readonly [string, string, () => Uint8Array])[] = [
  ["nothing", "PACK_ZIP_END_MISSING", () => new Uint8Array()],
  ["something else", "PACK_ZIP_END_MISSING", () => Buffer.alloc(1000, "x")],
  ["a prefix that the offsets ignore", "PACK_ZIP_PREFIX", () => Buffer.concat([bytesOf("#!/bin/sh\n"), good()])],
  [
    "a prefix that the offsets know",
    "PACK_ZIP_PREFIX",
    () => {
      const zip = insert(good(), 0, bytesOf("#!/bin/sh\n"));
      for (let i = 0; i < 3; i++)
        zip.writeUInt32LE(zip.readUInt32LE(centralAt(zip, i) + 42) + 10, centralAt(zip, i) + 42);
      return zip;
    },
  ],
  ["an archive in front", "PACK_ZIP_GAP", () => Buffer.concat([good(), good()])],
  ["trailing bytes", "PACK_ZIP_TRAILING", () => Buffer.concat([good(), bytesOf("!")])],
  [
    "an archive comment",
    "PACK_ZIP_COMMENT",
    () => {
      const zip = Buffer.concat([good(), bytesOf("hello")]);
      zip.writeUInt16LE(5, zip.length - 5 - 2);
      return zip;
    },
  ],
  [
    "a comment that isn't there",
    "PACK_ZIP_END_MISSING",
    () => {
      const zip = good();
      zip.writeUInt16LE(5, zip.length - 2);
      return zip;
    },
  ],
  [
    "a second disk",
    "PACK_ZIP_MULTIDISK",
    () => {
      const zip = good();
      zip.writeUInt16LE(1, zip.length - END + 4);
      return zip;
    },
  ],
  [
    "an entry on another disk",
    "PACK_ZIP_MULTIDISK",
    () => {
      const zip = good();
      zip.writeUInt16LE(1, centralAt(zip, 1) + 34);
      return zip;
    },
  ],
  [
    "a zip64 count",
    "PACK_ZIP_ZIP64",
    () => {
      const zip = good();
      zip.writeUInt16LE(0xffff, zip.length - END + 10);
      return zip;
    },
  ],
  [
    "a zip64 locator",
    "PACK_ZIP_ZIP64",
    () => {
      const zip = good();
      const locator = Buffer.alloc(20);
      locator.writeUInt32LE(0x07064b50);
      return insert(zip, zip.length - END, locator);
    },
  ],
  [
    "zip64 sizes",
    "PACK_ZIP_ZIP64",
    () => {
      const zip = good();
      patch(zip, 1, { local: 22, size: 4, value: 0xffffffff });
      return zip;
    },
  ],
  [
    "zip64 as the version needed",
    "PACK_ZIP_ZIP64",
    () => {
      const zip = good();
      patch(zip, 1, { local: 4, size: 2, value: 45 });
      return zip;
    },
  ],
  [
    "encryption",
    "PACK_ZIP_ENCRYPTED",
    () => {
      const zip = good();
      patch(zip, 1, { local: 6, size: 2, value: 1 });
      return zip;
    },
  ],
  [
    "strong encryption",
    "PACK_ZIP_ENCRYPTED",
    () => {
      const zip = good();
      patch(zip, 1, { local: 6, size: 2, value: 0x40 });
      return zip;
    },
  ],
  [
    "a data descriptor",
    "PACK_ZIP_DESCRIPTOR",
    () => {
      const zip = good();
      patch(zip, 1, { local: 6, size: 2, value: 8 });
      return zip;
    },
  ],
  [
    "the UTF-8 flag",
    "PACK_ZIP_FLAG_UNSUPPORTED",
    () => {
      const zip = good();
      patch(zip, 1, { local: 6, size: 2, value: 0x800 });
      return zip;
    },
  ],
  [
    "bzip2",
    "PACK_ZIP_METHOD_UNSUPPORTED",
    () => {
      const zip = good();
      patch(zip, 1, { local: 8, size: 2, value: 12 });
      return zip;
    },
  ],
  [
    "an extra field",
    "PACK_ZIP_EXTRA_FIELD",
    () =>
      fixCentral(insert(good(), centralAt(good(), 2), Buffer.from([0xfe, 0xca, 0, 0])), 1, { offset: 30, extra: 4 }),
  ],
  [
    "an entry comment",
    "PACK_ZIP_COMMENT",
    () => fixCentral(insert(good(), centralAt(good(), 2), bytesOf("note")), 1, { offset: 32, extra: 4 }),
  ],
  [
    "a symbolic link",
    "PACK_ZIP_FILE_IRREGULAR",
    () => {
      const zip = good();
      zip.writeUInt32LE(0o120777 * 0x10000, centralAt(zip, 1) + 38);
      return zip;
    },
  ],
  [
    "a device",
    "PACK_ZIP_FILE_IRREGULAR",
    () => {
      const zip = good();
      zip.writeUInt32LE(0o020644 * 0x10000, centralAt(zip, 1) + 38);
      return zip;
    },
  ],
  [
    "a DOS folder attribute",
    "PACK_ZIP_FILE_IRREGULAR",
    () => {
      const zip = good();
      zip.writeUInt32LE(0o100644 * 0x10000 + 0x10, centralAt(zip, 1) + 38);
      return zip;
    },
  ],
  [
    "another maker",
    "PACK_ZIP_HEADER_INVALID",
    () => {
      const zip = good();
      zip.writeUInt16LE(0x031e, centralAt(zip, 1) + 4);
      return zip;
    },
  ],
  [
    "a stored entry that needs what deflate needs",
    "PACK_ZIP_HEADER_INVALID",
    () => {
      const zip = good();
      patch(zip, 1, { local: 4, size: 2, value: 20 });
      return zip;
    },
  ],
  [
    "another time in both headers",
    "PACK_ZIP_TIME_INVALID",
    () => {
      const zip = good();
      patch(zip, 1, { local: 10, size: 2, value: 1 });
      return zip;
    },
  ],
  [
    "another date in both headers",
    "PACK_ZIP_TIME_INVALID",
    () => {
      const zip = good();
      patch(zip, 1, { local: 12, size: 2, value: 0x5af5 });
      return zip;
    },
  ],
  [
    "entries out of their order",
    "PACK_ZIP_ORDER_INVALID",
    () => {
      const zip = good();
      rename(zip, 1, "zssets/a.txt");
      return zip;
    },
  ],
  [
    "a manifest that isn't first",
    "PACK_ZIP_ORDER_INVALID",
    () => {
      const names = ["a-12-345.cbor", "b-12-345.cbor"];
      const zip = Buffer.from(writeZip(names.map((path) => ({ path, bytes: bytesOf(path) }))));
      rename(zip, 1, "manifest.cbor");
      return zip;
    },
  ],
  [
    "a local name that differs",
    "PACK_ZIP_HEADER_MISMATCH",
    () => {
      const zip = good();
      zip.write("assets/b.txt", zip.readUInt32LE(centralAt(zip, 1) + 42) + 30);
      return zip;
    },
  ],
  [
    "a local size that differs",
    "PACK_ZIP_HEADER_MISMATCH",
    () => {
      const zip = good();
      zip.writeUInt32LE(4, zip.readUInt32LE(centralAt(zip, 1) + 42) + 22);
      return zip;
    },
  ],
  [
    "a local extra field",
    "PACK_ZIP_HEADER_MISMATCH",
    () => {
      const zip = good();
      zip.writeUInt16LE(4, zip.readUInt32LE(centralAt(zip, 1) + 42) + 28);
      return zip;
    },
  ],
  [
    "a time in one header only",
    "PACK_ZIP_HEADER_MISMATCH",
    () => {
      const zip = good();
      zip.writeUInt16LE(1, zip.readUInt32LE(centralAt(zip, 1) + 42) + 10);
      return zip;
    },
  ],
  [
    "stored with two sizes",
    "PACK_ZIP_SIZE_MISMATCH",
    () => {
      const zip = good();
      patch(zip, 1, { local: 22, size: 4, value: 6 });
      return zip;
    },
  ],
  [
    "no local header",
    "PACK_ZIP_HEADER_INVALID",
    () => {
      const zip = good();
      zip.writeUInt32LE(0, zip.readUInt32LE(centralAt(zip, 1) + 42));
      return zip;
    },
  ],
  [
    "no central header",
    "PACK_ZIP_HEADER_INVALID",
    () => {
      const zip = good();
      zip.writeUInt32LE(0, centralAt(zip, 1));
      return zip;
    },
  ],
  [
    "an entry more than there is",
    "PACK_ZIP_HEADER_INVALID",
    () => {
      const zip = good();
      zip.writeUInt16LE(4, zip.length - END + 8);
      zip.writeUInt16LE(4, zip.length - END + 10);
      return zip;
    },
  ],
  [
    "an entry fewer than there is",
    "PACK_ZIP_GAP",
    () => {
      const zip = good();
      zip.writeUInt16LE(2, zip.length - END + 8);
      zip.writeUInt16LE(2, zip.length - END + 10);
      return zip;
    },
  ],
  [
    "a gap between entries",
    "PACK_ZIP_GAP",
    () => {
      const zip = good();
      const at = zip.readUInt32LE(centralAt(zip, 2) + 42);
      const out = insert(zip, at, bytesOf("hidden"));
      out.writeUInt32LE(at + 6, centralAt(out, 2) + 42);
      return out;
    },
  ],
  [
    "a gap before the central directory",
    "PACK_ZIP_GAP",
    () => {
      const zip = good();
      return insert(zip, centralAt(zip, 0), bytesOf("hidden"));
    },
  ],
  [
    "two entries with the same bytes",
    "PACK_ZIP_OVERLAP",
    () => {
      const zip = good();
      zip.writeUInt32LE(0, centralAt(zip, 1) + 42);
      return zip;
    },
  ],
  [
    "data that reaches into the directory",
    "PACK_ZIP_OVERLAP",
    () => {
      const zip = good();
      patch(zip, 2, { local: 18, size: 4, value: 20 });
      patch(zip, 2, { local: 22, size: 4, value: 20 });
      return zip;
    },
  ],
  [
    "the same name twice",
    "PACK_ZIP_NAME_DUPLICATE",
    () => writeZip([...FILES, { path: "assets/a.txt", bytes: bytesOf("beta") }]),
  ],
  [
    "names equal ignoring case",
    "PACK_ZIP_NAME_DUPLICATE",
    () => writeZip([...FILES, { path: "Assets/A.txt", bytes: bytesOf("beta") }]),
  ],
];

test.each(VIOLATIONS)("readZip() refuses %s as %s", (_what, code, make) => {
  expect(() => readZip(make())).toThrow(expect.objectContaining({ code }));
});

test.each([
  ["/etc/passwd1", "absolute"],
  ["assets/../..", "segment"],
  ["./assets/a.t", "segment"],
  ["assets//a.tx", "empty segment"],
  ["assets/a.tx/", "empty segment"],
  ["assets\\a.txt", "backslash"],
  ["assets/a\0txt", "NUL"],
  ["C:/windows/x", "drive"],
  ["assets/\u00e4.txt", "character"],
  ["assets/a txt", "character"],
])("readZip() refuses the name %j", (name, reason) => {
  const zip = good();
  rename(zip, 1, name);
  expect(() => readZip(zip)).toThrow(
    expect.objectContaining({ code: "PACK_ZIP_NAME_INVALID", message: expect.stringContaining(reason) as string }),
  );
});

test("readZip() refuses an empty name", () => {
  expect(() => readZip(writeZip([{ path: "", bytes: bytesOf("x") }]))).toThrow(
    expect.objectContaining({ code: "PACK_ZIP_NAME_INVALID" }),
  );
});

test("readZip() holds to its limits whatever the headers say", async () => {
  const limits: PackLimits = { maxEntries: 2, maxEntryBytes: 100, maxTotalBytes: 500, maxRatio: 200 };
  expect(() => readZip(good(), limits)).toThrow(expect.objectContaining({ code: "PACK_ZIP_TOO_MANY_ENTRIES" }));
  const two = [1, 2].map((n) => ({ path: `f${n}`, bytes: Buffer.alloc(90) }));
  expect(() => readZip(writeZip(two), { ...limits, maxEntryBytes: 80 })).toThrow(
    expect.objectContaining({ code: "PACK_ZIP_ENTRY_TOO_LARGE" }),
  );
  expect(() => readZip(writeZip(two), { ...limits, maxTotalBytes: 200 })).toThrow(
    expect.objectContaining({ code: "PACK_ZIP_TOO_LARGE" }),
  );
  const small = deflated(deflate("a", Buffer.alloc(90)), deflate("b", Buffer.alloc(90)));
  expect(() => readZip(small, { ...limits, maxTotalBytes: small.length })).not.toThrow();
  const zeros = deflated(deflate("zeros", Buffer.alloc(1 << 20)));
  expect(() => readZip(zeros)).toThrow(expect.objectContaining({ code: "PACK_ZIP_RATIO_EXCEEDED" }));
  // The same bomb with a header that denies it: zlib stops at the size that the header admits.
  const denied = deflated({ ...deflate("zeros", Buffer.alloc(1 << 20)), sizeBytes: 1000 });
  await expect(readAll(denied)).rejects.toMatchObject({ code: "PACK_ZIP_SIZE_MISMATCH" });
});

test.each([
  ["fewer bytes than claimed", (e: Entry): Entry => ({ ...e, sizeBytes: 99 }), "PACK_ZIP_SIZE_MISMATCH"],
  ["more bytes than claimed", (e: Entry): Entry => ({ ...e, sizeBytes: 20 }), "PACK_ZIP_SIZE_MISMATCH"],
  ["another checksum", (e: Entry): Entry => ({ ...e, crc: 7 }), "PACK_ZIP_CHECKSUM_MISMATCH"],
  [
    "bytes after the stream",
    (e: Entry): Entry => ({ ...e, packed: Buffer.concat([e.packed, bytesOf("hidden")]) }),
    "PACK_ZIP_INFLATE_FAILED",
  ],
  [
    "a stream that is cut",
    (e: Entry): Entry => ({ ...e, packed: e.packed.subarray(0, -1) }),
    "PACK_ZIP_INFLATE_FAILED",
  ],
  [
    "damaged data",
    (e: Entry): Entry => ({ ...e, packed: Buffer.alloc(e.packed.length, 0xff) }),
    "PACK_ZIP_INFLATE_FAILED",
  ],
])("readEntry() refuses a deflated entry with %s", async (_what, change, code) => {
  const entry = change(deflate("a.txt", bytesOf("some text, some text, some text, and then some")));
  await expect(readAll(deflated(entry))).rejects.toMatchObject({ code });
});

test("readZip() refuses an archive cut at any offset", () => {
  const zip = good();
  for (let length = 0; length < zip.length; length++)
    expect(() => readZip(zip.subarray(0, length))).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^PACK_ZIP_/) as string }),
    );
});
