import type { JsonObject, JsonValue } from "../types/index.ts";

/** What a node kind promises about itself; the runner's kinds export one each, the flow layer knows none by heart. */
export interface KindSpec {
  readonly name: string;
  readonly summary: string;
  /** JSON Schema 2020-12 of the node's input. */
  readonly input: JsonObject;
  /** JSON Schema 2020-12 of the node's output. */
  readonly output: JsonObject;
  /** Statuses that a route can name; "any" where the output decides. */
  readonly statuses: readonly string[] | "any";
  readonly effect: KindEffect;
  /**
   * Top-level input fields that are templates themselves: they reach the kind unrendered, compiled as
   * `CompiledNode.templates`. Rendering them twice would run a person's text as a template.
   */
  readonly templates?: readonly string[];
  /** True where `in_map`, `out_map` and `err_map` may stand in the input, as in the public `provider.invoke`. */
  readonly mapsInInput?: boolean;
  /** Nodes and flows that the kind runs beside its routes, as its raw input names them. */
  readonly bodies?: (input: JsonValue) => readonly KindBody[];
  /** The input's field that holds what is handed over, where the others say to whom; `in_map` makes that field. */
  readonly argument?: string;
}

/** A chain of nodes of the same flow, or another flow, that a node runs by itself. */
export interface KindBody {
  readonly node?: string;
  readonly flow?: string;
  /** Where the input names it, as a JSON pointer from the input. */
  readonly pointer: string;
  /** What the edge is called in a picture. */
  readonly label: string;
  /** False where nothing in it may wait for anybody: it runs beside others. */
  readonly mayWait: boolean;
}

/** What a kind does to the world: nothing, park the flow, queue a send, act outside, or change the turn's own state. */
export type KindEffect = "pure" | "waits" | "outbox" | "effectful" | "working-set";

/** Kind name → its spec; a name that ends in `.*` stands for every kind with that prefix. */
export type KindCatalog = ReadonlyMap<string, KindSpec>;

/** What an operation key means: a catalogued kind, or an operation of a component. */
export type ResolvedKind =
  | { readonly kind: "builtin"; readonly spec: KindSpec }
  | { readonly kind: "component"; readonly component: string; readonly operation: string | undefined };

/**
 * Resolves an operation key: its exact name in the catalog, else the longest `prefix.*`, else a component's operation split at
 * the last dot. A key without a dot names a component that leaves its operation to the node.
 */
export function resolveKind(kind: string, catalog: KindCatalog): ResolvedKind {
  const exact = catalog.get(kind);
  if (exact !== undefined) return { kind: "builtin", spec: exact };
  for (let dot = kind.lastIndexOf("."); dot > 0; dot = kind.lastIndexOf(".", dot - 1)) {
    const family = catalog.get(`${kind.slice(0, dot)}.*`);
    if (family !== undefined) return { kind: "builtin", spec: family };
  }
  const dot = kind.lastIndexOf(".");
  if (dot <= 0 || dot === kind.length - 1) return { kind: "component", component: kind, operation: undefined };
  return { kind: "component", component: kind.slice(0, dot), operation: kind.slice(dot + 1) };
}
