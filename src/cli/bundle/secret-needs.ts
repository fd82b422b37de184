import type { Bundle, BundleApp, BundleProvider } from "../../config/index.ts";
import { isNeeded, providerOf } from "../../messaging/index.ts";
import type { Pack } from "../../pack/index.ts";
import type { SourcePosition, TeamId, TenantId } from "../../types/index.ts";

/** A secret that a part of a bundle can't do without. */
export interface SecretNeed {
  readonly tenant: TenantId;
  readonly team: TeamId | undefined;
  readonly category: string;
  readonly name: string;
  /** The app or channel that needs it, and where the bundle names that. */
  readonly neededBy: string;
  readonly at: SourcePosition;
  /** What it is and where the platform shows it; absent where only a pack's manifest names it. */
  readonly title?: string;
}

/** Lists what an app or channel needs: what its channel can't do without, and what its pack requires. */
export function needsOf(use: BundleApp | BundleProvider, pack: Pack | undefined): readonly SecretNeed[] {
  const isChannel = "config" in use;
  const category = isChannel ? use.name : (pack?.name ?? use.name);
  const titles = new Map<string, string | undefined>(isChannel ? channelNeeds(use) : []);
  for (const name of pack?.manifest.secrets.required ?? []) {
    // Public packs write them in capitals; stores know one spelling.
    const stored = name.toLowerCase();
    if (!titles.has(stored)) titles.set(stored, undefined);
  }
  return [...titles].map(([name, title]) => ({
    tenant: use.tenant,
    team: use.team,
    category,
    name,
    neededBy: use.name,
    at: use.at,
    ...(title !== undefined && { title }),
  }));
}

/** Lists what all parts of a bundle need, each secret once. */
export function needsOfBundle(
  bundle: Bundle,
  packOf: (use: { readonly pack?: string }) => Pack | undefined,
): readonly SecretNeed[] {
  const needs = new Map<string, SecretNeed>();
  for (const use of [...bundle.apps, ...bundle.providers])
    for (const need of needsOf(use, packOf(use))) {
      const key = [need.tenant, need.team, need.category, need.name].join("\n");
      if (!needs.has(key)) needs.set(key, need);
    }
  return [...needs.values()];
}

/** The command that sets a secret. */
export function setCommand({ tenant, category, name }: SecretNeed): string {
  return `gtc secrets set ${name} --category ${category} --tenant ${tenant}`;
}

/** What a built-in channel can't do without. */
function channelNeeds({ type, config }: BundleProvider): readonly (readonly [string, string])[] {
  if (type === undefined) return [];
  return providerOf(type)
    .secrets.filter((secret) => isNeeded(secret, config))
    .map(({ name, title }) => [name, title] as const);
}
