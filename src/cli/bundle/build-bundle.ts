/**
 * Builds a .gtbundle out of a directory bundle: its description, access maps and packs as they are, and what was resolved of
 * them when it was built, in the files that the public tools read (bundle-manifest.json, bundle-lock.json, resolved/*.yaml). What
 * a registry's tags meant is locked; what a set-up left (`state/`) stays behind, since it may hold secrets.
 */
import { createHash } from "node:crypto";
import { stringify } from "yaml";
import { decideAccess, LOCK_FILE, MANIFEST_FILE } from "../../config/index.ts";
import type { AccessPolicy, Bundle } from "../../config/index.ts";
import { isOciReference } from "../../oci/index.ts";
import { writeSquashfs } from "../../pack/index.ts";
import type { SquashfsFile } from "../../pack/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import type { TeamId, TenantId } from "../../types/index.ts";
import type { BundlePack } from "./bundle-packs.ts";

export interface BuildBundleOptions {
  readonly packs: readonly BundlePack[];
  /** Stores instead of deflating, so that the bytes are the same whatever zlib the machine has. */
  readonly isStored: boolean;
  readonly toolVersion: string;
}

/** A built image and what it was made of. */
export interface BuiltBundle {
  readonly id: string;
  readonly image: Uint8Array;
  /** Lower-case hex of the whole image. */
  readonly sha256: string;
  /** Its files, in path order. */
  readonly files: readonly string[];
  /** References to registries and the digests that they are locked to. */
  readonly locked: readonly { readonly reference: string; readonly digest: string }[];
}

/** Builds an image. The same files give the same bytes. @throws the first pack's error, CLI_BUNDLE_PACK_OUTSIDE, CLI_USAGE_INVALID */
export function buildBundle(bundle: Bundle, options: BuildBundleOptions): BuiltBundle {
  const { packs, isStored } = options;
  if (bundle.files.isImage)
    throw new GreenticError("CLI_USAGE_INVALID", `Build bundle: ${quote(bundle.files.place)} is an image already`);
  for (const pack of packs) checkPack(pack);
  const files = new Map<string, Uint8Array>();
  const take = (path: string): void => {
    const bytes = bundle.files.read(path);
    if (bytes !== undefined) files.set(path, bytes);
  };
  take(inside(bundle, { location: bundle.file }));
  for (const { map } of bundle.access ?? []) take(inside(bundle, { location: map.file }));
  for (const { location, at, content } of packs) {
    if (!isOciReference(location) && content.bytes !== undefined)
      files.set(packPath(inside(bundle, { location, at })), content.bytes);
  }
  // Never the directory's name: the same files give the same bytes wherever they are.
  const id = bundle.id ?? bundle.apps[0]?.name ?? bundle.tenant;
  for (const [path, text] of descriptionsOf(bundle, { ...options, id })) files.set(path, Buffer.from(text));
  const written: SquashfsFile[] = [...files].map(([path, bytes]) => ({ path, bytes }));
  const image = writeSquashfs(written, { isStored });
  return {
    id,
    image,
    sha256: createHash("sha256").update(image).digest("hex"),
    files: [...files.keys()].toSorted(),
    locked: locksOf(packs, undefined).flatMap(({ reference, digest }) =>
      digest === undefined ? [] : [{ reference, digest }],
    ),
  };
}

/** A bundle is built of packs that would load. */
function checkPack({ name, at, content }: BundlePack): void {
  const problem = content.report?.findings.find(({ severity }) => severity === "error");
  if (problem !== undefined)
    throw new GreenticError(
      problem.code as GreenticError["code"],
      `Build bundle: pack ${quote(name)}: ${problem.message}`,
      { at },
    );
  if (content.error !== undefined)
    throw new GreenticError(content.error.code, `Build bundle: pack ${quote(name)}: ${content.error.message}`, {
      at,
      cause: content.error,
    });
}

/** Tells a file's path within the bundle: an image has no other. */
function inside(
  { files }: Bundle,
  { location, at }: { readonly location: string; readonly at?: BundlePack["at"] },
): string {
  const root = `${files.place}/`;
  if (location.startsWith(root)) return location.slice(root.length);
  throw new GreenticError(
    "CLI_BUNDLE_PACK_OUTSIDE",
    `Build bundle: ${quote(location)} lies outside of ${quote(files.place)}`,
    { at },
  );
}

/** An unpacked pack becomes the archive that its files have. */
function packPath(path: string): string {
  return path.endsWith(".gtpack") ? path : `${path}.gtpack`;
}

interface Target {
  readonly path: string;
  readonly tenant: TenantId;
  readonly team?: TeamId;
  readonly policy: { readonly default: AccessPolicy; readonly source: Readonly<Record<string, string>> };
  readonly apps: readonly { readonly reference: string; readonly policy: AccessPolicy }[];
}

function descriptionsOf(
  bundle: Bundle,
  { packs, id, toolVersion }: BuildBundleOptions & { readonly id: string },
): readonly (readonly [string, string])[] {
  const targets = targetsOf(bundle, packs);
  const [apps, providers] = [locksOf(packs, "app"), locksOf(packs, "provider")];
  const references = (locks: typeof apps): readonly string[] => locks.map(({ reference }) => reference);
  const title = bundle.worker.title ?? id;
  const [locale = "en"] = bundle.worker.locales;
  const summary = { bundle_id: id, bundle_name: title, locale, mode: "create" };
  const manifest = {
    format_version: "gtbundle-v1",
    bundle_id: id,
    bundle_name: title,
    requested_mode: "create",
    locale,
    artifact_extension: ".gtbundle",
    generated_resolved_files: targets.map(({ path }) => path),
    generated_setup_files: [],
    app_packs: references(apps),
    extension_providers: references(providers),
    catalogs: [],
    hooks: [],
    subscriptions: [],
    capabilities: [],
    resolved_targets: targets.map(({ path, tenant, team, policy, apps: policies }) => ({
      path,
      tenant,
      ...(team && { team }),
      default_policy: policy.default,
      tenant_gmap: `tenants/${tenant}/tenant.gmap`,
      ...policy.source,
      app_pack_policies: policies,
    })),
  };
  const lock = {
    schema_version: 1,
    bundle_id: id,
    requested_mode: "create",
    execution: "execute",
    cache_policy: "workspace-local",
    tool_version: toolVersion,
    build_format_version: "bundle-lock-v1",
    workspace_root: "bundle.yaml",
    lock_file: "bundle.lock.json",
    catalogs: [],
    app_packs: apps,
    extension_providers: providers,
    setup_state_files: [],
  };
  return [
    [MANIFEST_FILE, `${JSON.stringify(manifest, null, 2)}\n`],
    [LOCK_FILE, `${JSON.stringify(lock, null, 2)}\n`],
    ...targets.map(({ path, tenant, team, policy, apps: policies }) => {
      const resolved = {
        version: "1",
        tenant,
        ...(team && { team }),
        bundle: summary,
        policy: { source: policy.source, default: policy.default },
        app_packs: policies,
      };
      return [path, stringify(resolved)] as const;
    }),
  ];
}

/** The tenants and teams for which the bundle says something: those that have apps, and those that have maps. */
function targetsOf(bundle: Bundle, packs: readonly BundlePack[]): readonly Target[] {
  const { access = [], apps } = bundle;
  const places = new Map<string, { readonly tenant: TenantId; readonly team?: TeamId }>();
  for (const { tenant, team } of [{ tenant: bundle.tenant }, ...apps, ...access].map(
    (one): { readonly tenant: TenantId; readonly team?: TeamId } => one,
  )) {
    places.set(tenant, { tenant });
    if (team !== undefined) places.set(`${tenant}.${team}`, { tenant, team });
  }
  return [...places]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { tenant, team }]) => {
      const scope = access.find((one) => one.tenant === tenant && one.team === team);
      const own = packs.filter(
        (pack) => pack.use === "app" && pack.tenant === tenant && (pack.team === undefined || pack.team === team),
      );
      const mapped = scope && {
        [team === undefined ? "tenant_gmap" : "team_gmap"]: inside(bundle, { location: scope.map.file }),
      };
      return {
        path: `resolved/${key}.yaml`,
        tenant,
        ...(team !== undefined && { team }),
        policy: {
          default: access.some((one) => one.tenant === tenant) ? (scope?.otherwise ?? "forbidden") : "public",
          source: mapped ?? {},
        },
        apps: own.map(({ name, reference, content }) => ({
          reference,
          policy: decideAccess(access, {
            tenant,
            team: team ?? bundle.team,
            packs: [name, ...(content.pack === undefined ? [] : [content.pack.name])],
          }).policy,
        })),
      };
    });
}

/** What each reference stands for now: the digest of a registry's, the hash of a file's. */
function locksOf(
  packs: readonly BundlePack[],
  use: BundlePack["use"] | undefined,
): readonly { readonly reference: string; readonly digest?: string; readonly pack_hash?: string }[] {
  const locks = new Map(
    packs
      .filter((pack) => use === undefined || pack.use === use)
      .map(({ reference, content: { digest, pack } }) => [
        reference,
        { reference, ...(digest && { digest }), ...(pack && { pack_hash: pack.packHash }) },
      ]),
  );
  return [...locks.values()];
}
