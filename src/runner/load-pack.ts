import type { ComponentHost } from "../component/index.ts";
import type { CompiledFlow, CompiledJsonTemplate, CompiledTemplate } from "../flow/index.ts";
import { compileFlow, compileJsonTemplate, compileTemplate, parseFlow } from "../flow/index.ts";
import type { Pack } from "../pack/index.ts";
import type { PolicyGate } from "../policy/index.ts";
import type { Policy } from "../types/index.ts";
import { GreenticError, parseJson, quote } from "../types/index.ts";
import { admitComponents } from "./admit-components.ts";
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
import { webRoutesOf } from "./web-files.ts";

/** A pack and where it runs. */
export interface PackApp {
  readonly scope: Scope;
  readonly pack: Pack;
  /** The flow that answers where nothing else is asked for. */
  readonly defaultFlow?: string;
  /** What becomes of flows that wait on it once another version is there, or none; default the runtime's. */
  readonly onPinned?: PinnedPolicy;
  /** Whether its pages are as the host's own; otherwise they run in a sandbox. */
  readonly hasTrustedPages?: boolean;
  /** Who reaches it; absent where everybody of the scope does. */
  readonly allows?: AccessGate;
}

/** What loading needs of the runtime. */
export interface LoadPackOptions {
  readonly components: ComponentHost;
  readonly policy: Policy;
  readonly gate: PolicyGate;
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
    web: { routes: webRoutesOf(pack), entries: pack.assets, isTrusted: app.hasTrustedPages === true },
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
