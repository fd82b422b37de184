import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";

/** Holds the sources of a provider pack's components, one folder for each part; `NAME` in them is the platform's name. */
const TEMPLATES = resolve(import.meta.dirname, "../../../templates/provider");

/**
 * Writes the sources of a provider pack's ingress, egress and operator below `directory`, with cases that each passes.
 * @returns the paths written, relative to the directory
 */
export async function newProviderComponents(
  directory: string,
  { name }: { readonly name: string },
): Promise<readonly string[]> {
  const entries = await readdir(TEMPLATES, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(TEMPLATES, join(entry.parentPath, entry.name)))
    .toSorted();
  const written: string[] = [];
  for (const path of paths) {
    // Git would obey a template's own .gitignore.
    const to = path.replace(/gitignore$/, ".gitignore");
    await mkdir(dirname(join(directory, to)), { recursive: true });
    const text = await readFile(join(TEMPLATES, path), "utf8");
    await writeFile(join(directory, to), text.replaceAll("NAME", name), { flag: "wx" });
    written.push(to);
  }
  return written;
}
