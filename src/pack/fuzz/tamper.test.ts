import { describe, expect, test } from "vitest";
import { readZip } from "../zip-read.ts";
import { writeZip } from "../zip-write.ts";
import type { ZipFile } from "../zip-write.ts";
import { pick, randomSource } from "./random-source.ts";
import type { SignedFixture } from "./signed-packs.ts";
import { signedPacks } from "./signed-packs.ts";
import { tryMutant } from "./try-mutant.ts";
import { verifies } from "../../../test/verifies.ts";

/** GREENTIC_TAMPER=full breaks every byte; otherwise as many of each pack, the choice of GREENTIC_FUZZ_SEED. */
const IS_FULL = process.env["GREENTIC_TAMPER"] === "full";
const SEED = Number(process.env["GREENTIC_FUZZ_SEED"] ?? 1);
const SAMPLED_BYTES = 250;

let building: Promise<readonly SignedFixture[]> | undefined;
const fixtures = (): Promise<readonly SignedFixture[]> => (building ??= signedPacks());

/** Refuses all, or names the first that isn't refused. Returns how many there were. */
async function refuseAll(pack: SignedFixture, mutants: Iterable<readonly [string, Uint8Array]>): Promise<number> {
  let count = 0;
  for (const [what, bytes] of mutants) {
    if (Buffer.from(bytes).equals(pack.bytes)) continue;
    const verdict = await tryMutant(bytes, pack.trust).catch((error: unknown) => {
      throw new Error(`${pack.name}, ${what}`, { cause: error });
    });
    if (verdict === "accepted") expect.fail(`${pack.name}, ${what}: accepted`);
    count++;
  }
  return count;
}

function* brokenBytes({ bytes }: SignedFixture): Iterable<readonly [string, Uint8Array]> {
  const random = randomSource(SEED);
  const sampled = Array.from({ length: SAMPLED_BYTES }, () => random(bytes.length));
  for (const at of IS_FULL ? bytes.keys() : sampled) {
    const flipped = Uint8Array.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ (1 + random(255));
    yield [`byte ${at} flipped`, flipped];
    yield [`byte ${at} deleted`, Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])];
    yield [`byte ${at} doubled`, Buffer.concat([bytes.subarray(0, at + 1), bytes.subarray(at)])];
  }
}

/** Archives that are sound as archives, with entries that aren't what was signed. */
function* brokenEntries(
  { bytes }: SignedFixture,
  others: readonly SignedFixture[],
): Iterable<readonly [string, Uint8Array]> {
  const files = readZip(bytes).map(({ path, packed }): ZipFile => ({ path, bytes: packed }));
  const foreign = others.flatMap((other) => readZip(other.bytes));
  const added = ["a.txt", "assets/added.txt", "components/added.wasm", "flows/added.ygtc", "zz"];
  for (const path of added) yield [`${path} added`, writeZip([...files, { path, bytes: Buffer.from("added") }])];
  for (const [i, file] of files.entries()) {
    const rest = files.toSpliced(i, 1);
    const { path } = file;
    yield [`${path} removed`, writeZip(rest)];
    for (const name of [`${path}x`, path.slice(0, -1), path.toUpperCase(), `assets/${path}`, `flows/${path}`])
      yield [`${path} renamed ${name}`, writeZip([...rest, { ...file, path: name }])];
    yield [`${path} copied`, writeZip([...files, { ...file, path: `${path}-copy` }])];
    yield [`${path} emptied`, writeZip([...rest, { path, bytes: new Uint8Array() }])];
    yield [`${path} longer`, writeZip([...rest, { path, bytes: Buffer.concat([file.bytes, Uint8Array.of(0)]) }])];
    for (const other of files.slice(i + 1)) {
      const left = rest.filter((one) => one !== other);
      const swapped = [
        { path, bytes: other.bytes },
        { path: other.path, bytes: file.bytes },
      ];
      yield [`${path} and ${other.path} swapped`, writeZip([...left, ...swapped])];
    }
    for (const other of foreign)
      if (other.path === path) yield [`${path} of another pack`, writeZip([...rest, { path, bytes: other.packed }])];
  }
}

describe("packs that were tampered with", () => {
  test("the untouched ones are accepted", async () => {
    for (const { bytes, trust } of await fixtures()) expect(await tryMutant(bytes, trust)).toBe("accepted");
  });

  test(
    `${IS_FULL ? "every byte" : `${SAMPLED_BYTES} bytes of each`} flipped, deleted and doubled: none is accepted`,
    { timeout: IS_FULL ? 3_600_000 : 60_000 },
    async () => {
      verifies("pack.tamper", "pack.hash.one-byte");
      const packs = await fixtures();
      let count = 0;
      for (const pack of packs) count += await refuseAll(pack, brokenBytes(pack));
      expect(count).toBeGreaterThan(packs.length * SAMPLED_BYTES * 2);
      if (IS_FULL) process.stderr.write(`${count} archives with a broken byte: none accepted\n`);
    },
  );

  test("every entry added, removed, renamed, copied, emptied, swapped and exchanged: none is accepted", async () => {
    verifies("pack.tamper");
    const packs = await fixtures();
    let count = 0;
    for (const pack of packs)
      count += await refuseAll(
        pack,
        brokenEntries(
          pack,
          packs.filter((other) => other !== pack),
        ),
      );
    expect(count).toBeGreaterThan(300);
    if (IS_FULL) process.stderr.write(`${count} archives with a broken entry: none accepted\n`);
  });

  test("entries in another order, each with its headers right, are not accepted", async () => {
    const random = randomSource(SEED);
    for (const pack of await fixtures()) {
      for (let run = 0; run < 20; run++) {
        const order = readZip(pack.bytes).map(({ path }) => path);
        order.splice(random(order.length), 0, ...order.splice(random(order.length), 1));
        const mutant = reordered(pack.bytes, order);
        if (Buffer.from(mutant).equals(pack.bytes)) continue;
        expect(await tryMutant(mutant, pack.trust), pick(random, order)).toBe("PACK_ZIP_ORDER_INVALID");
      }
    }
  });
});

/** Writes the same entries in another order, as a program without this profile would. */
function reordered(bytes: Uint8Array, order: readonly string[]): Uint8Array {
  const entries = new Map(readZip(bytes).map((entry) => [entry.path, entry.packed]));
  const locals: Uint8Array[] = [];
  const centrals: Uint8Array[] = [];
  let offset = 0;
  for (const path of order) {
    const one = Buffer.from(writeZip([{ path, bytes: entries.get(path) ?? new Uint8Array() }]));
    const at = one.readUInt32LE(one.length - 6);
    const central = one.subarray(at, one.length - 22);
    central.writeUInt32LE(offset, 42);
    locals.push(one.subarray(0, at));
    centrals.push(central);
    offset += at;
  }
  const end = Buffer.from(bytes.subarray(-22));
  return Buffer.concat([...locals, ...centrals, end]);
}
