import type { Bundle, Config, Environment } from "../../config/index.ts";
import { readBundlePack } from "../../deployer/index.ts";
import { isOciReference } from "../../oci/index.ts";
import { openPack, verifyPack } from "../../pack/index.ts";
import type { Pack, PackReport } from "../../pack/index.ts";
import { toGreenticError } from "../../types/index.ts";
import type { GreenticError, SourcePosition, TeamId, TenantId } from "../../types/index.ts";
import { openRegistries, pullPack } from "../registries.ts";
import { trustOf } from "../trust.ts";

/** A pack that a bundle names, as an app or as a channel's, and what was found in its place. */
export interface BundlePack {
  readonly use: "app" | "provider";
  readonly name: string;
  readonly tenant: TenantId;
  readonly team?: TeamId;
  /** As the bundle writes it. */
  readonly reference: string;
  /** Where it is: a path, `image!/path`, or an `oci://` reference. */
  readonly location: string;
  readonly at: SourcePosition;
  readonly content: PackContent;
}

/** What stands at a pack's place: read and judged, or the reason why not. */
interface PackContent {
  readonly bytes?: Uint8Array;
  /** Of a registry's: what its tag means now. */
  readonly digest?: string;
  readonly report?: PackReport;
  /** Opened without asking who signed it, to look into it. */
  readonly pack?: Pack;
  readonly error?: GreenticError;
}

export interface ReadPacksOptions {
  readonly config: Config;
  readonly environment: Environment;
  readonly nowMs: number;
  /** Takes unsigned packs, and listings that a pack doesn't match, as warnings. */
  readonly isDevOk: boolean;
}

/** Reads and judges every pack that a bundle names, each place once. What can't be read is told, not thrown. */
export async function readBundlePacks(bundle: Bundle, options: ReadPacksOptions): Promise<readonly BundlePack[]> {
  const contents = new Map<string, Promise<PackContent>>();
  const contentOf = (location: string): Promise<PackContent> => {
    const known = contents.get(location) ?? readContent(bundle, location, options);
    contents.set(location, known);
    return known;
  };
  const named = [
    ...bundle.apps.map((app) => ({ ...app, use: "app" as const })),
    ...bundle.providers.map((provider) => ({ ...provider, use: "provider" as const })),
  ];
  const packs: BundlePack[] = [];
  for (const { use, name, tenant, team, reference, pack, at } of named) {
    if (pack === undefined || reference === undefined) continue;
    const content = await contentOf(pack);
    packs.push({ use, name, tenant, reference, location: pack, at, content, ...(team && { team }) });
  }
  return packs;
}

async function readContent(bundle: Bundle, location: string, options: ReadPacksOptions): Promise<PackContent> {
  const { config, nowMs, isDevOk } = options;
  try {
    const pulled = isOciReference(location) ? await pullPack(openRegistries(config, options), location) : undefined;
    const bytes = pulled?.bytes ?? (await readBundlePack(bundle, location));
    const trust = await trustOf(config);
    const lenient = { ...trust, rejectUnsigned: false };
    const report = await verifyPack(bytes, {
      trust: isDevOk ? lenient : trust,
      nowMs,
      ...(isDevOk && { sbom: "warn" }),
    });
    const content: PackContent = { bytes, report, ...(pulled && { digest: pulled.reference.digest }) };
    try {
      return { ...content, pack: await openPack(bytes, { trust: lenient, nowMs, policy: { sbom: "warn" } }) };
    } catch (error) {
      return { ...content, error: toGreenticError(error, "CLI_INTERNAL", `Open pack ${location}`) };
    }
  } catch (error) {
    return { error: toGreenticError(error, "CLI_INTERNAL", `Read pack ${location}`) };
  }
}
