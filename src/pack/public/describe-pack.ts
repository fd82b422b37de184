import { valid as validVersion } from "semver";
import { GreenticError, isGreenticError, quote } from "../../types/index.ts";
import { parseCapabilityId } from "../capability-id.ts";
import { cargoRange } from "../cargo-range.ts";
import { ContentHasher } from "../content-hasher.ts";
import type { HashedContent } from "../content-hasher.ts";
import { MANIFEST_PATH, SIGNATURE_PATH } from "../digest.ts";
import { comparePaths } from "../entry-path.ts";
import type { VerifyOptions } from "../examined-pack.ts";
import { ENTRY_NAME, PACK_NAME } from "../manifest-read.ts";
import type { AssetEntry, ComponentEntry, FlowEntry, PackDescription } from "../manifest.ts";
import { mediaTypeOf } from "../media-type.ts";
import type { PackFinding } from "../report.ts";
import { LOCK_PATH, SBOM_PATHS } from "./check-listing.ts";
import { invalidField } from "./json-fields.ts";
import { componentEntry, isComponent } from "./public-components.ts";
import type { FoundComponent } from "./public-components.ts";
import type { PublicExtensions } from "./public-extensions.ts";
import { flowSource } from "./public-flows.ts";
import type { PublicManifest } from "./public-manifest.ts";

/** What a public pack was read as. */
export interface PublicPackParts {
  readonly manifest: PublicManifest;
  readonly extensions: PublicExtensions;
  readonly components: readonly FoundComponent[];
  readonly contents: ReadonlyMap<string, HashedContent>;
}

/** A public pack in the terms of native ones. */
export interface DescribedPack {
  readonly description: PackDescription;
  /** Flows as source, assets below `assets/`, components: everything that the description names. */
  readonly contents: ReadonlyMap<string, HashedContent>;
  /** Without a severity where policy decides it. */
  readonly findings: readonly (Omit<PackFinding, "severity"> & Partial<Pick<PackFinding, "severity">>)[];
}

/** Puts a public pack into the terms of native ones, so that everything behind needs to know no other. @throws PACK_MANIFEST_INVALID */
export async function describePublicPack(
  parts: PublicPackParts,
  { probeComponent }: Pick<VerifyOptions, "probeComponent">,
): Promise<DescribedPack> {
  const { manifest, extensions } = parts;
  const findings: DescribedPack["findings"][number][] = [];
  const contents = new Map<string, HashedContent>();
  const components = await describeComponents(parts, { probeComponent, contents, findings });
  const flows = await describeFlows(parts, { contents, findings });
  const assets = describeAssets(parts, contents);
  const secrets = [...new Map(manifest.secrets.map((secret) => [secret.key, secret])).values()];
  const required = secrets.filter((secret) => secret.required).map(({ key }) => key);
  const asked = [...components.values()].flatMap(({ grants }) => grants.secrets);
  const optional = [...secrets.map(({ key }) => key), ...asked].filter((key) => !required.includes(key));
  const name = packName(manifest.packId);
  if (name !== manifest.packId) {
    const message = `Read public manifest: ${quote(manifest.packId)} is called ${quote(name)} here`;
    findings.push({ code: "PACK_NAME_INVALID", severity: "info", path: MANIFEST_PATH, message });
  }
  const version = validVersion(manifest.version);
  if (version === null) throw invalidField("version", `expected a semantic version, got ${quote(manifest.version)}`);
  const description: PackDescription = {
    name,
    version,
    description: manifest.description,
    authors: manifest.authors,
    capabilities: { id: capabilityOf(parts), provides: extensions.providers.map(({ type }) => type) },
    flows,
    components,
    assets,
    dependencies: new Map(
      manifest.dependencies.filter(({ req }) => isRange(req)).map(({ packId, req }) => [packId, { req }]),
    ),
    secrets: { required, optional: [...new Set(optional)] },
    config: {},
  };
  return { description, contents, findings };
}

/** Native names have no dots: they are part of keys and paths. @throws PACK_MANIFEST_INVALID */
function packName(packId: string): string {
  const name = packId
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, "-")
    .replace(/^-+/, "");
  if (!PACK_NAME.test(name)) throw invalidField("pack_id", `expected letters and digits, got ${quote(packId)}`);
  return name;
}

/** Providers call themselves applications: what they offer tells. */
function capabilityOf({ manifest, extensions }: PublicPackParts): string {
  const offered = extensions.offers.map(({ capability }) => capability).find(isProviderCapability);
  if (offered !== undefined) return offered;
  if (extensions.providers.length > 0 || manifest.kind === "provider") return "greentic.cap.provider.v1";
  if (manifest.kind === "library" && manifest.flows.length === 0) return "greentic.cap.component.v1";
  return manifest.kind === "infrastructure" ? "greentic.cap.infrastructure.v1" : "greentic.cap.app.v1";
}

function isProviderCapability(id: string): boolean {
  try {
    return parseCapabilityId(id).category.endsWith("provider");
  } catch {
    return false;
  }
}

function isRange(req: string): boolean {
  try {
    cargoRange(req);
    return true;
  } catch {
    return false;
  }
}

interface Into {
  readonly contents: Map<string, HashedContent>;
  readonly findings: DescribedPack["findings"][number][];
}

async function describeComponents(
  { components, contents: given }: PublicPackParts,
  into: Into & Pick<VerifyOptions, "probeComponent">,
): Promise<ReadonlyMap<string, ComponentEntry>> {
  const entries = new Map<string, ComponentEntry>();
  for (const component of components) {
    const { id, path } = component;
    const content = path === undefined ? undefined : given.get(path);
    const problem = !ENTRY_NAME.test(id)
      ? "a name that no component can have"
      : content === undefined
        ? "the archive doesn't hold it"
        : isComponent(content.bytes)
          ? undefined
          : "its file is no WebAssembly component";
    if (problem !== undefined || content === undefined) {
      const message = `Read component ${quote(id)}: ${problem ?? "missing"}`;
      into.findings.push({ code: "PACK_COMPONENT_MISSING", severity: "warning", ...(path && { path }), message });
      continue;
    }
    into.contents.set(content.path, content);
    const { path: file, hash, bytes } = content;
    const abi = await probed(bytes, into.probeComponent);
    entries.set(id, componentEntry(component, { path: file, hash, sizeBytes: bytes.length, abi }));
  }
  return ordered(entries);
}

async function probed(bytes: Uint8Array, probe: VerifyOptions["probeComponent"]): Promise<string> {
  try {
    return (await probe?.(bytes))?.abi ?? "unknown";
  } catch (error) {
    if (!isGreenticError(error)) throw error;
    return "unknown";
  }
}

async function describeFlows(
  { manifest, contents: given }: PublicPackParts,
  { contents, findings }: Into,
): Promise<ReadonlyMap<string, FlowEntry>> {
  const entries = new Map<string, FlowEntry>();
  await using hasher = await ContentHasher.open();
  for (const flow of manifest.flows) {
    try {
      if (!ENTRY_NAME.test(flow.id) || entries.has(flow.id))
        throw new GreenticError("PACK_MANIFEST_INVALID", "a name that no flow can have, or that another one has");
      const source = flowSource(flow, (path) => given.get(path)?.bytes);
      const content = await hasher.hashFile(`flows/${flow.id}.ygtc`, new TextEncoder().encode(source));
      contents.set(content.path, content);
      const type = flow.kind === "flow/v1" ? "messaging" : flow.kind;
      entries.set(flow.id, { path: content.path, hash: content.hash, sizeBytes: content.bytes.length, type });
    } catch (error) {
      if (!isGreenticError(error)) throw error;
      findings.push({
        code: error.code,
        path: MANIFEST_PATH,
        message: `Read flow ${quote(flow.id)}: ${error.message}`,
      });
    }
  }
  return ordered(entries);
}

/**
 * Lists everything else below `assets/`: as it is there first, then what packers put into `assets/assets/`, then the folders
 * beside `assets/`.
 */
function describeAssets(
  { contents: given, components }: PublicPackParts,
  contents: Map<string, HashedContent>,
): ReadonlyMap<string, AssetEntry> {
  const taken = new Set(components.flatMap(({ path }) => path ?? []));
  const assets = new Map<string, AssetEntry>();
  const candidates = [...given.values()].filter(({ path }) => !taken.has(path) && !isPacksOwn(path));
  const spellings = candidates.map((content) => ({ content, ...assetPath(content.path) }));
  for (const { content, path } of spellings.toSorted((a, b) => a.rank - b.rank)) {
    if (assets.has(path) || contents.has(path)) continue;
    contents.set(path, { ...content, path });
    assets.set(path, { path, hash: content.hash, sizeBytes: content.bytes.length, mediaType: mediaTypeOf(path) });
  }
  return ordered(assets);
}

function assetPath(path: string): { readonly path: string; readonly rank: number } {
  if (path.startsWith("assets/assets/")) return { path: path.slice("assets/".length), rank: 1 };
  return path.startsWith("assets/") ? { path, rank: 0 } : { path: `assets/${path}`, rank: 2 };
}

/** What describes the pack rather than belonging to it. */
function isPacksOwn(path: string): boolean {
  return (
    [MANIFEST_PATH, SIGNATURE_PATH, LOCK_PATH, "manifest.json", "provenance.json", ...SBOM_PATHS].includes(path) ||
    /^(?:signatures|flows)\//.test(path) ||
    /^components\/.*\.(?:wasm|manifest\.cbor|manifest\.json)$/.test(path)
  );
}

function ordered<T>(entries: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  return new Map([...entries].toSorted(([a], [b]) => comparePaths(a, b)));
}
