import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Config } from "../../config/index.ts";
import type { OciCache } from "../../oci/index.ts";
import {
  CandidateIndex,
  DirectoryPlace,
  findPackSource,
  formatPackLock,
  lockPathOf,
  parsePackSource,
  readPackLock,
  solveDependencies,
  writeFileAtomic,
} from "../../pack/index.ts";
import type { LockedPack, OpenedCandidate, PackLock, SkippedPack, TrustPolicy } from "../../pack/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import { lockOwner } from "../pins.ts";
import type { Registries } from "../registries.ts";
import { digestsOf } from "./locked-digests.ts";
import { RegistryPlace } from "./registry-place.ts";
import { scopeOf } from "./scopes.ts";
import type { NamedRegistry } from "./scopes.ts";

export interface ResolvePackOptions {
  readonly config: Config;
  readonly registries: Registries;
  readonly trust: TrustPolicy;
  readonly nowMs: number;
  /** Directories of packs; where none is named, the source's own and the one around it. */
  readonly from: readonly string[];
  readonly named: readonly NamedRegistry[];
  /** Names for which the lock doesn't count. */
  readonly update: ReadonlySet<string>;
  /** Changes nothing, and refuses what would have to change. */
  readonly isLocked: boolean;
  readonly isOffline: boolean;
}

/** How one pack of a lock came there, or went. */
interface LockChange {
  readonly name: string;
  readonly before?: string;
  readonly after?: string;
}

/** A pack whose dependencies are resolved. */
export interface PackResolution {
  readonly lockFile: string;
  readonly lock: PackLock;
  readonly changes: readonly LockChange[];
  readonly skipped: readonly SkippedPack[];
  /** Packs whose own dependencies were left open when they were built: what they call across packs won't be found. */
  readonly open: readonly {
    readonly name: string;
    readonly version: string;
    readonly dependencies: readonly string[];
  }[];
}

/**
 * Resolves the dependencies of a pack's source into the pack.lock beside it.
 * @throws PACK_SOURCE_…, PACK_LOCK_…, PACK_DEPENDENCY_…, PACK_SCOPE_AMBIGUOUS, OCI_…
 */
export async function resolvePack(path: string, options: ResolvePackOptions): Promise<PackResolution> {
  const file = await findPackSource(path);
  const source = parsePackSource(await readFile(file, "utf8"), { file });
  const lockFile = lockPathOf(file);
  const before = await readPackLock(lockFile);
  if (options.isLocked && before === undefined)
    throw new GreenticError("PACK_LOCK_STALE", `Resolve ${quote(source.name)}: there is no pack.lock`);
  const missing = [...options.update].find((name) => before?.has(name) !== true && !source.dependencies.has(name));
  if (missing !== undefined)
    throw new GreenticError("CLI_USAGE_INVALID", `Read --update: ${quote(source.name)} doesn't need ${quote(missing)}`);
  const index = new CandidateIndex(placesOf(dirname(file), options));
  const { update, isLocked } = options;
  const chosen = await solveDependencies(source, { index, lock: before, update, isLocked });
  const lock = new Map([...chosen.values()].map((candidate) => [candidate.name, lockedOf(candidate)]));
  const changes = changesOf(before ?? new Map(), lock);
  if (!isLocked) {
    const text = formatPackLock(lock);
    // A file that doesn't change keeps its time: what is made from it needn't be made again.
    if (before === undefined || formatPackLock(before) !== text) await writeFileAtomic(lockFile, Buffer.from(text));
    await pinLocked(options.registries.cache, { lockFile, before, lock });
  } else if (changes.length > 0)
    throw new GreenticError(
      "PACK_LOCK_STALE",
      `Resolve ${quote(source.name)}: pack.lock has ${changes.map(({ name }) => quote(name)).join(", ")}, which nobody needs`,
    );
  return { lockFile, lock, changes, skipped: index.skipped, open: [...chosen.values()].flatMap(openOf) };
}

function placesOf(here: string, options: ResolvePackOptions): readonly (DirectoryPlace | RegistryPlace)[] {
  const { config, registries, trust, nowMs, named, update, isOffline } = options;
  const { scopes } = config.registry;
  const scope = (name: string): ReturnType<typeof scopeOf> => scopeOf(name, { scopes, named });
  const publisherOf = (name: string): string | undefined => scope(name).publisher;
  const directories = options.from.length > 0 ? options.from : [here, dirname(here)];
  return [
    ...[...new Set(directories.map((directory) => resolve(directory)))].map(
      (directory) => new DirectoryPlace(directory, { trust, nowMs, publisherOf, lockDirectory: here }),
    ),
    new RegistryPlace({
      registries,
      trust,
      nowMs,
      publisherOf,
      scopeOf: scope,
      isOffline,
      update: (name) => update.has(name),
    }),
  ];
}

function lockedOf({ name, version, packHash, source, dependencies }: OpenedCandidate): LockedPack {
  return { name, version, packHash, source, dependencies: [...dependencies.keys()].toSorted() };
}

function openOf({ name, version, dependencies }: OpenedCandidate): PackResolution["open"] {
  const open = [...dependencies].filter(([, { resolved }]) => resolved === undefined).map(([other]) => other);
  return open.length === 0 ? [] : [{ name, version, dependencies: open }];
}

function changesOf(before: PackLock, after: PackLock): readonly LockChange[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].toSorted();
  return names.flatMap((name): LockChange[] => {
    const [old, now] = [before.get(name), after.get(name)];
    if (old?.packHash === now?.packHash) return [];
    return [{ name, ...(old && { before: old.version }), ...(now && { after: now.version }) }];
  });
}

async function pinLocked(
  cache: OciCache,
  {
    lockFile,
    before,
    lock,
  }: { readonly lockFile: string; readonly before: PackLock | undefined; readonly lock: PackLock },
): Promise<void> {
  const kept = digestsOf(lock);
  for (const digest of kept) await cache.pin(digest, lockOwner(lockFile));
  for (const digest of digestsOf(before ?? new Map()))
    if (!kept.has(digest)) await cache.unpin(digest, lockOwner(lockFile));
}
