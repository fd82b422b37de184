import type { JsonObject, JsonValue } from "../../types/index.ts";
import { objectOf, objectsOf, textOf, textsOf } from "./json-fields.ts";
import type { PublicComponent, PublicExtension, PublicManifest } from "./public-manifest.ts";

/** What a public pack offers beside flows: the extensions that the runtime knows, typed; all of them as they are in `all`. */
export interface PublicExtensions {
  readonly providers: readonly PublicProvider[];
  readonly offers: readonly CapabilityOffer[];
  readonly staticRoutes: readonly StaticRoute[];
  readonly httpRoutes: readonly HttpRoute[];
  readonly oauth: OAuthClient | undefined;
  readonly subscriptions: Subscriptions | undefined;
  readonly ingress: { readonly component: string; readonly export: string } | undefined;
  readonly validators: readonly PackValidator[];
  /** Provider type → lifecycle verb → flow id. */
  readonly flowHints: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** What the manifest says of components: operations, configuration, the flows that ask for it. */
  readonly components: readonly PublicComponent[];
  readonly componentSources: readonly ComponentOrigin[];
  readonly componentManifests: readonly ComponentManifestRef[];
  /** By id, as written. */
  readonly all: ReadonlyMap<string, JsonValue>;
}

interface PublicProvider {
  readonly type: string;
  readonly capabilities: readonly string[];
  /** What the manifest lists; components answer more, so that they are asked rather than this list. */
  readonly operations: readonly string[];
  readonly component: string;
  readonly configSchemaPath: string | undefined;
}

interface CapabilityOffer {
  readonly id: string;
  readonly capability: string;
  readonly component: string;
  readonly operation: string;
  readonly priority: number;
  readonly requiresSetup: boolean;
}

interface StaticRoute {
  readonly publicPath: string;
  readonly sourceRoot: string;
  readonly indexFile: string | undefined;
  readonly spaFallback: string | undefined;
}

interface HttpRoute {
  readonly pattern: string;
  readonly methods: readonly string[];
  readonly operation: string;
  readonly domain: string | undefined;
}

interface OAuthClient {
  readonly providerId: string;
  readonly authorizeUrl: string | undefined;
  readonly tokenUrl: string | undefined;
  readonly redirectPath: string | undefined;
  readonly scopes: readonly string[];
  readonly secretKeys: readonly string[];
}

interface Subscriptions {
  readonly component: string;
  readonly export: string;
  readonly resources: readonly string[];
  readonly renewalWindowHours: number | undefined;
}

interface PackValidator {
  readonly id: string;
  /** A component of the pack, or a reference into a registry. */
  readonly component: string;
}

/** Where a component came from. */
interface ComponentOrigin {
  readonly id: string;
  /** Never followed: it may name a path on its author's machine. */
  readonly source: string | undefined;
  /** Lower-case hex. */
  readonly sha256: string | undefined;
  /** Undefined where the component stayed in its registry. */
  readonly wasmPath: string | undefined;
}

interface ComponentManifestRef {
  readonly component: string;
  readonly path: string;
  /** Lower-case hex. */
  readonly sha256: string | undefined;
}

/** Types the extensions of a manifest; entries without what they need are left out. */
export function readPublicExtensions({ components, extensions }: PublicManifest): PublicExtensions {
  const inline = (...ids: readonly string[]): JsonObject =>
    objectOf(ids.map((id) => extensions.get(id)?.inline).find((value) => value !== undefined));
  const known = (id: string): JsonObject | undefined => (extensions.has(id) ? inline(id) : undefined);
  return {
    providers: objectsOf(inline("greentic.provider-extension.v1", "greentic.ext.provider")["providers"]).flatMap(
      readProvider,
    ),
    offers: objectsOf(inline("greentic.ext.capabilities.v1")["offers"]).flatMap(readOffer),
    staticRoutes: objectsOf(inline("greentic.static-routes.v1")["routes"]).flatMap(readStaticRoute),
    httpRoutes: objectsOf(inline("greentic.http-routes.v1")["routes"]).flatMap(readHttpRoute),
    oauth: readOAuth(known("messaging.oauth.v1")),
    subscriptions: readSubscriptions(known("messaging.subscriptions.v1")),
    ingress: readIngress(known("messaging.provider_ingress.v1")),
    validators: objectsOf(inline("greentic.messaging.validators.v1")["validators"]).flatMap(
      ({ id, component_ref: component }) =>
        typeof id === "string" && typeof component === "string" ? [{ id, component }] : [],
    ),
    flowHints: readFlowHints(inline("messaging.provider_flow_hints")),
    components,
    componentSources: objectsOf(inline("greentic.pack.component_sources@v1")["components"]).flatMap(readOrigin),
    componentManifests: objectsOf(inline("greentic.pack.component_manifests@v1")["entries"]).flatMap(
      ({ component_id: component, manifest_file: path, content_hash: hash }) =>
        typeof component === "string" && typeof path === "string" ? [{ component, path, sha256: sha256Of(hash) }] : [],
    ),
    all: new Map([...extensions].map(([id, extension]: [string, PublicExtension]) => [id, extension.inline])),
  };
}

function readProvider(item: JsonObject): readonly PublicProvider[] {
  const runtime = objectOf(item["runtime"]);
  const type = textOf(item["provider_type"]);
  if (type === undefined) return [];
  return [
    {
      type,
      capabilities: textsOf(item["capabilities"]),
      operations: textsOf(item["ops"]),
      component: textOf(runtime["component_ref"]) ?? "",
      configSchemaPath: textOf(item["config_schema_ref"]),
    },
  ];
}

function readOffer(item: JsonObject): readonly CapabilityOffer[] {
  const capability = textOf(item["cap_id"]);
  if (capability === undefined) return [];
  const provider = objectOf(item["provider"]);
  return [
    {
      id: textOf(item["offer_id"]) ?? capability,
      capability,
      component: textOf(provider["component_ref"]) ?? "",
      operation: textOf(provider["op"]) ?? "",
      priority: typeof item["priority"] === "number" ? item["priority"] : 100,
      requiresSetup: item["requires_setup"] === true,
    },
  ];
}

function readStaticRoute(item: JsonObject): readonly StaticRoute[] {
  const publicPath = textOf(item["public_path"]);
  const sourceRoot = textOf(item["source_root"]) ?? textOf(item["asset_root"]);
  if (publicPath === undefined || sourceRoot === undefined) return [];
  return [
    {
      publicPath,
      sourceRoot,
      indexFile: textOf(item["index_file"]),
      spaFallback: textOf(item["spa_fallback"]),
    },
  ];
}

function readHttpRoute(item: JsonObject): readonly HttpRoute[] {
  const pattern = textOf(item["pattern"]);
  if (pattern === undefined) return [];
  return [
    {
      pattern,
      methods: textsOf(item["methods"]),
      operation: textOf(item["provider_op"]) ?? "ingest_http",
      domain: textOf(item["domain"]),
    },
  ];
}

function readOAuth(item: JsonObject | undefined): OAuthClient | undefined {
  const providerId = textOf(item?.["provider_id"]);
  if (item === undefined || providerId === undefined) return undefined;
  return {
    providerId,
    authorizeUrl: textOf(item["authorize_url"]),
    tokenUrl: textOf(item["token_url"]),
    redirectPath: textOf(item["redirect_path"]),
    scopes: textsOf(item["scopes"]),
    secretKeys: textsOf(item["secret_keys"]),
  };
}

function readSubscriptions(item: JsonObject | undefined): Subscriptions | undefined {
  const component = textOf(item?.["component_ref"]);
  if (item === undefined || component === undefined) return undefined;
  const hours = item["renewal_window_hours"];
  return {
    component,
    export: textOf(item["export"]) ?? "sync-subscriptions",
    resources: textsOf(item["resources"]),
    renewalWindowHours: typeof hours === "number" ? hours : undefined,
  };
}

function readIngress(item: JsonObject | undefined): PublicExtensions["ingress"] {
  const component = textOf(item?.["component_ref"]);
  return component === undefined ? undefined : { component, export: textOf(item?.["export"]) ?? "handle-webhook" };
}

function readFlowHints(hints: JsonObject): PublicExtensions["flowHints"] {
  return new Map(
    Object.entries(hints).map(([type, verbs]) => [
      type,
      new Map(
        Object.entries(objectOf(verbs)).flatMap(([verb, flow]) => (typeof flow === "string" ? [[verb, flow]] : [])),
      ),
    ]),
  );
}

function readOrigin(item: JsonObject): readonly ComponentOrigin[] {
  const id = textOf(item["component_id"]) ?? textOf(item["name"]);
  if (id === undefined) return [];
  const inline = objectOf(objectOf(item["artifact"])["inline"]);
  return [
    {
      id,
      source: textOf(item["source"]),
      sha256: sha256Of(objectOf(item["resolved"])["digest"]),
      wasmPath: textOf(inline["wasm_path"]),
    },
  ];
}

/** The hex digits of a `sha256:` digest. */
export function sha256Of(value: JsonValue | undefined): string | undefined {
  return /^sha256:([0-9a-f]{64})$/i.exec(textOf(value) ?? "")?.[1]?.toLowerCase();
}
