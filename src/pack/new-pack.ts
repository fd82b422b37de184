import { mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { GreenticError, quote } from "../types/index.ts";
import { PACK_NAME } from "./manifest-read.ts";
import { PACK_TEMPLATES } from "./new-pack-templates.ts";
import type { PackTemplate, TemplateFile } from "./new-pack-templates.ts";

/** Makes the files of a new pack. @throws PACK_NAME_INVALID */
export function newPackFiles(name: string, template: PackTemplate): readonly TemplateFile[] {
  if (!PACK_NAME.test(name))
    throw new GreenticError("PACK_NAME_INVALID", `Make pack: expected ${PACK_NAME.source}, got ${quote(name)}`);
  return PACK_TEMPLATES[template].map(({ path, text }) => ({ path, text: text.replaceAll("NAME", name) }));
}

/**
 * Writes a new pack's source into a folder that is new or empty, and returns the paths written. The component template's
 * binary is built before the pack is, from a source that the component layer writes.
 * @throws PACK_NAME_INVALID, PACK_TARGET_EXISTS
 */
export async function writeNewPack(
  directory: string,
  { name, template }: { readonly name: string; readonly template: PackTemplate },
): Promise<readonly string[]> {
  const files = newPackFiles(name, template);
  const present = await readdir(directory).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw taken(directory, error);
  });
  if (present.length > 0) throw taken(directory);
  for (const { path, text } of files) {
    await mkdir(join(directory, dirname(path)), { recursive: true });
    await writeFile(join(directory, path), text, { flag: "wx" });
  }
  return files.map(({ path }) => path);
}

function taken(directory: string, cause?: unknown): GreenticError {
  return new GreenticError("PACK_TARGET_EXISTS", `Make pack in ${quote(directory)}: not a new or empty folder`, {
    cause,
  });
}
