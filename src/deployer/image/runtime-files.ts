import { existsSync } from "node:fs";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readNpmLock } from "../../config/index.ts";
import type { LockedNpmPackage } from "../../config/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { IN_IMAGE } from "../host-command.ts";
import type { TarEntry } from "./tar.ts";

/** What the package needs to run, below its root. */
const RUNTIME = ["src", "dist", "web/dist", "package.json", "LICENSE"];
/** What only builds, tests or explains. */
const NOT_RUN = /\.(?:test|property\.test|fuzz\.test|contract)\.ts$|\.(?:map|md|markdown)$|\.d\.[cm]?ts$/i;
/** Node's own packages: the binary is a layer of its own. */
const NODE_PACKAGE = /^node_modules\/node(?:-bin)?-(?:linux|darwin|win)-/;

/** Lists the files of a directory, sorted, as entries below `to`; links are followed, since an image has its own tree. */
async function filesBelow(from: string, to: string, isWanted = (_path: string): boolean => true): Promise<TarEntry[]> {
  const entries: TarEntry[] = [];
  const names = (await readdir(from)).sort();
  for (const name of names) {
    const source = join(from, name);
    const path = `${to}/${name}`;
    const found = await stat(source);
    if (found.isDirectory()) {
      if (name === "node_modules" || !isWanted(`${source}/`)) continue;
      const below = await filesBelow(source, path, isWanted);
      if (below.length > 0) entries.push(directory(path), ...below);
    } else if (found.isFile() && isWanted(source)) entries.push(file(path, source));
  }
  return entries;
}

/** An entry of a file of this machine, readable for everybody. */
function file(path: string, source: string, mode = 0o644): TarEntry {
  return { path, kind: "file", mode, read: () => readFile(source) };
}

/** An entry of a text. */
export function textFile(path: string, text: string): TarEntry {
  return { path, kind: "file", mode: 0o644, read: async () => Buffer.from(text) };
}

/** An entry of a directory. */
export function directory(path: string, { mode = 0o755, owner = 0 } = {}): TarEntry {
  return { path, kind: "directory", mode, owner };
}

/** Lists the packages that run, as they are locked: what the lock names and this machine hasn't is another machine's. */
export async function runtimePackages(root: string): Promise<readonly LockedNpmPackage[]> {
  return (await readNpmLock(root)).filter(
    ({ folder }) => !NODE_PACKAGE.test(folder) && existsSync(join(root, folder, "package.json")),
  );
}

/** Lists what the runtime layer holds. @throws DEPLOYER_IMAGE_UNSUPPORTED where the package isn't built */
export async function runtimeFiles(root: string): Promise<readonly TarEntry[]> {
  const base = IN_IMAGE.main.slice(1, IN_IMAGE.main.indexOf("/", 1));
  const entries: TarEntry[] = [directory(base)];
  for (const name of RUNTIME) {
    const source = join(root, name);
    if (!existsSync(source))
      throw new GreenticError(
        "DEPLOYER_IMAGE_UNSUPPORTED",
        `Build image: ${quote(name)} isn't there; run npm run build`,
      );
    if (name.includes("/")) entries.push(directory(`${base}/${dirname(name)}`));
    if (!(await stat(source)).isDirectory()) entries.push(file(`${base}/${name}`, source));
    else
      entries.push(
        directory(`${base}/${name}`),
        ...(await filesBelow(source, `${base}/${name}`, (path) => !NOT_RUN.test(path))),
      );
  }
  entries.push(directory(`${base}/node_modules`));
  const made = new Set<string>();
  for (const { folder } of await runtimePackages(root)) {
    for (let parent = dirname(folder); parent !== "node_modules" && !made.has(parent); parent = dirname(parent)) {
      if (!entries.some(({ path }) => path === `${base}/${parent}`)) entries.push(directory(`${base}/${parent}`));
      made.add(parent);
    }
    entries.push(
      directory(`${base}/${folder}`),
      ...(await filesBelow(join(root, folder), `${base}/${folder}`, (path) => !NOT_RUN.test(path))),
    );
  }
  return parentsFirst(entries);
}

/** Orders entries so that every directory comes before what is in it, each once. */
function parentsFirst(entries: readonly TarEntry[]): readonly TarEntry[] {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  return [...byPath].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

/** Lists the Node that is running, and the libraries that it links to on this machine. @throws DEPLOYER_IMAGE_UNSUPPORTED */
export async function nodeFiles(node: string): Promise<{ readonly node: TarEntry[]; readonly libraries: TarEntry[] }> {
  if (process.platform !== "linux")
    throw new GreenticError(
      "DEPLOYER_IMAGE_UNSUPPORTED",
      `Build image: Node for Linux is needed, and this is ${process.platform}; build with the rendered Containerfile`,
    );
  const { sharedObjects } = process.report.getReport() as unknown as { readonly sharedObjects: readonly string[] };
  const libraries: TarEntry[] = [];
  const folders = new Set<string>();
  for (const library of [...sharedObjects].sort()) {
    if (!/^\/(?:usr\/)?lib/.test(library) || !/\.so(?:\.\d+)*$/.test(library) || !existsSync(library)) continue;
    const path = library.slice(1);
    for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) folders.add(path.slice(0, at));
    libraries.push(file(path, await realpath(library), 0o755));
  }
  const place = IN_IMAGE.node.slice(1);
  return {
    libraries: [...[...folders].sort().map((path) => directory(path)), ...libraries],
    node: [
      ...["usr", dirname(dirname(place)), dirname(place)].map((path) => directory(path)),
      file(place, await realpath(node), 0o755),
    ],
  };
}
