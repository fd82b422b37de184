import { copyFile, cp, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { WIT_DIRECTORY } from "../../interfaces/index.ts";
import type { ComponentSource } from "./component-source.ts";
import { componentWorld } from "./component-world.ts";

/** Writes the WIT that a component is built against: its world, and beside it every package of the host that it doesn't bring. */
export async function writeWit(source: ComponentSource, to: string): Promise<void> {
  const deps = join(to, "deps");
  await mkdir(deps, { recursive: true });
  if (source.wit !== undefined) await cp(join(source.directory, source.wit), to, { recursive: true });
  else await writeFile(join(to, "world.wit"), componentWorld(source));
  const own = new Set([...(await readdir(deps)), ...(await readdir(to))]);
  for (const name of await readdir(WIT_DIRECTORY)) {
    if (!own.has(name)) await copyFile(join(WIT_DIRECTORY, name), join(deps, name));
  }
}
