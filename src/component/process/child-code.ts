import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join, relative } from "node:path";

/** Where the code of component-host processes lies. */
export interface ChildCode {
  readonly entry: string;
  /** Paths and patterns that such a process must be able to read. */
  readonly readable: readonly string[];
  /** Digest of the sources: whatever an older version of them made is made anew. */
  readonly version: string;
}

const SRC = join(import.meta.dirname, "..", "..");
const ROOT = join(SRC, "..");
const EXTENSION = extname(import.meta.filename);
/** The layers that run there. */
const LAYERS = ["component", "types", "interfaces"];
const ENTRY = join("component", "process", "component.child");

/** Where `npm run build` puts the same code without types; a directory for every version. */
export const BUILT_CHILDREN: string = join(ROOT, "dist", "component-host");

/** Every source that a component-host process may load, by its path under `src`. */
export function childSources(): ReadonlyMap<string, Buffer> {
  const sources = new Map<string, Buffer>();
  for (const layer of LAYERS) {
    const names = readdirSync(join(SRC, layer), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(EXTENSION) && !name.endsWith(`.test${EXTENSION}`))
      .filter((name) => !/(?:^|[\\/])(?:authoring|testing|guest)[\\/]/.test(name));
    for (const name of names.toSorted()) {
      const file = join(SRC, layer, name);
      sources.set(relative(SRC, file), readFileSync(file));
    }
  }
  return sources;
}

let known: ChildCode | undefined;

/**
 * Finds the code of component-host processes: what `npm run build` made of exactly these sources, since taking types away takes
 * longer than all else in a process's start; where there is none, the sources.
 */
export function childCode(): ChildCode {
  return (known ??= find());
}

function find(): ChildCode {
  const hash = createHash("sha256").update(process.version);
  for (const [path, text] of childSources()) hash.update(`${path}\0${text.byteLength}\0`).update(text);
  const version = hash.digest("hex").slice(0, 32);
  const built = join(BUILT_CHILDREN, version);
  const entry = join(built, `${ENTRY}.js`);
  if (existsSync(entry)) return { entry, readable: [join(built, "*")], version };
  const readable = [...LAYERS.map((layer) => join(SRC, layer, "*")), join(ROOT, "package.json")];
  return { entry: join(SRC, `${ENTRY}${EXTENSION}`), readable, version };
}
