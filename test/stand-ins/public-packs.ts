/** Opens packs of the public tools, for tests against those that `GREENTIC_COMPAT_DIR` holds. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openPack, TRUST_NOBODY } from "../../src/pack/index.ts";
import type { Pack } from "../../src/pack/index.ts";

/** All files below a directory with one of these endings, by full path. */
export function filesBelow(dir: string, endings: readonly string[]): readonly string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Opens a pack whoever signed it, and whatever it lists of itself. */
export function openPublicPack(file: string): Promise<Pack> {
  const trust = { ...TRUST_NOBODY, rejectUnsigned: false };
  return openPack(readFileSync(file), { trust, nowMs: Date.now(), policy: { sbom: "warn" } });
}
