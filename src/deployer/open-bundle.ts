import { open, readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { imageFiles, readBundle, readBundleFiles } from "../config/index.ts";
import type { Bundle } from "../config/index.ts";
import { isSquashfs, readSquashfs, readUnpackedPack } from "../pack/index.ts";
import { GreenticError, quote } from "../types/index.ts";

/**
 * Opens a bundle: a directory, its greentic.demo.yaml or bundle.yaml, or a .gtbundle image. An image is read into memory within
 * the caps of packs; nothing of it is written anywhere.
 * @throws CONFIG_…, PACK_SQUASHFS_…, PACK_ZIP_…
 */
export async function openBundle(path: string): Promise<Bundle> {
  const place = resolve(path);
  if (!(await isImage(place))) return readBundle(place);
  const files = await readSquashfs(await readFile(place));
  return readBundleFiles(imageFiles(place, new Map(files.map((file) => [file.path, file.bytes]))));
}

async function isImage(place: string): Promise<boolean> {
  const isFile = await stat(place).then(
    (found) => found.isFile(),
    () => false,
  );
  if (!isFile) return false;
  await using file = await open(place);
  const { buffer, bytesRead } = await file.read({ buffer: new Uint8Array(4), position: 0 });
  return isSquashfs(buffer.subarray(0, bytesRead));
}

/**
 * Reads a pack that a bundle names by a path: a file of its directory or image, or the directory of an unpacked pack.
 * @throws CONFIG_BUNDLE_PACK_MISSING, PACK_…
 */
export async function readBundlePack({ files }: Pick<Bundle, "files">, pack: string): Promise<Uint8Array> {
  const inImage = `${files.place}!/`;
  if (files.isImage && pack.startsWith(inImage)) {
    const bytes = files.read(pack.slice(inImage.length));
    if (bytes !== undefined) return bytes;
  } else {
    const found = await stat(pack).catch(() => undefined);
    if (found?.isDirectory() === true) return readUnpackedPack(pack);
    if (found?.isFile() === true) return readFile(pack);
  }
  throw new GreenticError("CONFIG_BUNDLE_PACK_MISSING", `Read bundle: no pack at ${quote(pack)}`);
}
