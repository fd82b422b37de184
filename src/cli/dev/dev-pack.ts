import { mkdir, readdir, readFile } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, sep } from "node:path";
import { buildComponent, COMPONENT_SOURCE_FILE, readComponentSource } from "../../component/index.ts";
import { checkPackFlows, probeComponent } from "../../conformance/index.ts";
import {
  buildPack,
  findPackSource,
  openPack,
  parsePackSource,
  TRUST_NOBODY,
  writeFileAtomic,
} from "../../pack/index.ts";
import type { Pack, PackSource, TrustPolicy } from "../../pack/index.ts";
import { GreenticError, isGreenticError } from "../../types/index.ts";

/** A component's source inside a pack's folder. */
interface DevComponent {
  readonly directory: string;
  /** Where the pack expects the binary. */
  readonly output: string;
}

/** What is built here is the author's own; the command runs in dev and test only. */
const UNSIGNED: TrustPolicy = { ...TRUST_NOBODY, rejectUnsigned: false };

/** What watching and looking for sources pass over. */
export function isIgnoredName(name: string): boolean {
  // Editors' swap and backup files, too.
  return (
    name.startsWith(".") || ["node_modules", "dist", "target"].includes(name) || /(?:~|\.swp|\.part|\.tmp)$/.test(name)
  );
}

/** Finds the packs of a directory: its own, else those of its folders and of `packs/`. @throws PACK_SOURCE_MISSING */
export async function findDevPacks(directory: string): Promise<readonly DevPack[]> {
  const places = [directory, ...(await foldersOf(directory)), ...(await foldersOf(join(directory, "packs")))];
  const packs: DevPack[] = [];
  for (const place of places) {
    const file = await findPackSource(place).catch((error: unknown) => {
      if (isGreenticError(error) && error.code === "PACK_SOURCE_MISSING") return undefined;
      throw error;
    });
    if (file === undefined) continue;
    packs.push(new DevPack(file, parsePackSource(await readFile(file, "utf8"), { file })));
    if (place === directory) break;
  }
  if (packs.length === 0) await findPackSource(directory);
  return packs;
}

async function foldersOf(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory() && !isIgnoredName(entry.name))
    .map((entry) => join(directory, entry.name))
    .sort();
}

/** A pack under development: built from its folder, with the components whose sources lie in it. */
export class DevPack {
  readonly name: string;
  readonly directory: string;
  readonly #file: string;
  /** The sources that have been built and not changed since. */
  readonly #built = new Set<string>();

  constructor(file: string, source: PackSource) {
    this.#file = file;
    this.directory = dirname(file);
    this.name = source.name;
  }

  /** Tells whether a path is the pack's; what its own builds write isn't. */
  owns(path: string): boolean {
    return isInside(this.directory, path) && !this.#outputs.has(path);
  }
  #outputs: ReadonlySet<string> = new Set();

  /** Notes that files have changed: components with one of them are built again. */
  markChanged(paths: readonly string[]): void {
    for (const directory of this.#built) {
      if (paths.some((path) => isInside(directory, path))) this.#built.delete(directory);
    }
  }

  /**
   * Builds what has changed, and the pack, and checks its flows against what it holds.
   * @throws what building components and packs throws; the first error of a flow; all with places that can be opened
   */
  async build({ cacheDirectory }: { readonly cacheDirectory: string }): Promise<Pack> {
    try {
      const source = parsePackSource(await readFile(this.#file, "utf8"), { file: this.#file });
      await this.#buildComponents(source, cacheDirectory);
      const { bytes } = await buildPack(this.#file, { probeComponent });
      const pack = await openPack(bytes, { trust: UNSIGNED, nowMs: Date.now() });
      for (const { findings, file } of await checkPackFlows(pack)) {
        const wrong = findings.find(({ severity }) => severity === "error");
        if (wrong !== undefined) throw new GreenticError(wrong.code, wrong.message, { at: { ...wrong.at, file } });
      }
      return pack;
    } catch (error) {
      throw this.located(error);
    }
  }

  /** An error whose place is inside the pack, with the place in the folder that it was built from. */
  located(error: unknown): unknown {
    if (!isGreenticError(error) || error.at === undefined || isAbsolute(error.at.file)) return error;
    const { code, message, at, details } = error;
    return new GreenticError(code, message, {
      at: { ...at, file: join(this.directory, at.file) },
      cause: error,
      details,
    });
  }

  async #buildComponents(source: PackSource, cacheDirectory: string): Promise<void> {
    const components = await this.#findComponents(source);
    this.#outputs = new Set(components.map(({ output }) => output));
    for (const { directory, output } of components) {
      if (this.#built.has(directory)) continue;
      const { bytes } = await buildComponent(directory, { cacheDirectory });
      const before = await readFile(output).catch(() => undefined);
      if (before === undefined || !before.equals(bytes)) {
        await mkdir(dirname(output), { recursive: true });
        await writeFileAtomic(output, bytes);
      }
      this.#built.add(directory);
    }
  }

  /** The sources below the pack's folder that build a component which the pack lists, by its name or its file's. */
  async #findComponents(source: PackSource): Promise<readonly DevComponent[]> {
    const found: DevComponent[] = [];
    for (const directory of await componentFolders(this.directory)) {
      const { name } = await readComponentSource(directory);
      const entry =
        source.components.get(name) ??
        [...source.components.values()].find(({ path }) => basename(path, ".wasm") === name);
      if (entry !== undefined) found.push({ directory, output: join(this.directory, entry.path) });
    }
    return found;
  }
}

async function componentFolders(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  if (entries.some((entry) => entry.isFile() && entry.name === COMPONENT_SOURCE_FILE)) return [directory];
  const below = entries.filter((entry) => entry.isDirectory() && !isIgnoredName(entry.name));
  return (await Promise.all(below.map((entry) => componentFolders(join(directory, entry.name))))).flat();
}

function isInside(directory: string, path: string): boolean {
  const way = relative(directory, path);
  return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
