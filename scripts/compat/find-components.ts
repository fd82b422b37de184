import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { openArchive } from "./archives.ts";

/** A WebAssembly file of some sort, found in one or more places. */
export interface FoundFile {
  readonly sha256: string;
  readonly bytes: Uint8Array;
  readonly kind: "component" | "core module" | "placeholder";
  /** Paths, `!` before what lies inside an archive. */
  readonly places: string[];
}

const MAX_FILE_BYTES = 512 << 20;
const MAX_ARCHIVES_DEEP = 4;
const COMPONENT = "0061736d0d000100";
const CORE_MODULE = "0061736d01000000";
/** Sources and histories hold no builds. */
const SKIPPED = new Set([".git", "node_modules"]);

/** Finds every WebAssembly file below a directory, in archives and archives inside them too; each content once. */
export function findComponents(dir: string): readonly FoundFile[] {
  const found = new Map<string, FoundFile>();
  for (const path of files(dir)) look(readFileSync(path), { place: relative(dir, path), depth: 0, found });
  return [...found.values()];
}

function files(dir: string): readonly string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : files(path);
    return entry.isFile() && lstatSync(path).size <= MAX_FILE_BYTES ? [path] : [];
  });
}

function look(
  bytes: Buffer,
  at: { readonly place: string; readonly depth: number; readonly found: Map<string, FoundFile> },
): void {
  const { place, depth, found } = at;
  const magic = bytes.subarray(0, 8).toString("hex");
  const isWasm = magic === COMPONENT || magic === CORE_MODULE;
  if (!isWasm && !place.endsWith(".wasm")) {
    if (depth >= MAX_ARCHIVES_DEEP) return;
    for (const entry of openArchive(bytes) ?? []) {
      look(Buffer.from(entry.bytes), { place: `${place}!${entry.name}`, depth: depth + 1, found });
    }
    return;
  }
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const known = found.get(sha256);
  if (known !== undefined) known.places.push(place);
  else {
    const kind =
      magic === COMPONENT ? "component" : magic === CORE_MODULE && bytes.length > 8 ? "core module" : "placeholder";
    found.set(sha256, { sha256, bytes: Uint8Array.from(bytes), kind, places: [place] });
  }
}
