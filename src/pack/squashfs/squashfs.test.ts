import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { isGreenticError } from "../../types/index.ts";
import type { ErrorCode } from "../../types/index.ts";
import { PACK_LIMITS } from "../pack-limits.ts";
import type { PackLimits } from "../pack-limits.ts";
import { readSquashfs } from "./read-squashfs.ts";
import type { SquashfsFile } from "./read-squashfs.ts";
import { XZ_FILES, XZ_IMAGE } from "./squashfs-fixture.ts";
import { writeSquashfs } from "./write-squashfs.ts";
import { verifies } from "../../../test/verifies.ts";

/** squashfs-tools read what is written here and write what is read here; without them those tests skip. */
const hasTools = ["mksquashfs", "unsquashfs"].every((tool) => {
  try {
    return execFileSync(tool, ["-version"], { encoding: "utf8" }) !== "";
  } catch (error) {
    // Some versions print theirs and exit with 1.
    return typeof error === "object" && error !== null && "stdout" in error && String(error.stdout) !== "";
  }
});

let folder: string | undefined;
const temporary = async (): Promise<string> => (folder ??= await mkdtemp(join(tmpdir(), "squashfs-")));
afterEach(async () => {
  if (folder !== undefined) await rm(folder, { recursive: true });
  folder = undefined;
});

/** Bytes that don't deflate, the same in every run. */
function noise(sizeBytes: number): Buffer {
  const parts = Array.from({ length: Math.ceil(sizeBytes / 32) }, (_, i) =>
    createHash("sha256").update(`noise ${i}`).digest(),
  );
  return Buffer.concat(parts).subarray(0, sizeBytes);
}

/** Every shape that files of an image have: none, holes, several blocks, shared ends, and a folder of many. */
const FILES: readonly SquashfsFile[] = [
  { path: "a/b/noise", bytes: noise(300_000) },
  { path: "a/empty", bytes: Buffer.alloc(0) },
  { path: "a/text", bytes: Buffer.from("lorem ipsum dolor ".repeat(30_000)) },
  { path: "a/zeros", bytes: Buffer.alloc(200_000) },
  ...Array.from({ length: 700 }, (_, i) => ({
    path: `many/file-${String(i).padStart(3, "0")}`,
    bytes: Buffer.from(`n${i}`),
  })),
  { path: "name with spaces é", bytes: Buffer.from("hello") },
];

async function refusal(image: Uint8Array, limits?: PackLimits): Promise<ErrorCode> {
  const error: unknown = await readSquashfs(image, limits).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isGreenticError(error)) throw error ?? new Error("it was read");
  return error.code;
}

function expectSame(read: readonly SquashfsFile[], written: readonly SquashfsFile[]): void {
  expect(read.map(({ path }) => path)).toEqual(written.map(({ path }) => path));
  for (const [i, { path, bytes }] of written.entries())
    expect(Buffer.from(bytes).equals(read[i]?.bytes ?? Buffer.of()), path).toBe(true);
}

async function writeTree(root: string, files: readonly SquashfsFile[]): Promise<void> {
  for (const { path, bytes } of files) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), bytes);
  }
}

describe.each([{ isStored: false }, { isStored: true }])("writeSquashfs() $isStored", (options) => {
  test("gives what readSquashfs() reads, the same bytes whatever the order of the files", async () => {
    verifies("bundle.squashfs");
    const image = writeSquashfs(FILES, options);
    expectSame(await readSquashfs(image), FILES);
    expect(Buffer.from(writeSquashfs(FILES.toReversed(), options)).equals(image)).toBe(true);
  });

  test.skipIf(!hasTools)("gives what unsquashfs unpacks", async () => {
    const dir = await temporary();
    await writeFile(join(dir, "image"), writeSquashfs(FILES, options));
    execFileSync("unsquashfs", ["-quiet", "-no-progress", "-d", join(dir, "out"), join(dir, "image")]);
    for (const { path, bytes } of FILES)
      expect((await readFile(join(dir, "out", path))).equals(bytes), path).toBe(true);
  });
});

test("writeSquashfs() stored gives these very bytes on every machine", () => {
  const image = writeSquashfs(
    [
      { path: "bundle.yaml", bytes: Buffer.from("schema_version: 1\n") },
      { path: "packs/a.gtpack", bytes: noise(1000) },
    ],
    { isStored: true },
  );
  expect(createHash("sha256").update(image).digest("hex")).toBe(
    "dcd1b6190a2bb5f25c7b5d4d7d47a5f13bceaf9a32968a57397e959aec3685c8",
  );
});

test("readSquashfs() reads xz blocks", async () => {
  verifies("bundle.squashfs");
  expectSame(
    await readSquashfs(XZ_IMAGE),
    XZ_FILES.map(({ path, text }) => ({ path, bytes: Buffer.from(text) })),
  );
});

test
  .skipIf(!hasTools)
  .each([
    "-comp gzip",
    "-comp xz",
    "-comp xz -b 1M",
    "-comp gzip -no-fragments -b 4096",
    "-comp gzip -noI -noD -noF",
    "-comp xz -always-use-fragments",
    "-comp gzip -no-duplicates -no-sparse",
  ])("readSquashfs() reads what mksquashfs %s writes", async (options) => {
  const dir = await temporary();
  await writeTree(join(dir, "in"), FILES);
  const image = join(dir, "image");
  execFileSync("mksquashfs", [join(dir, "in"), image, "-quiet", "-no-progress", ...options.split(" ")]);
  expectSame(await readSquashfs(await readFile(image)), FILES);
});

describe.skipIf(!hasTools)("readSquashfs() refuses what mksquashfs makes of", () => {
  test.each([
    { name: "a symbolic link", code: "PACK_ZIP_FILE_IRREGULAR", options: [] },
    { name: "a hard link", code: "PACK_ZIP_FILE_IRREGULAR", options: [] },
    { name: "a device", code: "PACK_ZIP_FILE_IRREGULAR", options: ["-p", "null c 666 0 0 1 3"] },
    { name: "a pipe", code: "PACK_ZIP_FILE_IRREGULAR", options: ["-p", "pipe i 644 0 0 f"] },
    { name: "lz4", code: "PACK_SQUASHFS_COMPRESSION_UNSUPPORTED", options: ["-comp", "lz4"] },
    { name: "two names that differ by case", code: "PACK_ZIP_NAME_DUPLICATE", options: [] },
    { name: "200 MB of zeros", code: "PACK_ZIP_ENTRY_TOO_LARGE", options: [] },
    { name: "60 MB of zeros", code: "PACK_ZIP_RATIO_EXCEEDED", options: [] },
  ])("$name with $code", async ({ name, code, options }) => {
    const dir = await temporary();
    const root = join(dir, "in");
    await writeTree(root, [{ path: "file", bytes: Buffer.from("text") }]);
    if (name === "a symbolic link") await symlink("/etc/passwd", join(root, "link"));
    if (name === "a hard link") execFileSync("ln", [join(root, "file"), join(root, "again")]);
    if (name.startsWith("two names")) await writeFile(join(root, "FILE"), "other");
    if (name.endsWith("of zeros"))
      execFileSync("truncate", ["-s", name.startsWith("200") ? "200M" : "60M", join(root, "zeros")]);
    const image = join(dir, "image");
    execFileSync("mksquashfs", [root, image, "-quiet", "-no-progress", ...options]);
    expect(await refusal(await readFile(image))).toBe(code);
  });
});

test("readSquashfs() holds the caps on entries, sizes and names", async () => {
  const image = writeSquashfs(FILES);
  expect(await refusal(image, { ...PACK_LIMITS, maxEntries: 100 })).toBe("PACK_ZIP_TOO_MANY_ENTRIES");
  expect(await refusal(image, { ...PACK_LIMITS, maxTotalBytes: 1000 })).toBe("PACK_ZIP_TOO_LARGE");
  expect(await refusal(image, { ...PACK_LIMITS, maxTotalBytes: 600_000 })).toBe("PACK_ZIP_TOO_LARGE");
  expect(await refusal(image, { ...PACK_LIMITS, maxEntryBytes: 100_000 })).toBe("PACK_ZIP_ENTRY_TOO_LARGE");
  expect(() => writeSquashfs([{ path: "../etc/passwd", bytes: Buffer.of() }])).toThrow(/".."/);
  // The same length, so that nothing else changes.
  const forged = Buffer.from(writeSquashfs([{ path: "abcd", bytes: Buffer.from("x") }], { isStored: true }));
  forged.write("../x", forged.indexOf("abcd"));
  expect(await refusal(forged)).toBe("PACK_ZIP_NAME_INVALID");
});

test("readSquashfs() refuses images that are cut, of another version, or none", async () => {
  const image = writeSquashfs(FILES);
  expect(await refusal(image.subarray(0, 95))).toBe("PACK_SQUASHFS_INVALID");
  expect(await refusal(image.subarray(0, image.length - 1))).toBe("PACK_SQUASHFS_INVALID");
  expect(await refusal(Buffer.from("PK\x03\x04"))).toBe("PACK_SQUASHFS_INVALID");
  const old = Buffer.from(image);
  old[28] = 3;
  expect(await refusal(old)).toBe("PACK_SQUASHFS_INVALID");
});
