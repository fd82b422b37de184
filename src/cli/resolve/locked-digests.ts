import { isOciReference, parseOciReference } from "../../oci/index.ts";
import type { OciDigest } from "../../oci/index.ts";
import type { PackLock } from "../../pack/index.ts";

/** The digests of those packs of a lock that are in registries. */
export function digestsOf(lock: PackLock): ReadonlySet<OciDigest> {
  return new Set(
    [...lock.values()].flatMap(({ source }) => {
      const digest = isOciReference(source) ? parseOciReference(source).digest : undefined;
      return digest === undefined ? [] : [digest];
    }),
  );
}
