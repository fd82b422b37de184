import type { PackShelf } from "../deployer/index.ts";
import { isDigest } from "../oci/index.ts";
import type { OciCache } from "../oci/index.ts";
import { readPackLock } from "../pack/index.ts";
import { isGreenticError } from "../types/index.ts";
import { digestsOf } from "./resolve/locked-digests.ts";

const SHELF = "shelf:";
const LOCK = "lock:";

/** The pin of a lock file on what it names. */
export function lockOwner(lockFile: string): string {
  return `${LOCK}${lockFile}`;
}

/**
 * Makes the cache's pins what the shelf and the locks say now: registered packs stay, and what locks name that are still there;
 * who is gone keeps nothing.
 */
export async function refreshPins(cache: OciCache, shelf: PackShelf): Promise<void> {
  const shelved = (await shelf.list()).flatMap(({ tenant, name, artifact }) =>
    isDigest(artifact) ? [{ digest: artifact, owner: `${SHELF}${tenant}/${name}` }] : [],
  );
  for (const { digest, owner } of shelved) await cache.pin(digest, owner);
  for (const { digest, owner } of await cache.pins()) {
    const isKept = owner.startsWith(SHELF)
      ? shelved.some((pin) => pin.digest === digest && pin.owner === owner)
      : !owner.startsWith(LOCK) || (await namesDigest(owner.slice(LOCK.length), digest));
    if (!isKept) await cache.unpin(digest, owner);
  }
}

async function namesDigest(lockFile: string, digest: string): Promise<boolean> {
  try {
    const lock = await readPackLock(lockFile);
    return lock !== undefined && [...digestsOf(lock)].some((named) => named === digest);
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    // Whoever mends a lock that can't be read wants what it names.
    return true;
  }
}
