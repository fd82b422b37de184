import type { JsonObject, SecretHeader } from "../types/index.ts";
import type { CborValue } from "./cbor.ts";
import { encodeCbor } from "./cbor.ts";

/** The one manifest version of the native format. */
export const MANIFEST_SCHEMA = "gtpack-v1";

/** A file of a pack as the manifest binds it. */
export interface ContentRef {
  readonly path: string;
  /** BLAKE3 of the bytes, lower-case hex. */
  readonly hash: string;
  readonly sizeBytes: number;
}

export interface FlowEntry extends ContentRef {
  readonly title?: string;
  /** The flow's kind of work: messaging, webhook, timer, … */
  readonly type: string;
}

/** What a component asks for; the operator's policy can only take away from it. */
export interface PackGrants {
  /** Origins that outbound HTTP may reach, `scheme://host[:port]`, `https://*.host` for one label. */
  readonly http: readonly string[];
  /** Names of secrets that it may read. */
  readonly secrets: readonly string[];
  /** Names of secrets that it may write; writing grants no reading. */
  readonly secretsWrite: readonly string[];
  readonly state: "none" | "read" | "read-write";
  /** Names of tools that it may invoke. */
  readonly tools: readonly string[];
  /** Whether it may read the files of its own pack's assets. */
  readonly assets: boolean;
  /** Ids of the OAuth providers whose tokens it may ask for. */
  readonly oauth: readonly string[];
  /** Secrets that the host puts into headers of its requests; the component sees none of them. */
  readonly secretHeaders?: readonly SecretHeader[];
}

export interface ComponentEntry extends ContentRef {
  /** The WIT world as the component names it; a hint, its exports decide. */
  readonly world: string;
  /** The family of calling conventions that its exports show. */
  readonly abi: string;
  readonly grants: PackGrants;
  /** "tenant" keeps a warm instance for one tenant; a fresh one for each call otherwise. */
  readonly reuse?: "tenant";
}

export interface AssetEntry extends ContentRef {
  readonly mediaType: string;
}

export interface DependencyEntry {
  /** A range by Cargo's rules. */
  readonly req: string;
  /** What the range was resolved to when the pack was built. */
  readonly resolved?: ResolvedPack;
}

/** One exact pack. */
export interface ResolvedPack {
  readonly version: string;
  /** Lower-case hex. */
  readonly packHash: string;
}

/** What a pack says about itself, in whichever format. */
export interface PackDescription {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly authors: readonly string[];
  readonly capabilities: { readonly id: string; readonly provides: readonly string[] };
  readonly flows: ReadonlyMap<string, FlowEntry>;
  readonly components: ReadonlyMap<string, ComponentEntry>;
  /** By path. */
  readonly assets: ReadonlyMap<string, AssetEntry>;
  readonly dependencies: ReadonlyMap<string, DependencyEntry>;
  readonly secrets: { readonly required: readonly string[]; readonly optional: readonly string[] };
  readonly config: JsonObject;
  /** Of a provider pack, what it says of its platform, as `readTraits` reads it; absent where it says nothing. */
  readonly provider?: JsonObject;
}

/** The typed form of the native manifest.cbor. Maps are in bytewise order of their keys. */
export interface PackManifest extends PackDescription {
  readonly sbom: ContentRef;
  /** Ids of the keys that are expected to sign, lower-case hex. */
  readonly signers: readonly string[];
}

/** Encodes a manifest as manifest.cbor: the same manifest gives the same bytes. */
export function encodeManifest(manifest: PackManifest): Uint8Array {
  return encodeCbor(
    record({
      schema_version: MANIFEST_SCHEMA,
      name: manifest.name,
      version: manifest.version,
      description: manifest.description,
      authors: manifest.authors,
      capabilities: record({ id: manifest.capabilities.id, provides: manifest.capabilities.provides }),
      flows: mapOf(manifest.flows, (flow) => ({ ...ref(flow), title: flow.title, type: flow.type })),
      components: mapOf(manifest.components, (component) => ({
        ...ref(component),
        world: component.world,
        abi: component.abi,
        grants: grantsRecord(component.grants),
        reuse: component.reuse,
      })),
      assets: mapOf(manifest.assets, (asset) => ({
        hash: hexBytes(asset.hash),
        size: asset.sizeBytes,
        media_type: asset.mediaType,
      })),
      dependencies: mapOf(manifest.dependencies, ({ req, resolved }) => ({
        req,
        resolved: resolved && record({ version: resolved.version, pack_hash: hexBytes(resolved.packHash) }),
      })),
      secrets: record({ ...manifest.secrets }),
      config: jsonToCbor(manifest.config),
      provider: manifest.provider && jsonToCbor(manifest.provider),
      sbom: record(ref(manifest.sbom)),
      signatures: manifest.signers.map(hexBytes),
    }),
  );
}

/** The grants that came later are there only where something is asked for, so that older packs keep their bytes. */
function grantsRecord({ secretsWrite, oauth, secretHeaders, ...grants }: PackGrants): ReadonlyMap<string, CborValue> {
  const orNone = (names: readonly string[]): readonly string[] | undefined => (names.length > 0 ? names : undefined);
  return record({
    ...grants,
    secrets_write: orNone(secretsWrite),
    oauth: orNone(oauth),
    secret_headers: secretHeaders?.map((each) => record({ ...each })),
  });
}

type Fields = Readonly<Record<string, CborValue | undefined>>;

/** Makes a CBOR map, without the fields that are undefined. */
function record(fields: Fields): ReadonlyMap<string, CborValue> {
  return new Map(Object.entries(fields).filter((field): field is [string, CborValue] => field[1] !== undefined));
}

function mapOf<T>(entries: ReadonlyMap<string, T>, fields: (entry: T) => Fields): ReadonlyMap<string, CborValue> {
  return new Map([...entries].map(([key, entry]) => [key, record(fields(entry))]));
}

function ref(content: ContentRef): Record<string, CborValue> {
  return { path: content.path, hash: hexBytes(content.hash), size: content.sizeBytes };
}

function jsonToCbor(value: JsonObject[string]): CborValue {
  if (Array.isArray(value)) return value.map(jsonToCbor);
  if (typeof value !== "object" || value === null) return value;
  return new Map(Object.entries(value).map(([key, inner]) => [key, jsonToCbor(inner)]));
}

function hexBytes(hex: string): Uint8Array {
  return Uint8Array.fromHex(hex);
}
