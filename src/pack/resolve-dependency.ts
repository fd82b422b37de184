import { rcompare, satisfies } from "semver";
import { cargoRange } from "./cargo-range.ts";
import type { ResolvedPack } from "./manifest.ts";

/** A pack that a dependency could resolve to. */
export interface DependencyCandidate extends ResolvedPack {
  readonly name: string;
}

/**
 * Picks the highest version of a name that a Cargo range admits, by exact pack hash; there is no other place to look.
 * @throws PACK_RANGE_INVALID
 */
export function resolveDependency(
  { name, range }: { readonly name: string; readonly range: string },
  candidates: readonly DependencyCandidate[],
): ResolvedPack | undefined {
  const admitted = cargoRange(range);
  const [best] = candidates
    .filter((candidate) => candidate.name === name && satisfies(candidate.version, admitted))
    .toSorted((a, b) => rcompare(a.version, b.version));
  return best && { version: best.version, packHash: best.packHash };
}
