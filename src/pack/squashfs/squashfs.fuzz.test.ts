import { expect, test } from "vitest";
import { GreenticError, isGreenticError } from "../../types/index.ts";
import { pick, randomSource } from "../fuzz/random-source.ts";
import type { RandomSource } from "../fuzz/random-source.ts";
import { readSquashfs } from "./read-squashfs.ts";
import { XZ_IMAGE } from "./squashfs-fixture.ts";
import { writeSquashfs } from "./write-squashfs.ts";
import { inflateXz } from "./xz/inflate-xz.ts";
import { verifies } from "../../../test/verifies.ts";

/** More of them with GREENTIC_FUZZ_RUNS; another place to begin with GREENTIC_FUZZ_SEED. */
const RUNS = Number(process.env["GREENTIC_FUZZ_RUNS"] ?? 6000);
const SEED = Number(process.env["GREENTIC_FUZZ_SEED"] ?? 1);
/** A mutant that takes longer hangs; far above what any takes, as the machine may be busy. */
const HANG_MS = 5000;

const files = Array.from({ length: 30 }, (_, i) => ({
  path: `folder-${i % 3}/file-${i}`,
  bytes: Buffer.from(`content ${i} `.repeat(i * 20)),
}));
const IMAGES: readonly Uint8Array[] = [writeSquashfs(files), writeSquashfs(files, { isStored: true }), XZ_IMAGE];

/** Numbers that sizes, counts and places are forged with. */
const EXTREMES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x100_0000, 0x7fff_ffff, 0xffff_ffff];

function mutate(image: Uint8Array, random: RandomSource): Uint8Array {
  let bytes = Buffer.from(image);
  for (let edits = 1 + random(3); edits > 0 && bytes.length > 8; edits--) {
    // The superblock and the tables at the end decide; content between them seldom does.
    const at = random(3) === 0 ? random(Math.min(96, bytes.length - 8)) : random(bytes.length - 8);
    switch (random(6)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
        break;
      case 1:
        bytes.writeUInt16LE(pick(random, EXTREMES) & 0xffff, at);
        break;
      case 2:
        bytes.writeUInt32LE(pick(random, EXTREMES), at);
        break;
      case 3:
        bytes.writeBigUInt64LE(BigInt(random(bytes.length * 2)), at);
        break;
      case 4:
        bytes = bytes.subarray(0, at);
        break;
      default:
        bytes.copyWithin(at, random(bytes.length), random(bytes.length));
    }
  }
  return bytes;
}

async function verdict(read: () => unknown): Promise<string> {
  try {
    await read();
    return "read";
  } catch (error) {
    if (isGreenticError(error) && error instanceof GreenticError && error.code.startsWith("PACK_")) return error.code;
    throw error;
  }
}

test(`${RUNS} mutants of images: each is read or refused, none crashes or hangs`, { timeout: 7_200_000 }, async () => {
  verifies("bundle.squashfs.hostile");
  const codes = new Map<string, number>();
  for (let run = 0; run < RUNS; run++) {
    const random = randomSource(SEED * 1_000_003 + run);
    const mutant = mutate(pick(random, IMAGES), random);
    const startedAt = performance.now();
    const code = await verdict(() => readSquashfs(mutant)).catch((error: unknown) => {
      throw new Error(`seed ${SEED}, run ${run}`, { cause: error });
    });
    if (performance.now() - startedAt > HANG_MS) expect.fail(`seed ${SEED}, run ${run} hangs`);
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }
  if (RUNS >= 1000) expect(codes.size).toBeGreaterThan(4);
});

test(`${RUNS} mutants of an xz stream behind its headers: each inflates within its cap or is refused`, async () => {
  verifies("bundle.squashfs.hostile");
  const at = Buffer.from(XZ_IMAGE).indexOf("fd377a585a00", "hex");
  const end = Buffer.from(XZ_IMAGE).indexOf("YZ", at) + 2;
  const stream = XZ_IMAGE.subarray(at, end);
  const whole = inflateXz(stream, 1 << 17);
  expect(whole.length).toBeGreaterThan(0);
  expect(() => inflateXz(stream, whole.length - 1)).toThrow(/more output/);
  for (let run = 0; run < RUNS; run++) {
    const random = randomSource(SEED * 7_000_003 + run);
    // Behind the headers, whose checksums catch nearly everything: the coder itself is what is tried.
    const mutant = Buffer.from(stream);
    const edits = 1 + random(4);
    for (let i = 0; i < edits; i++) mutant[24 + random(mutant.length - 24)] = random(256);
    const code = await verdict(() => {
      expect(inflateXz(mutant, 1 << 17).length).toBeLessThanOrEqual(1 << 17);
    });
    expect(["read", "PACK_SQUASHFS_INVALID", "PACK_SQUASHFS_COMPRESSION_UNSUPPORTED"]).toContain(code);
  }
});
