import type { ComponentGrants, ComponentHost, ComponentInfo, ComponentLink } from "../component/index.ts";
import { checkImports, findLinks } from "../component/index.ts";
import type { CompiledFlow, CompiledJsonTemplate, CompiledTemplate } from "../flow/index.ts";
import { compileFlow, compileJsonTemplate, compileTemplate, parseFlow } from "../flow/index.ts";
import { isOriginAllowed } from "../http/index.ts";
import type { ComponentEntry, Pack } from "../pack/index.ts";
import type { Policy } from "../types/index.ts";
import { GreenticError, isGreenticError, parseJson, quote } from "../types/index.ts";
import { checkOffers } from "./flow-offers.ts";
import { checkBodies } from "./check-bodies.ts";
import { checkTimes } from "./check-times.ts";
import { kindCatalogFor, kindOf } from "./kinds/catalog.ts";
import type { AccessGate, LoadedComponent, LoadedFlow, LoadedNode, LoadedPack, StubTool } from "./loaded-pack.ts";
import { openPackTools } from "./pack-tools.ts";
import type { PinnedPolicy } from "./resumption.ts";
import { createRetention } from "./retained.ts";
import type { Scope } from "./runtime.ts";
import type { ToolReach } from "./tool-reach.ts";
import { createTranslator } from "./translator.ts";

/** A pack and where it runs. */
export interface PackApp {
  readonly scope: Scope;
  readonly pack: Pack;
  /** The flow that answers where nothing else is asked for. */
  readonly defaultFlow?: string;
  /** What becomes of flows that wait on it once another version is there, or none; default the runtime's. */
  readonly onPinned?: PinnedPolicy;
  /** Who reaches it; absent where everybody of the scope does. */
  readonly allows?: AccessGate;
}

/** What loading needs of the runtime. */
export interface LoadPackOptions {
  readonly components: ComponentHost;
  readonly policy: Policy;
  readonly reach: ToolReach;
  readonly stubTool?: StubTool | undefined;
}

/**
 * Makes a pack ready to run: every flow compiled, every component admitted, so that no message meets a mistake that loading could
 * have found.
 * @throws the flow layer's and the component host's errors, with their positions
 */
export async function loadPack(app: PackApp, options: LoadPackOptions): Promise<LoadedPack> {
  const { pack, scope, defaultFlow, allows } = app;
  const components = await admitComponents(pack, options);
  const { assets, flows } = flowsOf(pack, components);
  checkOffers(flows);
  await checkTimes(flows.values());
  checkBodies(flows);
  const { config } = pack.manifest;
  return {
    name: pack.name,
    version: pack.version,
    packHash: pack.packHash,
    scope,
    defaultFlow,
    allows: allows ?? (() => true),
    flows,
    components,
    tools: openPackTools(pack, { ...options, host: options.components, components }),
    dependencies: pack.dependencies,
    provides: pack.manifest.capabilities.provides,
    config,
    hasConfig: Object.keys(config).length > 0,
    host: options.components,
    texts: pack.i18n,
    translate: createTranslator(pack.i18n),
    asset: (path) => assets.read(path),
    assets: [...pack.assets.values()].map(({ path, sizeBytes }) => ({ path, sizeBytes })),
    template: (path) => assets.template(path),
    card: (path) => assets.card(path),
  };
}

/** What of a loaded pack says nothing of who runs it. */
interface Compiled {
  readonly assets: AssetReader;
  readonly flows: ReadonlyMap<string, LoadedFlow>;
}

const COMPILED = new WeakMap<Pack, Map<string, Compiled>>();

/** Compiles a pack's flows, once for all who run it over the same components: the same pack serves many tenants and teams. */
function flowsOf(pack: Pack, components: ReadonlyMap<string, LoadedComponent>): Compiled {
  const callable = [...components].filter(([, { abi }]) => abi !== "none").map(([name]) => name);
  const key = callable.join("\n");
  const made = COMPILED.get(pack) ?? new Map<string, Compiled>();
  COMPILED.set(pack, made);
  const known = made.get(key);
  if (known !== undefined) return known;
  const assets = new AssetReader(pack);
  const isEmpty = (component: string): boolean => components.get(component)?.abi === "none";
  const catalog = kindCatalogFor(new Set(callable));
  const flows = new Map<string, LoadedFlow>();
  for (const [name, entry] of pack.flows) {
    const source = pack.readText(entry.path);
    if (source === undefined) continue;
    const flow = loadFlow(compileFlow(parseFlow(source, { file: entry.path }), { catalog }), { assets, isEmpty });
    flows.set(flow.id, flow);
    if (!flows.has(name)) flows.set(name, flow);
  }
  const compiled = { assets, flows };
  made.set(key, compiled);
  return compiled;
}

/** Binds a compiled flow to the kinds that run its nodes. */
function loadFlow(
  compiled: CompiledFlow,
  from: { readonly assets: AssetReader; readonly isEmpty: (component: string) => boolean },
): LoadedFlow {
  const { assets, isEmpty } = from;
  const nodes = new Map<string, LoadedNode>();
  for (const [id, node] of compiled.nodes) {
    const kind = kindOf(node.resolved, { key: node.ir.kind, operation: node.ir.operation, isEmpty });
    nodes.set(id, { id, flowType: compiled.ir.type, compiled: node, kind });
  }
  return {
    id: compiled.ir.id,
    compiled,
    nodes,
    retainedAt: createRetention(compiled.ir, {
      readText: (path) => assets.readText(path),
      bodiesOf: ({ id, input }) => nodes.get(id)?.kind.bodies?.(input) ?? [],
    }),
  };
}

async function admitComponents(pack: Pack, options: LoadPackOptions): Promise<ReadonlyMap<string, LoadedComponent>> {
  const found = new Map<string, { readonly info: ComponentInfo; readonly grants: ComponentGrants }>();
  for (const [name, entry] of pack.components) {
    const bytes = pack.read(entry.path);
    if (bytes === undefined) continue;
    found.set(name, { info: await options.components.examine(bytes), grants: grantsOf(entry, options.policy) });
  }
  const components = new Map<string, LoadedComponent>();
  for (const [name, { info, grants }] of found) {
    const links = findLinks(name, found);
    // Public manifests declare less than their components import: what isn't granted is denied when it is called.
    if (pack.generation === "native") checkImports(info.imports, grants, new Set(links.map((link) => link.interface)));
    if (links.length > 0) await checkLinks(options.components, info.sha256, links);
    const { reuse = "none" } = pack.components.get(name) ?? {};
    components.set(name, { sha256: info.sha256, abi: info.abi, grants, links, reuse, pack: pack.packHash });
  }
  return components;
}

/**
 * Finds a link whose ends don't fit before a message does: an instance is made to be asked what it is, and what it says isn't
 * needed.
 */
async function checkLinks(host: ComponentHost, sha256: string, links: readonly ComponentLink[]): Promise<void> {
  try {
    await host.describe(sha256, links);
  } catch (error) {
    if (isGreenticError(error, "COMPONENT_LINK_INVALID")) throw error;
  }
}

/**
 * What the manifest asks for and the operator's policy leaves; `*` in the policy leaves all. An origin pattern stays only where
 * policy names the same pattern. In public packs `*` stands for the origins that policy names, never for all.
 */
function grantsOf({ grants }: ComponentEntry, policy: Policy): ComponentGrants {
  const { origins } = policy.network.egress;
  const isAllowed = (origin: string): boolean => {
    if (origins.includes("*") || origins.includes(origin)) return true;
    const url = origin.includes("*") ? null : URL.parse(origin);
    return url !== null && isOriginAllowed(url, origins);
  };
  const within =
    (allowed: readonly string[]) =>
    (name: string): boolean =>
      allowed.includes("*") || allowed.includes(name);
  const named = grants.http.includes("*") ? origins.filter((origin) => origin !== "*") : [];
  return {
    ...grants,
    http: [...new Set([...grants.http.filter((origin) => origin !== "*" && isAllowed(origin)), ...named])],
    secrets: grants.secrets.filter(within(policy.secrets)),
    secretsWrite: grants.secretsWrite.filter(within(policy.secrets)),
    oauth: grants.oauth.filter(within(policy.oauth)),
  };
}

/** Reads a pack's assets and compiles the templates among them, each once. */
class AssetReader {
  readonly #pack: Pack;
  readonly #templates = new Map<string, CompiledTemplate>();
  readonly #cards = new Map<string, CompiledJsonTemplate>();

  constructor(pack: Pack) {
    this.#pack = pack;
  }

  read(path: string): Uint8Array | undefined {
    const name = this.#name(path);
    return name === undefined ? undefined : this.#pack.read(name);
  }

  readText(path: string): string | undefined {
    const name = this.#name(path);
    return name === undefined ? undefined : this.#pack.readText(name);
  }

  template(path: string): CompiledTemplate | undefined {
    const known = this.#templates.get(path);
    if (known !== undefined) return known;
    const source = this.readText(path);
    if (source === undefined) return undefined;
    const template = compileTemplate(source, { file: this.#name(path) ?? path, line: 1, column: 1 });
    this.#templates.set(path, template);
    return template;
  }

  card(path: string): CompiledJsonTemplate | undefined {
    const known = this.#cards.get(path);
    if (known !== undefined) return known;
    const bytes = this.read(path);
    if (bytes === undefined) return undefined;
    const file = this.#name(path) ?? path;
    let template: CompiledJsonTemplate;
    try {
      template = compileJsonTemplate(parseJson(bytes), { locate: () => ({ file, line: 1, column: 1 }) });
    } catch (error) {
      if (!(error instanceof GreenticError) || !error.code.startsWith("TYPES_JSON")) throw error;
      throw new GreenticError("RUNNER_CARD_INVALID", `Read card ${quote(file)}: not JSON`, { cause: error });
    }
    this.#cards.set(path, template);
    return template;
  }

  /** The entry that a path names; flows of public packs leave `assets/` out. Only assets are assets. */
  #name(path: string): string | undefined {
    const { assets } = this.#pack;
    if (assets.has(path)) return path;
    const inner = `assets/${path}`;
    return assets.has(inner) ? inner : undefined;
  }
}
