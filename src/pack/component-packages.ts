import { dirname, join } from "node:path";
import { readNpmLock } from "../config/index.ts";
import type { EmbeddedPackage, WasmMetadata } from "./wasm-metadata.ts";
import { sha512Of } from "./wasm-metadata.ts";

/**
 * Adds to components that name no npm packages themselves those that the lock beside their source names. The source of
 * `components/x.wasm` is `components/x/`, that of `components/x/dist/x.wasm` is around it.
 * @throws CONFIG_SYNTAX_INVALID for a lock that isn't one
 */
export function addLockedPackages<F extends { readonly path: string; readonly metadata?: WasmMetadata | undefined }>(
  root: string,
  files: readonly F[],
): Promise<readonly F[]> {
  return Promise.all(
    files.map(async (file) => {
      const { path, metadata } = file;
      if (metadata === undefined || metadata.packages.some(({ ecosystem }) => ecosystem === "npm")) return file;
      const locked = await lockedPackages(root, path);
      if (locked.length === 0) return file;
      const packages = new Map([...metadata.packages, ...locked].map((item) => [keyOf(item), item]));
      const sorted = [...packages].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
      return { ...file, metadata: { ...metadata, packages: sorted } };
    }),
  );
}

async function lockedPackages(root: string, path: string): Promise<readonly EmbeddedPackage[]> {
  for (let folder = path.replace(/\.wasm$/, ""); folder.includes("/"); folder = dirname(folder)) {
    const locked = await readNpmLock(join(root, folder));
    if (locked.length === 0) continue;
    return locked.map(({ name, version, license, integrity }): EmbeddedPackage => {
      const sha512 = sha512Of(integrity);
      return {
        ecosystem: "npm",
        name,
        version,
        ...(license !== undefined && { license }),
        ...(sha512 !== undefined && { sha512 }),
      };
    });
  }
  return [];
}

const keyOf = ({ ecosystem, name, version }: EmbeddedPackage): string => `${ecosystem}\0${name}\0${version}`;
