import { compare } from "semver";
import { GreenticError, quote } from "../types/index.ts";
import type { ResolvedPack } from "./manifest.ts";

/** What a tenant loaded last under a pack's name. */
export type LoadRecord = ResolvedPack;

/** How a pack relates to the one that was loaded before it. */
export type LoadStep = "first" | "same" | "rebuilt" | "upgrade" | "downgrade";

/** Compares a pack with the tenant's load record; "rebuilt" is the same version with other bytes. */
export function loadStep(previous: LoadRecord | undefined, next: LoadRecord): LoadStep {
  if (previous === undefined) return "first";
  const order = compare(next.version, previous.version);
  if (order !== 0) return order > 0 ? "upgrade" : "downgrade";
  return next.packHash === previous.packHash ? "same" : "rebuilt";
}

/** Refuses to go back unless that is meant. @throws PACK_VERSION_DOWNGRADE */
export function checkDowngrade(
  pack: LoadRecord & { readonly name: string },
  { previous, isAllowed }: { readonly previous: LoadRecord | undefined; readonly isAllowed: boolean },
): LoadStep {
  const step = loadStep(previous, pack);
  if (step === "downgrade" && !isAllowed) {
    const versions = `expected at least ${previous?.version ?? ""}, got ${pack.version}`;
    throw new GreenticError("PACK_VERSION_DOWNGRADE", `Load pack ${quote(pack.name)}: ${versions}`, {
      details: {
        pack: pack.name,
        version: pack.version,
        packHash: pack.packHash,
        previous: previous?.version ?? "",
      },
    });
  }
  return step;
}
