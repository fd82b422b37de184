import { GreenticError, isJsonObject, parseJson } from "../types/index.ts";
import type { I18nBundles } from "../flow/index.ts";
import type { PackKind } from "./capability-id.ts";
import { packKindOf } from "./capability-id.ts";
import type { VerifyOptions } from "./examined-pack.ts";
import type { JudgedBy } from "./examined-pack.ts";
import { findingError } from "./finding-error.ts";
import type { SignatureVerdict } from "./judge-signatures.ts";
import { checkDowngrade } from "./load-record.ts";
import type { LoadRecord, LoadStep } from "./load-record.ts";
import type { AssetEntry, ComponentEntry, FlowEntry, PackDescription, ResolvedPack } from "./manifest.ts";
import type { PackArchive } from "./read-archive.ts";
import type { PublicExtensions } from "./public/public-extensions.ts";
import type { PackGeneration, PackReport } from "./report.ts";
import type { TrustPolicy } from "./trust.ts";
import { examinePack } from "./verify-pack.ts";

export interface OpenPackOptions {
  readonly trust: TrustPolicy;
  /** Wall clock, for keys that expire. */
  readonly nowMs: number;
  readonly policy?: OpenPolicy | undefined;
  /** Envelopes that say how it was built, see {@link VerifyOptions}. */
  readonly provenance?: VerifyOptions["provenance"];
  /** Tells the family of components whose manifest doesn't say, as public ones; "unknown" without it. */
  readonly probeComponent?: VerifyOptions["probeComponent"];
}

/** What the operator decides about a pack beside whom to trust. */
export interface OpenPolicy {
  /** Whether listings that disagree with the pack refuse it, see {@link VerifyOptions}. Default "strict". */
  readonly sbom?: VerifyOptions["sbom"];
  /** What the tenant loaded last under this name, asked for once the name is known. */
  readonly previous?: ((name: string) => Promise<LoadRecord | undefined>) | undefined;
  /** The caller writes the audit record. */
  readonly allowDowngrade?: boolean | undefined;
}

/** A verified pack in memory. All its bytes are the bytes that were verified. */
export interface Pack {
  readonly generation: PackGeneration;
  readonly name: string;
  readonly version: string;
  readonly kind: PackKind;
  /** Lower-case hex; sessions stay on it. */
  readonly packHash: string;
  readonly manifest: PackDescription;
  readonly report: PackReport;
  /** How it relates to what was loaded before. */
  readonly step: LoadStep;
  /** Paths of all entries but manifest.cbor and signature.sig, in bytewise order. */
  readonly entries: readonly string[];
  /** By name. */
  readonly flows: ReadonlyMap<string, FlowEntry>;
  /** By name. */
  readonly components: ReadonlyMap<string, ComponentEntry>;
  /** By path. */
  readonly assets: ReadonlyMap<string, AssetEntry>;
  /** Name → the one pack that it was built with and takes at run time; dependencies that were left open aren't here. */
  readonly dependencies: ReadonlyMap<string, ResolvedPack>;
  /** What a public pack offers beside flows; undefined for native packs. */
  readonly extensions: PublicExtensions | undefined;
  /** The envelope that was believed about how it was built, first, and the others that were given. */
  readonly provenance: readonly Uint8Array[];
  /** Locale → key → text, of the assets `i18n/<locale>.json`; the objects have no prototype. */
  readonly i18n: I18nBundles;
  /** Judges its signatures by the trust and the time of now; what was verified else holds for ever. */
  judge(by: JudgedBy): Promise<SignatureVerdict>;
  /** Returns an entry's bytes, which must not be changed; undefined where there is none. */
  read(path: string): Uint8Array | undefined;
  /** Returns an entry as UTF-8 text. @throws PACK_ASSET_INVALID where it is none */
  readText(path: string): string | undefined;
}

/**
 * Verifies a pack and opens it. `bytes` belong to the pack from here on and must not be changed.
 * @throws the code of the first finding that the policy refuses: PACK_ZIP_…, PACK_HASH_MISMATCH, PACK_UNSIGNED,
 * PACK_SIGNATURE_…, PACK_SIGNER_…; PACK_VERSION_DOWNGRADE; PACK_ASSET_INVALID for a broken i18n bundle
 */
export async function openPack(bytes: Uint8Array, options: OpenPackOptions): Promise<Pack> {
  const { trust, nowMs, policy = {}, probeComponent, provenance } = options;
  const { report, content } = await examinePack(bytes, { trust, nowMs, sbom: policy.sbom, probeComponent, provenance });
  const refused = report.findings.find((finding) => finding.severity === "error");
  const { generation } = report;
  if (refused !== undefined || content === undefined || generation === null) throw findingError(refused, "Open pack");
  const { archive, manifest, packHash } = content;
  const { name, version } = manifest;
  const previous = await policy.previous?.(name);
  const step = checkDowngrade({ name, version, packHash }, { previous, isAllowed: policy.allowDowngrade === true });
  return {
    generation,
    name,
    version,
    kind: packKindOf(manifest.capabilities.id),
    packHash,
    manifest,
    report,
    step,
    entries: [...archive.contents.keys()],
    flows: manifest.flows,
    components: manifest.components,
    assets: manifest.assets,
    dependencies: lockedDependencies(manifest),
    extensions: content.extensions,
    provenance: content.provenance ?? [],
    i18n: readI18n(archive, { manifest, isTolerant: generation !== "native" }),
    judge: content.judge,
    read: (path) => archive.contents.get(path)?.bytes,
    readText: (path) => readText(archive, path),
  };
}

function lockedDependencies({ dependencies }: PackDescription): ReadonlyMap<string, ResolvedPack> {
  return new Map(
    [...dependencies].flatMap(([name, { resolved }]) => (resolved === undefined ? [] : [[name, resolved]])),
  );
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function readText(archive: PackArchive, path: string): string | undefined {
  const bytes = archive.contents.get(path)?.bytes;
  if (bytes === undefined) return undefined;
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new GreenticError("PACK_ASSET_INVALID", `Read ${JSON.stringify(path)}: not UTF-8`, {
      details: { path },
      cause: error,
    });
  }
}

/** Public packs keep other JSON beside their bundles: what holds no texts is left out there. */
function readI18n(
  archive: PackArchive,
  { manifest, isTolerant }: { readonly manifest: PackDescription; readonly isTolerant: boolean },
): I18nBundles {
  const bundles = Object.create(null) as Record<string, Readonly<Record<string, string>>>;
  for (const path of manifest.assets.keys()) {
    const locale = /(?:^|\/)i18n\/([A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*)\.json$/.exec(path)?.[1];
    if (locale === undefined) continue;
    try {
      bundles[locale.replaceAll("_", "-")] = readBundle(path, readText(archive, path) ?? "");
    } catch (error) {
      if (!isTolerant) throw error;
    }
  }
  return bundles;
}

/** Reads one bundle; nested objects become dotted keys. */
function readBundle(path: string, text: string): Readonly<Record<string, string>> {
  const bundle = Object.create(null) as Record<string, string>;
  const invalid = (state: string, cause?: unknown): GreenticError =>
    new GreenticError("PACK_ASSET_INVALID", `Read i18n bundle ${JSON.stringify(path)}: ${state}`, {
      details: { path },
      cause,
    });
  const flatten = (value: unknown, key: string): void => {
    if (typeof value === "string") bundle[key] = value;
    else if (isJsonObject(value))
      for (const [name, inner] of Object.entries(value)) flatten(inner, key === "" ? name : `${key}.${name}`);
    else throw invalid(`expected texts, got something else at ${JSON.stringify(key)}`);
  };
  try {
    flatten(parseJson(text), "");
  } catch (error) {
    throw error instanceof GreenticError && error.code === "PACK_ASSET_INVALID" ? error : invalid("not JSON", error);
  }
  if ("" in bundle) throw invalid("expected an object of texts");
  return bundle;
}
