import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { loadBlake3 } from "../blake3.ts";
import type { BuiltPack } from "../build-pack.ts";
import { findPackSource } from "../build-pack.ts";
import { lockPathOf, readPackLock } from "../dependencies/pack-lock.ts";
import { formatEnvelope, signEnvelope } from "../dsse.ts";
import { comparePaths } from "../entry-path.ts";
import type { SigningKey } from "../keys.ts";
import { readGitCommit } from "./git-commit.ts";
import { formatStatement, packMaterial, STATEMENT_TYPE } from "./statement.ts";
import type { Material } from "./statement.ts";

export interface ProvenanceOptions {
  readonly key: SigningKey;
  /** A URI that tells who built. */
  readonly builder: string;
  /** Of the program that built. */
  readonly builderVersion: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Says in a signed statement what a pack was built of: every file of its source directory, the git commit where there is one and
 * the packs of its lock. Returns the envelope as JSON.
 * @throws PACK_SOURCE_…, PACK_LOCK_…
 */
export async function makeProvenance(
  path: string,
  built: BuiltPack,
  { key, builder, builderVersion, parameters }: ProvenanceOptions,
): Promise<string> {
  const file = await findPackSource(path);
  const root = dirname(file);
  const statement = formatStatement({
    subject: { name: built.fileName, packHash: built.packHash },
    builder,
    builderVersion,
    parameters: { source: basename(file), ...parameters },
    materials: [...(await commitOf(root)), ...(await filesOf(root, built)), ...(await packsOf(file, built))],
  });
  return formatEnvelope(signEnvelope({ payloadType: STATEMENT_TYPE, payload: Buffer.from(statement) }, key));
}

async function commitOf(root: string): Promise<readonly Material[]> {
  const found = await readGitCommit(root);
  if (found === undefined) return [];
  const { commit, uri, isDirty } = found;
  return [
    {
      name: "git",
      ...(uri !== undefined && { uri }),
      digest: { gitCommit: commit },
      ...(isDirty && { annotations: { modified: true } }),
    },
  ];
}

/** What builds put beside sources, and what others install there. */
const NOT_SOURCE = /^(?:\.|node_modules$|dist$|target$)|\.gtpack$|\.intoto\.json$/;

/** Everything of the source directory, and whatever of the rest is in the pack. */
async function filesOf(root: string, { manifest }: BuiltPack): Promise<readonly Material[]> {
  const blake3 = await loadBlake3();
  const contents = [...manifest.flows.values(), ...manifest.components.values(), ...manifest.assets.values()];
  const paths = new Set(contents.map(({ path }) => path));
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (NOT_SOURCE.test(entry.name)) continue;
      if (entry.isDirectory()) await walk(path);
      else if (entry.isFile()) paths.add(path);
    }
  };
  await walk("");
  const materials: Material[] = [];
  for (const name of [...paths].toSorted(comparePaths)) {
    const bytes = await readFile(join(root, name));
    const digest = { sha256: createHash("sha256").update(bytes).digest("hex"), blake3: blake3(bytes).toHex() };
    materials.push({ name, digest });
  }
  return materials;
}

/** The packs of the lock, direct and not; what was resolved in another way is told by the manifest alone. */
async function packsOf(file: string, { manifest }: BuiltPack): Promise<readonly Material[]> {
  const lock = await readPackLock(lockPathOf(file));
  const packs = new Map<string, Material>();
  for (const [name, { resolved }] of manifest.dependencies)
    if (resolved !== undefined) packs.set(name, packMaterial({ name, ...resolved }));
  for (const { name, version, packHash, source } of lock?.values() ?? [])
    packs.set(name, packMaterial({ name, version, packHash, ...(source.startsWith("oci:") && { uri: source }) }));
  return [...packs.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
