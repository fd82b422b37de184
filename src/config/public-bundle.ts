import { DEFAULT_TEAM, GreenticError, quote, teamId, tenantId } from "../types/index.ts";
import type { JsonObject, TeamId, TenantId } from "../types/index.ts";
import type { AccessPolicy, AccessScope } from "./access-map.ts";
import { idAt, readAccessScope, readBundleText, readTenantMaps } from "./bundle-access.ts";
import type { Bundle, BundleApp, BundleProvider } from "./bundle.ts";
import type { BundleFiles } from "./bundle-files.ts";
import { lockReference, readBundleLock } from "./bundle-lock.ts";
import { builtInType, locatePack, packNameOf } from "./bundle-packs.ts";
import { checkDocument } from "./check-document.ts";
import { bundleManifestSchema, publicBundleSchema, resolvedSchema } from "./public-bundle-schema.ts";
import { readJson, readYaml } from "./source-document.ts";
import type { SourceDocument } from "./source-document.ts";

export const MANIFEST_FILE = "bundle-manifest.json";
export const WORKSPACE_FILE = "bundle.yaml";

/** A tenant, or one of its teams, that a bundle was made for, and where its file says so. */
interface Target {
  readonly tenant: TenantId;
  readonly team?: TeamId;
  readonly file: string;
  readonly tenantMap?: string;
  readonly teamMap?: string;
  readonly otherwise?: AccessPolicy;
  readonly policies: readonly { readonly reference: string; readonly policy: AccessPolicy }[];
}

/** The files that describe a bundle, as far as they are there. */
interface Description {
  readonly files: BundleFiles;
  readonly workspace: SourceDocument | undefined;
  readonly manifest: SourceDocument | undefined;
}

/**
 * Reads a bundle of the public tools: bundle.yaml, bundle-manifest.json, resolved manifests, access maps.
 * @throws CONFIG_SYNTAX_INVALID, CONFIG_VALUE_INVALID, CONFIG_BUNDLE_INCONSISTENT, CONFIG_FILE_MISSING, with positions
 */
export function readPublicBundle(files: BundleFiles): Bundle {
  const document = (path: string, read: typeof readYaml): SourceDocument | undefined =>
    files.has(path) ? read(readBundleText(files, path), files.locate(path)) : undefined;
  const workspace = document(WORKSPACE_FILE, readYaml);
  const manifest = document(MANIFEST_FILE, readJson);
  if (workspace) checkDocument(workspace, publicBundleSchema);
  if (manifest) checkDocument(manifest, bundleManifestSchema);
  const description: Description = { files, workspace, manifest };
  checkConsistency(description);
  const targets = targetsOf(description);
  const own = fieldsOf(workspace);
  const at = workspace?.positionOf([]) ?? { file: files.place, line: 1, column: 1 };
  const tenant = idAt(at, () => tenantId(textOf(own["tenant"]) ?? targets[0]?.tenant ?? "demo"));
  const team = idAt(at, () => teamId(textOf(own["team"]) ?? DEFAULT_TEAM));
  const id = textOf(own["bundle_id"]) ?? textOf(fieldsOf(manifest)["bundle_id"]);
  const access = accessOf(files, targets);
  return {
    file: files.locate(workspace ? WORKSPACE_FILE : MANIFEST_FILE),
    dir: files.place,
    files,
    tenant,
    team,
    providers: providersOf(description, { targets, tenant, team }),
    apps: appsOf(description, { targets, tenant }),
    worker: { suggestions: [], locales: [textOf(own["locale"]) ?? "en"], ...titleOf(own, manifest) },
    ...(id !== undefined && { id }),
    ...(access.length > 0 && { access }),
  };
}

function titleOf(own: JsonObject, manifest: SourceDocument | undefined): { readonly title?: string } {
  const title = textOf(own["bundle_name"]) ?? textOf(fieldsOf(manifest)["bundle_name"]);
  return title === undefined ? {} : { title };
}

/** The files of an image must say the same of it; what a manifest lists must be there. */
function checkConsistency({ files, workspace, manifest }: Description): void {
  if (manifest === undefined) return;
  const lock = readBundleLock(files);
  const stated = fieldsOf(manifest);
  for (const [other, keys] of [
    [
      lock?.document,
      { bundle_id: "bundle_id", requested_mode: "requested_mode", setup_state_files: "generated_setup_files" },
    ],
    [workspace, { bundle_id: "bundle_id", mode: "requested_mode" }],
  ] as const) {
    if (other === undefined) continue;
    for (const [theirs, ours] of Object.entries(keys)) {
      const [a, b] = [fieldsOf(other)[theirs], stated[ours]];
      if (a !== undefined && b !== undefined && JSON.stringify(a) !== JSON.stringify(b))
        throw new GreenticError(
          "CONFIG_BUNDLE_INCONSISTENT",
          `Read bundle: ${theirs} differs from ${ours} of ${MANIFEST_FILE}`,
          { at: other.positionOf([theirs]) },
        );
    }
  }
  for (const key of ["generated_resolved_files", "generated_setup_files"]) {
    for (const [i, path] of textsOf(stated[key]).entries()) {
      if (!files.has(path))
        throw new GreenticError("CONFIG_BUNDLE_INCONSISTENT", `Read bundle: it lacks ${quote(path)}`, {
          at: manifest.positionOf([key, i]),
        });
    }
  }
}

/** Whom the bundle is for: as its manifest says, else its resolved files, else its folders of tenants. */
function targetsOf({ files, manifest }: Description): readonly Target[] {
  const listed = (fieldsOf(manifest)["resolved_targets"] ?? []) as readonly JsonObject[];
  if (manifest && listed.length > 0)
    return listed.map((entry) =>
      targetOf(manifest, {
        tenant: entry["tenant"],
        team: entry["team"],
        tenant_gmap: entry["tenant_gmap"],
        team_gmap: entry["team_gmap"],
        default: entry["default_policy"],
        policies: entry["app_pack_policies"],
      }),
    );
  const resolved = files
    .list("resolved")
    .filter((path) => path.endsWith(".yaml"))
    .flatMap((path) => {
      const document = readYaml(readBundleText(files, path), files.locate(path));
      checkDocument(document, resolvedSchema);
      const fields = fieldsOf(document);
      // The tools leave placeholders for teams that nobody resolved.
      if (fields["tenant"] === undefined) return [];
      const policy = (fields["policy"] ?? {}) as JsonObject;
      const source = (policy["source"] ?? {}) as JsonObject;
      return [targetOf(document, { ...fields, ...source, default: policy["default"], policies: fields["app_packs"] })];
    });
  if (resolved.length > 0) return resolved;
  return readTenantMaps(files).map(({ tenant, team, map }) => ({
    tenant,
    file: map.file,
    policies: [],
    ...(team !== undefined && { team }),
  }));
}

function targetOf(document: SourceDocument, fields: Readonly<Record<string, unknown>>): Target {
  const at = document.positionOf(["resolved_targets"]);
  const [team, tenantMap, teamMap] = [fields["team"], fields["tenant_gmap"], fields["team_gmap"]].map(textOf);
  const policyOf = (value: unknown): AccessPolicy => (value === "public" ? "public" : "forbidden");
  const policies = (fields["policies"] ?? []) as readonly { readonly reference: string; readonly policy?: string }[];
  return {
    tenant: idAt(at, () => tenantId(textOf(fields["tenant"]) ?? "")),
    file: document.file,
    policies: policies.map(({ reference, policy }) => ({ reference, policy: policyOf(policy) })),
    ...(team !== undefined && { team: idAt(at, () => teamId(team)) }),
    ...(tenantMap !== undefined && { tenantMap }),
    ...(teamMap !== undefined && { teamMap }),
    ...(fields["default"] !== undefined && { otherwise: policyOf(fields["default"]) }),
  };
}

/** The maps that are there; where a target's isn't, what was resolved of it when the bundle was built. */
function accessOf(files: BundleFiles, targets: readonly Target[]): readonly AccessScope[] {
  const scopes: AccessScope[] = [...readTenantMaps(files)];
  const has = (tenant: TenantId, team: TeamId | undefined): boolean =>
    scopes.some((scope) => scope.tenant === tenant && scope.team === team);
  for (const { tenant, team, file, tenantMap, teamMap, otherwise, policies } of targets) {
    const at = { file, line: 1, column: 1 };
    for (const [path, of] of [
      [tenantMap, undefined],
      [teamMap, team],
    ] as const) {
      if (path !== undefined && files.has(path) && !has(tenant, of))
        scopes.push(
          readAccessScope(files, { path, tenant, at, ...(of && { team: of }), ...(otherwise && { otherwise }) }),
        );
    }
    if (has(tenant, team) || (policies.length === 0 && otherwise === undefined)) continue;
    const rules = policies.map(({ reference, policy }) => {
      const pack = packNameOf(reference);
      return { path: pack, pack, policy, at };
    });
    scopes.push({ tenant, map: { file, rules }, otherwise: otherwise ?? "forbidden", ...(team && { team }) });
  }
  return scopes;
}

interface Mapping {
  readonly reference: string;
  readonly scope: "global" | "tenant" | "team";
  readonly tenant?: string;
  readonly team?: string;
}

function appsOf(
  { files, workspace, manifest }: Description,
  { targets, tenant }: { readonly targets: readonly Target[]; readonly tenant: TenantId },
): readonly BundleApp[] {
  const owner = workspace ?? manifest;
  const named = textsOf(fieldsOf(workspace)["app_packs"] ?? fieldsOf(manifest)["app_packs"]);
  const found = named.length > 0 ? named : files.list("packs").filter((path) => path.endsWith(".gtpack"));
  const mappings = (fieldsOf(workspace)["app_pack_mappings"] ?? []) as unknown as readonly Mapping[];
  const tenants = [...new Set([tenant, ...targets.map((target) => target.tenant)])];
  const lock = readBundleLock(files);
  return found.flatMap((reference, i) => {
    const name = packNameOf(reference);
    if (builtInType(name) !== undefined) return [];
    const at = owner?.positionOf(["app_packs", i]) ?? { file: files.place, line: 1, column: 1 };
    const pack = locatePack(files, lockReference(lock, reference), { folder: "packs", at });
    const places = mappings.filter((mapping) => mapping.reference === reference && mapping.scope !== "global");
    if (places.length === 0) return tenants.map((of): BundleApp => ({ name, pack, reference, at, tenant: of }));
    return places.map((place, n): BundleApp => {
      const position = workspace?.positionOf(["app_pack_mappings", n]) ?? { file: files.place, line: 1, column: 1 };
      const { team } = place;
      return {
        name,
        pack,
        reference,
        at: position,
        tenant: idAt(position, () => tenantId(place.tenant ?? tenant)),
        ...(place.scope === "team" && team !== undefined && { team: idAt(position, () => teamId(team)) }),
      };
    });
  });
}

function providersOf(
  { files, workspace, manifest }: Description,
  { targets, tenant, team }: { readonly targets: readonly Target[]; readonly tenant: TenantId; readonly team: TeamId },
): readonly BundleProvider[] {
  const listed = files.list("providers").filter((path) => path.endsWith(".gtpack"));
  const names = new Set(listed.map(packNameOf));
  const references = [workspace, manifest].flatMap((document) => textsOf(fieldsOf(document)["extension_providers"]));
  // Provider packs are shipped as applications too; their names tell.
  const shipped = [workspace, manifest]
    .flatMap((document) => textsOf(fieldsOf(document)["app_packs"]))
    .filter((reference) => builtInType(packNameOf(reference)) !== undefined);
  const packs = [...listed];
  for (const reference of [...references, ...shipped]) {
    const name = packNameOf(reference);
    if (names.has(name)) continue;
    names.add(name);
    packs.push(reference);
  }
  const lock = readBundleLock(files);
  const tenants = new Map([[tenant, team], ...targets.map((target) => [target.tenant, target.team ?? team] as const)]);
  const types = new Set<string>();
  return packs.flatMap((reference) => {
    const name = packNameOf(reference);
    const type = builtInType(name);
    // Two packs of one channel, the plain one and the one with a page: the first serves.
    if (type !== undefined && types.has(type)) return [];
    if (type !== undefined) types.add(type);
    const { enabled, config } = answersFor(files, name);
    if (!enabled) return [];
    const folder = listed.includes(reference) ? "" : "packs";
    const pack = locatePack(files, lockReference(lock, reference), { folder });
    const at = (workspace ?? manifest)?.positionOf(["extension_providers"]) ?? {
      file: files.place,
      line: 1,
      column: 1,
    };
    return [...tenants].map(([of, its]): BundleProvider => ({
      name: channelNameOf(name),
      tenant: of,
      team: its,
      config,
      pack,
      reference,
      at,
      ...(type && { type }),
    }));
  });
}

/** What the public tools' set-up left, as far as built-in channels understand it; secrets aren't taken from files of a bundle. */
function answersFor(files: BundleFiles, name: string): { readonly enabled: boolean; readonly config: JsonObject } {
  const path = `state/setup/${name}.json`;
  if (!files.has(path)) return { enabled: true, config: {} };
  const root = fieldsOf(readJson(readBundleText(files, path), files.locate(path)));
  const answers = (root[name] ?? root) as JsonObject;
  const taken = Object.entries(answers).filter(
    ([key, value]) => ["public_base_url", "username"].includes(key) && typeof value === "string" && value !== "",
  );
  return { enabled: answers["enabled"] !== false, config: Object.fromEntries(taken) };
}

function channelNameOf(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, "-")
    .replace(/^-+/, "")
    .slice(0, 63);
}

function fieldsOf(document: SourceDocument | undefined): JsonObject {
  const value = document?.value;
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
