import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";

/** The files of a bundle, in a directory or in an image; paths are relative, `/` between segments. */
export interface BundleFiles {
  /** The bundle's directory, or the image's file. */
  readonly place: string;
  readonly isImage: boolean;
  /** Lists the files below a folder, in path order; none where there is no such folder. */
  list(folder: string): readonly string[];
  has(path: string): boolean;
  read(path: string): Uint8Array | undefined;
  /** Names a file of the bundle where paths and references are told: absolute, `image!/path` within images. */
  locate(path: string): string;
}

const MAX_LISTED = 4096;

/** The files of a directory bundle. */
export function directoryFiles(place: string): BundleFiles {
  const root = resolve(place);
  const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile();
  return {
    place: root,
    isImage: false,
    list(folder) {
      const from = join(root, folder);
      if (!existsSync(from)) return [];
      return readdirSync(from, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .slice(0, MAX_LISTED)
        .map((entry) =>
          join(entry.parentPath, entry.name)
            .slice(root.length + 1)
            .replaceAll("\\", "/"),
        )
        .toSorted();
    },
    has: (path) => isFile(join(root, path)),
    read: (path) => (isFile(join(root, path)) ? readFileSync(join(root, path)) : undefined),
    locate: (path) => resolve(root, path),
  };
}

/** The files of a bundle that was read out of an image. */
export function imageFiles(place: string, files: ReadonlyMap<string, Uint8Array>): BundleFiles {
  const normal = (path: string): string => join("/", path).slice(1);
  return {
    place,
    isImage: true,
    list: (folder) => [...files.keys()].filter((path) => path.startsWith(`${normal(folder)}/`)).toSorted(),
    has: (path) => files.has(normal(path)),
    read: (path) => files.get(normal(path)),
    locate: (path) => `${place}!/${normal(path)}`,
  };
}
