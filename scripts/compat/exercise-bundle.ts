import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { Bundle } from "../../src/config/index.ts";
import { decideAccess } from "../../src/config/index.ts";
import type { ComponentHost } from "../../src/component/index.ts";
import { openBundle, readBundlePack } from "../../src/deployer/index.ts";
import { isOciReference } from "../../src/oci/index.ts";
import { isGreenticError } from "../../src/types/index.ts";
import { exercisePack } from "./exercise-pack.ts";
import type { PackExercise } from "./exercise-pack.ts";

/** What became of one bundle. */
export interface BundleExercise {
  readonly name: string;
  readonly bundle: Bundle | undefined;
  /** Files of an image, and whether squashfs-tools unpack the same; undefined where those aren't installed. */
  readonly files: number;
  readonly isSame: boolean | undefined;
  /** Apps that the maps let nobody of the bundle's own team reach. */
  readonly closed: number;
  readonly packs: readonly PackExercise[];
  /** Packs that are no archives: what tests of others put in the place of packs. */
  readonly placeholders: number;
  /** Packs that a registry has. */
  readonly remote: number;
  /** What is our fault. */
  readonly failures: readonly string[];
}

/** Finds the bundles below a directory: images, and directories with a file that describes one. */
export function findBundles(root: string): readonly string[] {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
    .filter(({ name }) => name.endsWith(".gtbundle") || ["bundle.yaml", "greentic.demo.yaml"].includes(name))
    .map(({ parentPath, name }) => (name.endsWith(".gtbundle") ? join(parentPath, name) : parentPath))
    .filter((path, i, all) => all.indexOf(path) === i)
    .toSorted();
}

/** Opens a bundle, compares an image with what squashfs-tools read, and exercises each of its packs. */
export async function exerciseBundle(
  path: string,
  { root, components }: { readonly root: string; readonly components: ComponentHost },
): Promise<BundleExercise> {
  const name = relative(root, path);
  const failures: string[] = [];
  const packs: PackExercise[] = [];
  let [placeholders, remote] = [0, 0];
  let bundle: Bundle;
  try {
    bundle = await openBundle(path);
  } catch (error) {
    failures.push(`not opened: ${reasonOf(error)}`);
    return { name, bundle: undefined, files: 0, isSame: undefined, closed: 0, packs, placeholders, remote, failures };
  }
  for (const location of new Set([...bundle.apps, ...bundle.providers].flatMap(({ pack }) => pack ?? []))) {
    if (isOciReference(location)) {
      remote++;
      continue;
    }
    try {
      const bytes = Buffer.from(await readBundlePack(bundle, location));
      if (bytes.length < 100) placeholders++;
      else packs.push(await exercisePack(bytes, { name: `${name}!${location.split("/").at(-1) ?? ""}`, components }));
    } catch (error) {
      failures.push(`${location}: ${reasonOf(error)}`);
    }
  }
  const { access = [], apps, team } = bundle;
  const closed = apps.filter(
    (app) =>
      decideAccess(access, { tenant: app.tenant, team: app.team ?? team, packs: [app.name] }).policy !== "public",
  ).length;
  const second = bundle.files.isImage ? readElsewhere(path) : undefined;
  const isSame = second && isSameAs(second, bundle);
  if (isSame === false) failures.push("unsquashfs unpacks other files");
  failures.push(...packs.flatMap((pack) => pack.failures.map((failure) => `${pack.name}: ${failure}`)));
  return { name, bundle, files: second?.size ?? 0, isSame, closed, packs, placeholders, remote, failures };
}

/** The files that squashfs-tools find in an image; undefined where they aren't installed. */
function readElsewhere(image: string): ReadonlyMap<string, Uint8Array> | undefined {
  const dir = mkdtempSync(join(tmpdir(), "bundle-"));
  try {
    execFileSync("unsquashfs", ["-quiet", "-no-progress", "-d", join(dir, "all"), image], { stdio: "ignore" });
    const root = join(dir, "all");
    return new Map(
      readdirSync(root, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .map((file) => [relative(root, file), readFileSync(file)]),
    );
  } catch {
    return undefined;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function isSameAs(second: ReadonlyMap<string, Uint8Array>, { files }: Bundle): boolean {
  return [...second].every(([path, bytes]) => Buffer.from(bytes).equals(files.read(path) ?? Buffer.of()));
}

function reasonOf(error: unknown): string {
  return isGreenticError(error) ? `${error.code}: ${error.message}` : String(error);
}
