import type { ComponentEntry, PackGrants } from "../manifest.ts";
import type { JsonObject } from "../../types/index.ts";
import { objectOf } from "./json-fields.ts";
import type { PublicExtensions } from "./public-extensions.ts";
import type { PublicComponent, PublicManifest } from "./public-manifest.ts";
import { secretKeys } from "./read-pack-v1.ts";

/** A component that a public pack names, and the file that holds it. */
export interface FoundComponent {
  readonly id: string;
  readonly world: string;
  readonly grants: PackGrants;
  /** Undefined where the archive hasn't got it. */
  readonly path: string | undefined;
}

/**
 * Finds the components that manifest, sources and folder name, in that order; each file serves one id.
 * @see upstream reference §2.7, rule 5
 */
export function findPublicComponents(
  manifest: PublicManifest,
  from: {
    readonly extensions: PublicExtensions;
    readonly paths: ReadonlySet<string>;
    /** Origins that the pack's own settings name. */
    readonly origins: readonly string[];
  },
): readonly FoundComponent[] {
  const { extensions, paths, origins } = from;
  const found = new Map<string, FoundComponent>();
  const add = (id: string, declared: PublicComponent | undefined, named: readonly (string | undefined)[]): void => {
    if (found.has(id)) return;
    const candidates = [...named, ...placesOf(id, declared?.version)];
    found.set(id, {
      id,
      world: declared?.world ?? "",
      grants: publicGrants(declared, { manifest, extensions, origins }),
      path: candidates.find((path) => path !== undefined && paths.has(path)),
    });
  };
  const sourceOf = (id: string): string | undefined =>
    extensions.componentSources.find((source) => source.id === id)?.wasmPath;
  for (const component of manifest.components)
    add(component.id, component, [component.wasmPath, sourceOf(component.id)]);
  for (const source of extensions.componentSources) add(source.id, undefined, [source.wasmPath]);
  const taken = new Set([...found.values()].map(({ path }) => path));
  for (const path of paths) {
    const id = /^components\/([^/]+)\.wasm$/.exec(path)?.[1];
    if (id !== undefined && !taken.has(path)) add(id, undefined, [path]);
  }
  return [...found.values()];
}

function placesOf(id: string, version: string | undefined): readonly string[] {
  return [
    `components/${id}.wasm`,
    `components/${id}/component.wasm`,
    ...(version === undefined ? [] : [`components/${id}@${version}/component.wasm`]),
    `assets/components/${id}.wasm`,
  ];
}

/**
 * Derives what a component is granted from what it declares, and from nothing else where it declares something. A component
 * without any declaration gets its own state and the pack's assets, which reach nobody else. Public manifests ask for HTTP without
 * an origin: what asks gets the origins that the pack's own settings name, and `*`, which stands for those that the operator's
 * policy names, since a pack must not choose them all.
 */
function publicGrants(
  component: PublicComponent | undefined,
  from: {
    readonly manifest: PublicManifest;
    readonly extensions: PublicExtensions;
    readonly origins: readonly string[];
  },
): PackGrants {
  const { manifest, extensions, origins } = from;
  const host = objectOf(component?.capabilities?.["host"]);
  const wasi = objectOf(component?.capabilities?.["wasi"]);
  // Manifests that builders generated leave `host` empty; then the pack's own list says what its components need.
  const isDeclared = Object.keys(host).length > 0;
  const pack = new Set(isDeclared ? [] : manifest.capabilities);
  const isProvider = extensions.providers.some((provider) => provider.component === component?.id);
  const packSecrets =
    isProvider || pack.has("host:secrets")
      ? [...manifest.secrets.map(({ key }) => key), ...(extensions.oauth?.secretKeys ?? [])]
      : [];
  const secrets = [...new Set([...secretKeys(objectOf(host["secrets"])["required"]), ...packSecrets])];
  const isBare = component?.capabilities === undefined;
  const callsHttp = objectOf(host["http"])["client"] === true || pack.has("host:http:client") || isProvider;
  return {
    http: callsHttp ? ["*", ...origins] : [],
    secrets,
    secretsWrite: [],
    state: stateOf(objectOf(host["state"]), pack) ?? (isBare ? "read-write" : "none"),
    tools: [],
    assets: isBare || (textMode(wasi) ?? "none") !== "none" || isProvider,
    oauth: isProvider && extensions.oauth !== undefined ? [extensions.oauth.providerId] : [],
  };
}

function stateOf(state: JsonObject, pack: ReadonlySet<string>): PackGrants["state"] | undefined {
  if (state["write"] === true || pack.has("host:state:write")) return "read-write";
  return state["read"] === true || pack.has("host:state:read") ? "read" : undefined;
}

function textMode(wasi: JsonObject): string | undefined {
  const { mode } = objectOf(wasi["filesystem"]);
  return typeof mode === "string" ? mode : undefined;
}

/** Files that hold a pack's settings: its questions and the schemas of its configuration. */
const SETTINGS = /^(?:assets\/)*(?:setup\.(?:yaml|yml|json)|schemas\/.+\.json)$/;
const DEFAULT_ORIGIN = /["']?default["']?\s*:\s*["']?(https:\/\/[A-Za-z0-9.-]{1,253}(?::\d{1,5})?)(?=[/"'\s])/g;
const MAX_SETTINGS_BYTES = 1 << 20;

/** Finds the origins that a pack's settings have by default, for example `https://api.telegram.org`, and those of its OAuth client. */
export function originsOf(
  contents: ReadonlyMap<string, { readonly bytes: Uint8Array }>,
  { oauth }: PublicExtensions,
): readonly string[] {
  const origins = new Set<string>();
  const add = (text: string | undefined): void => {
    const url = text === undefined ? null : URL.parse(text);
    if (url?.protocol === "https:") origins.add(url.origin);
  };
  add(oauth?.authorizeUrl);
  add(oauth?.tokenUrl);
  for (const [path, { bytes }] of contents) {
    if (!SETTINGS.test(path) || bytes.length > MAX_SETTINGS_BYTES) continue;
    for (const [, origin] of Buffer.from(bytes).toString("latin1").matchAll(DEFAULT_ORIGIN)) add(origin);
  }
  return [...origins].toSorted();
}

const COMPONENT_MAGIC = "0061736d0d000100";

/** Tells whether bytes begin as a WebAssembly component; older packs ship empty core modules in their place. */
export function isComponent(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, 8)).toString("hex") === COMPONENT_MAGIC;
}

/** A component as the pack lists it. */
export function componentEntry(
  { world, grants }: FoundComponent,
  content: { readonly path: string; readonly hash: string; readonly sizeBytes: number; readonly abi: string },
): ComponentEntry {
  return { ...content, world, grants };
}
