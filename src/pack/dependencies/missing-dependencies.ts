import { quote } from "../../types/index.ts";
import type { Pack } from "../open-pack.ts";

/** A pack as far as others depend on it. */
export type DependedOn = Pick<Pack, "name" | "version" | "packHash">;

/** A pack that another one was built with and that isn't there. */
export interface MissingDependency {
  /** The name of what is missing. */
  readonly name: string;
  readonly code: "PACK_DEPENDENCY_MISSING" | "PACK_DEPENDENCY_MISMATCH";
  readonly message: string;
}

/** Finds what a pack was built with and isn't among the packs at hand: it takes exactly those, and no other version of them. */
export function findMissingDependencies(
  pack: Pick<Pack, "name" | "version" | "dependencies">,
  atHand: readonly DependedOn[],
): readonly MissingDependency[] {
  return [...pack.dependencies].flatMap(([name, { version, packHash }]): MissingDependency[] => {
    const named = atHand.filter((other) => other.name === name);
    if (named.some((other) => other.packHash === packHash)) return [];
    const wants = `Load pack: ${quote(pack.name)} ${pack.version} was built with ${quote(name)} ${version} (pack hash ${packHash})`;
    const [other] = named;
    if (other === undefined)
      return [
        {
          name,
          code: "PACK_DEPENDENCY_MISSING",
          message: `${wants}, which isn't loaded; load it first: gtc runner load --pack ${name}-${version}.gtpack`,
        },
      ];
    const instead = `load that one, or a ${quote(pack.name)} that was built with this one`;
    return [
      {
        name,
        code: "PACK_DEPENDENCY_MISMATCH",
        message: `${wants}, and ${other.version} (pack hash ${other.packHash}) is loaded; ${instead}`,
      },
    ];
  });
}
