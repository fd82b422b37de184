import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { GreenticError, isGreenticError, Pace, quote, runInTurns, toGreenticError } from "../types/index.ts";
import type { Paced } from "../types/index.ts";
import { loadBlake3 } from "./blake3.ts";
import { addLockedPackages } from "./component-packages.ts";
import { ContentHasher } from "./content-hasher.ts";
import type { HashedContent } from "./content-hasher.ts";
import { computePackHash, MANIFEST_PATH } from "./digest.ts";
import { summariseFlow } from "./flow-summary.ts";
import { lockedPackOf, lockPathOf, readPackLock } from "./dependencies/pack-lock.ts";
import { decodeManifest } from "./manifest-read.ts";
import { encodeManifest } from "./manifest.ts";
import type {
  AssetEntry,
  ComponentEntry,
  ContentRef,
  DependencyEntry,
  FlowEntry,
  PackManifest,
  ResolvedPack,
} from "./manifest.ts";
import { mediaTypeOf } from "./media-type.ts";
import { comparePaths } from "./entry-path.ts";
import { parsePackSource } from "./pack-source.ts";
import type { PackSource } from "./pack-source.ts";
import type { PackFinding } from "./report.ts";
import { writeSbom } from "./sbom.ts";
import type { SbomFile, SbomFormat } from "./sbom.ts";
import { hasFolder, listSourceFiles, readSourceFile } from "./source-files.ts";
import { readWasmMetadata } from "./wasm-metadata.ts";
import { writeZipPaced } from "./zip-write.ts";

export interface BuildPackOptions {
  /** Tells a component's family and world from its bytes; the component layer's knowledge. */
  readonly probeComponent: (bytes: Uint8Array) => ComponentProbe | Promise<ComponentProbe>;
  /** Finds the pack that a dependency's Cargo range resolves to, in place of pack.lock; undefined leaves it open. */
  readonly resolveDependency?: ((name: string, range: string) => Promise<ResolvedPack | undefined>) | undefined;
  /** Default "cyclonedx". */
  readonly sbom?: SbomFormat | undefined;
  /** Ids of the keys that are going to sign, lower-case hex: a verifier then misses them when they are stripped. */
  readonly signers?: readonly string[] | undefined;
}

export interface ComponentProbe {
  readonly abi: string;
  readonly world: string;
}

/** A pack that was built; `bytes` are the archive, unsigned. */
export interface BuiltPack {
  readonly bytes: Uint8Array;
  /** `{name}-{version}.gtpack`. */
  readonly fileName: string;
  readonly manifest: PackManifest;
  /** Lower-case hex. */
  readonly packHash: string;
  /** Warnings: files that nothing lists, dependencies that stay open. */
  readonly findings: readonly PackFinding[];
}

/**
 * Builds a pack from a folder with pack.toml or pack.yaml, or from the path of either. The same source gives the same bytes on
 * every machine. Dependencies are those of the pack.lock beside it.
 * @throws PACK_LOCK_…, PACK_SOURCE_…, PACK_FILE_…, PACK_FLOW_INVALID, PACK_COMPONENT_INVALID
 */
export async function buildPack(path: string, options: BuildPackOptions): Promise<BuiltPack> {
  const file = await findPackSource(path);
  const source = parsePackSource(await readFile(file, "utf8"), { file });
  const root = dirname(file);
  const pace = new Pace();
  await using hasher = await ContentHasher.open(pace);
  const read = async (entry: string): Promise<HashedContent> =>
    hasher.hashFile(entry, await readSourceFile(root, entry));
  const findings: PackFinding[] = [];

  const flows = await readFlows(source, read);
  const components = await readComponents(source, { read, probe: options.probeComponent });
  const assets = await readAssets(source, { root, read });
  const resolve = options.resolveDependency ?? (await resolverOf(file));
  const dependencies = await resolveDependencies(source, { resolve, findings });
  await findUnused(root, {
    used: new Set([...flows.contents, ...components.contents, ...assets.contents].map((c) => c.path)),
    findings,
  });

  const contents = uniqueContents([...flows.contents, ...components.contents, ...assets.contents]);
  const blake3 = await loadBlake3();
  const contentHash = computePackHash(blake3, { manifest: new Uint8Array(), contents: contents.map(refOf) });
  const sbomFiles = await addLockedPackages(root, await runInTurns(listForSbom(contents, pace)));
  const sbomText = writeSbom({ ...source, files: sbomFiles, dependencies, contentHash }, options.sbom ?? "cyclonedx");
  const sbom = await hasher.hashFile(SBOM_PATH, Buffer.from(sbomText));

  const manifestBytes = encodeManifest({
    name: source.name,
    version: source.version,
    description: source.description,
    authors: source.authors,
    capabilities: source.capabilities,
    flows: flows.entries,
    components: components.entries,
    assets: assets.entries,
    dependencies,
    secrets: source.secrets,
    config: source.config,
    ...(source.provider && { provider: source.provider }),
    sbom: refOf(sbom),
    signers: (options.signers ?? []).toSorted(),
  });
  const all = [...contents, sbom];
  return {
    bytes: await runInTurns(writeZipPaced([{ path: MANIFEST_PATH, bytes: manifestBytes }, ...all], pace)),
    fileName: `${source.name}-${source.version}.gtpack`,
    // Through the reader's door, so that nothing is built that wouldn't be read, and maps come in the manifest's order.
    manifest: decodeManifest(manifestBytes),
    packHash: computePackHash(blake3, { manifest: manifestBytes, contents: all.map(refOf) }),
    findings,
  };
}

/** Hashing so many bytes for the SBOM takes about a microsecond, and how many are hashed at once. */
const BYTES_PER_STEP = 250;
const SLICE_BYTES = 1 << 20;

function* listForSbom(contents: readonly HashedContent[], pace: Pace): Paced<readonly SbomFile[]> {
  const files: SbomFile[] = [];
  for (const { path, hash, bytes } of contents) {
    const [sha256, sha1] = [createHash("sha256"), createHash("sha1")];
    for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
      const slice = bytes.subarray(at, at + SLICE_BYTES);
      if (pace.spend(slice.length / BYTES_PER_STEP)) yield;
      sha256.update(slice);
      sha1.update(slice);
    }
    files.push({
      path,
      hash,
      sha256: sha256.digest("hex"),
      sha1: sha1.digest("hex"),
      mediaType: mediaTypeOf(path),
      ...(path.endsWith(".wasm") && { metadata: readWasmMetadata(bytes) }),
    });
  }
  return files;
}

const SBOM_PATH = "sbom.json";
const SOURCE_NAMES = ["pack.toml", "pack.yaml", "pack.yml"];

/** Finds the source file of a path, which may be the file itself. @throws PACK_SOURCE_MISSING, PACK_SOURCE_AMBIGUOUS */
export async function findPackSource(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() === true && SOURCE_NAMES.includes(basename(path))) return path;
  const present: string[] = [];
  if (found?.isDirectory() === true) {
    for (const name of SOURCE_NAMES) {
      const file = await stat(join(path, name)).catch(() => undefined);
      if (file?.isFile() === true) present.push(name);
    }
  }
  const [first] = present;
  if (first === undefined)
    throw new GreenticError("PACK_SOURCE_MISSING", `Find pack source in ${quote(path)}: no pack.toml or pack.yaml`);
  if (present.length > 1)
    throw new GreenticError(
      "PACK_SOURCE_AMBIGUOUS",
      `Find pack source in ${quote(path)}: both ${present.join(" and ")}`,
    );
  return join(path, first);
}

type Read = (path: string) => Promise<HashedContent>;

interface Collected<Entry> {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly contents: readonly HashedContent[];
}

async function readFlows(source: PackSource, read: Read): Promise<Collected<FlowEntry>> {
  const entries = new Map<string, FlowEntry>();
  const contents: HashedContent[] = [];
  for (const [name, path] of source.flows) {
    const content = await read(path);
    const flow = summariseFlow(decodeText(content), join(dirname(source.file), path));
    entries.set(name, {
      ...refOf(content),
      ...(flow.title === undefined ? {} : { title: flow.title }),
      type: flow.type,
    });
    contents.push(content);
  }
  return { entries, contents };
}

function decodeText(content: HashedContent): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content.bytes);
  } catch (error) {
    throw new GreenticError("PACK_FLOW_INVALID", `Read flow ${quote(content.path)}: not UTF-8`, { cause: error });
  }
}

async function readComponents(
  source: PackSource,
  { read, probe }: { readonly read: Read; readonly probe: BuildPackOptions["probeComponent"] },
): Promise<Collected<ComponentEntry>> {
  const entries = new Map<string, ComponentEntry>();
  const contents: HashedContent[] = [];
  for (const [name, component] of source.components) {
    const content = await read(component.path);
    let probed: ComponentProbe;
    try {
      probed = await probe(content.bytes);
    } catch (error) {
      throw toGreenticError(error, "PACK_COMPONENT_INVALID", `Read component ${quote(component.path)}`);
    }
    const { grants, reuse } = component;
    entries.set(name, {
      ...refOf(content),
      world: probed.world,
      abi: probed.abi,
      grants,
      ...(reuse === undefined ? {} : { reuse }),
    });
    contents.push(content);
  }
  return { entries, contents };
}

async function readAssets(
  source: PackSource,
  { root, read }: { readonly root: string; readonly read: Read },
): Promise<Collected<AssetEntry>> {
  const roots =
    source.assets === undefined ? ((await hasFolder(root, "assets")) ? ["assets"] : []) : source.assets.values();
  const paths = new Set<string>();
  for (const path of roots) for (const file of await listSourceFiles(root, path)) paths.add(file);
  const entries = new Map<string, AssetEntry>();
  const contents: HashedContent[] = [];
  for (const path of [...paths].toSorted(comparePaths)) {
    const content = await read(path);
    entries.set(path, { ...refOf(content), mediaType: mediaTypeOf(path) });
    contents.push(content);
  }
  return { entries, contents };
}

/** Takes what the lock beside the source says; where there is none, everything stays open. */
async function resolverOf(file: string): Promise<BuildPackOptions["resolveDependency"]> {
  const lock = await readPackLock(lockPathOf(file));
  return lock && (async (name, range) => lockedPackOf(lock, { name, range }));
}

async function resolveDependencies(
  source: PackSource,
  { resolve, findings }: { readonly resolve: BuildPackOptions["resolveDependency"]; readonly findings: PackFinding[] },
): Promise<ReadonlyMap<string, DependencyEntry>> {
  const entries = new Map<string, DependencyEntry>();
  for (const [name, req] of source.dependencies) {
    const resolved = await resolve?.(name, req);
    entries.set(name, { req, ...(resolved === undefined ? {} : { resolved }) });
    if (resolved === undefined)
      findings.push({
        code: "PACK_DEPENDENCY_UNRESOLVED",
        severity: "warning",
        message: `Build pack: dependency ${quote(name)} ${quote(req)} stays open`,
      });
  }
  return entries;
}

/** What an author would miss in the pack: a folder may hold sources and notes beside it. */
const EXPECTED_IN_PACK: readonly (readonly [folder: string, files: RegExp])[] = [
  ["flows", /\.ygtc$/],
  ["components", /\.wasm$/],
  ["assets", /./],
];

/** Warns of files that nothing lists: they are not in the pack. Odd names among them are nobody's error. */
async function findUnused(
  root: string,
  { used, findings }: { readonly used: ReadonlySet<string>; readonly findings: PackFinding[] },
): Promise<void> {
  for (const [folder, expected] of EXPECTED_IN_PACK) {
    const files = await listSourceFiles(root, folder).catch((error: unknown) => {
      if (isGreenticError(error)) return [];
      throw error;
    });
    for (const path of files) {
      if (used.has(path) || !expected.test(path)) continue;
      const message = `Build pack: ${quote(path)} is listed nowhere and left out`;
      findings.push({ code: "PACK_FILE_UNUSED", severity: "warning", path, message });
    }
  }
}

function refOf({ path, hash, bytes }: HashedContent): ContentRef {
  return { path, hash, sizeBytes: bytes.length };
}

/** Refuses a file that is listed twice, and orders the rest. */
function uniqueContents(contents: readonly HashedContent[]): readonly HashedContent[] {
  const seen = new Map<string, string>();
  for (const { path } of contents) {
    const other = seen.get(path.toLowerCase());
    if (other !== undefined)
      throw new GreenticError(
        "PACK_SOURCE_INVALID",
        `Build pack: ${quote(path)} is listed twice, or differs from ${quote(other)} in case only`,
      );
    seen.set(path.toLowerCase(), path);
  }
  return contents.toSorted((a, b) => comparePaths(a.path, b.path));
}
