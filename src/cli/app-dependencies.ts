import { openAnyPack } from "../conformance/index.ts";
import type { PackShelf } from "../deployer/index.ts";
import { findMissingDependencies } from "../pack/index.ts";
import type { MissingDependency, Pack } from "../pack/index.ts";
import type { PackApp } from "../runner/index.ts";
import { GreenticError } from "../types/index.ts";
import type { TenantId } from "../types/index.ts";

/**
 * Tells what a pack lacks of the packs that it was built with, among those of its tenant, and of its team where it has one:
 * PACK_DEPENDENCY_MISSING, PACK_DEPENDENCY_MISMATCH.
 */
export function dependencyProblem({ scope, pack }: PackApp, apps: readonly PackApp[]): GreenticError | undefined {
  const atHand = apps.filter(
    (other) => other.scope.tenant === scope.tenant && [undefined, scope.team].includes(other.scope.team),
  );
  const [missing] = findMissingDependencies(
    pack,
    atHand.map((other) => other.pack),
  );
  return missing && new GreenticError(missing.code, missing.message);
}

/** What registering a pack would leave without what it was built with. */
export interface ShelfDependencies {
  /** Of the pack itself. */
  readonly missing: readonly MissingDependency[];
  /** Of packs that are registered and were built with another one of its name. */
  readonly broken: readonly MissingDependency[];
}

/** Looks at a tenant's registered packs as they would be with a pack in its place. */
export async function shelfDependencies(
  shelf: PackShelf,
  { tenant, pack, nowMs }: { readonly tenant: TenantId; readonly pack: Pack; readonly nowMs: number },
): Promise<ShelfDependencies> {
  const others = (await shelf.list(tenant)).filter(({ name }) => name !== pack.name);
  const atHand = [...others, pack];
  const broken: MissingDependency[] = [];
  for (const other of others) {
    const { name, version, dependencies } = await openAnyPack(await shelf.read(other), nowMs);
    const lost = findMissingDependencies({ name, version, dependencies }, atHand);
    broken.push(...lost.filter((missing) => missing.name === pack.name));
  }
  return { missing: findMissingDependencies(pack, atHand), broken };
}
