import type {
  CallStats,
  ComponentAbi,
  ComponentGrants,
  ComponentHost,
  ComponentLink,
  HostAsset,
} from "../component/index.ts";
import type { CompiledFlow, CompiledJsonTemplate, CompiledNode, CompiledTemplate } from "../flow/index.ts";
import type { JsonObject, JsonValue, OutcomeError } from "../types/index.ts";
import type { Pack } from "../pack/index.ts";
import type { Elicitation, ElicitationAnswer, ToolDescription } from "../mcp/index.ts";
import type { EffectCall } from "./effect-call.ts";
import type { Kind } from "./kinds/kind.ts";
import type { Scope } from "./runtime.ts";
import type { PackWeb } from "./web-files.ts";

/** Tells whether a team's people may start a flow at a node. */
export type AccessGate = (team: string, flow: string, node: string) => boolean;

/** A pack ready to run in one scope: flows compiled, components admitted, texts and assets at hand. */
export interface LoadedPack {
  readonly name: string;
  readonly version: string;
  readonly packHash: string;
  readonly scope: Scope;
  readonly defaultFlow: string | undefined;
  /** By the maps of now: they may change while it runs. */
  readonly allows: AccessGate;
  readonly flows: ReadonlyMap<string, LoadedFlow>;
  readonly components: ReadonlyMap<string, LoadedComponent>;
  readonly tools: PackTools | undefined;
  /** Name → the one pack that it was built with, for calls across packs. */
  readonly dependencies: Pack["dependencies"];
  /** Names of what it provides, as its manifest says. */
  readonly provides: readonly string[];
  readonly config: JsonObject;
  readonly hasConfig: boolean;
  readonly host: ComponentHost;
  /** All texts, locale → key → text. */
  readonly texts: JsonObject;
  /** Translates a key; undefined where no bundle has it in the locale, its language or English. */
  translate(locale: string, key: string, args?: JsonObject): string | undefined;
  /** Reads an asset, with or without its leading `assets/`. */
  asset(path: string): Uint8Array | undefined;
  /** Every asset with its leading `assets/`. */
  readonly assets: readonly HostAsset[];
  /** What it shows the web. */
  readonly web: PackWeb;
  /** Compiles a text template of the assets, once. */
  template(path: string): CompiledTemplate | undefined;
  /** Compiles a card of the assets, once. */
  card(path: string): CompiledJsonTemplate | undefined;
}

/** A flow of a loaded pack. */
export interface LoadedFlow {
  readonly id: string;
  readonly compiled: CompiledFlow;
  readonly nodes: ReadonlyMap<string, LoadedNode>;
  /** Outputs that can still be read once the flow waits at a node. */
  retainedAt(node: string): Retained;
}

/** What of a flow's run a snapshot has to keep. */
export interface Retained {
  readonly nodes: ReadonlySet<string>;
  readonly prev: boolean;
  /** Whether what arrived can still be read. */
  readonly entry: boolean;
}

/** A node of a loaded flow. */
export interface LoadedNode {
  readonly id: string;
  /** The kind of work of its flow. */
  readonly flowType: string;
  readonly compiled: CompiledNode;
  readonly kind: Kind;
}

/** A component of a loaded pack. */
export interface LoadedComponent {
  readonly sha256: string;
  readonly abi: ComponentAbi;
  /** What the manifest asks for and the tenant's policy leaves. */
  readonly grants: ComponentGrants;
  /** Who serves the imports that the host doesn't have. */
  readonly links: readonly ComponentLink[];
  /** Whether the manifest lets an instance serve its tenant again. */
  readonly reuse: "none" | "tenant";
  /** Hash of its pack, beyond which no instance serves. */
  readonly pack: string;
}

/** The tools that a pack's flows and components can call. */
export interface PackTools {
  readonly names: readonly string[];
  /** A tool as it describes itself. @throws what keeps it from being described */
  describe(effect: EffectCall, tool: string): Promise<ToolDescription>;
  call(
    effect: EffectCall,
    call: {
      readonly tool: string;
      readonly input: JsonValue;
      readonly retries?: number | undefined;
      /** What the person said to what this call asked earlier. */
      readonly answers?: readonly ElicitationAnswer[];
    },
  ): Promise<ToolOutcome>;
}

/** Answers a call of a tool in its place; undefined lets it run. */
export type StubTool = (tool: string, input: JsonValue) => ToolOutcome | undefined;

/** How a tool call ended: `error` present where it failed, `elicitation` where it asks the person before it goes on. */
export interface ToolOutcome {
  readonly elicitation?: Elicitation;
  readonly result?: JsonValue;
  readonly content?: JsonValue;
  readonly error?: OutcomeError;
  readonly stats?: CallStats;
}
