/** Writes the built-in channels as provider packs, made of their own sources: `node scripts/provider-packs.ts DIR [TYPE…]`. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PackedType } from "./provider-packs/built-in-packs.ts";
import { buildBuiltInPack, BUILT_IN_PACKS } from "./provider-packs/built-in-packs.ts";

const [dir = "dist/provider-packs", ...named] = process.argv.slice(2);
const all = Object.keys(BUILT_IN_PACKS) as PackedType[];
await mkdir(dir, { recursive: true });
for (const type of named.length === 0 ? all : all.filter((one) => named.includes(one))) {
  const bytes = await buildBuiltInPack(type);
  const file = join(dir, `messaging-${type}.gtpack`);
  await writeFile(file, bytes);
  console.log(`${file} ${bytes.byteLength} bytes`);
}
