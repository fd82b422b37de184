// `<flow>.ygtc.resolve.json` (FlowResolveV1 of the public tools): where each node's component comes from.
import type { JsonObject, JsonValue } from "../types/index.ts";
import { GreenticError, isJsonObject, parseJson, quote } from "../types/index.ts";

/** Where a component comes from: a file beside the flow, or a reference. */
export type ComponentOrigin =
  | { readonly kind: "local"; readonly path: string; readonly digest?: string }
  | { readonly kind: "oci" | "repo" | "store" | "ext"; readonly ref: string; readonly digest?: string };

/** One node's binding; a pinned one has a digest. */
export interface NodeBinding {
  readonly source: ComponentOrigin;
  readonly mode: "tracked" | "pinned";
}

/** The sidecar's path of a flow's path. */
export function sidecarOf(flowFile: string): string {
  return `${flowFile}.resolve.json`;
}

/**
 * Writes a binding into a sidecar's text (empty: none yet), and leaves out nodes that the flow no longer has.
 * @throws FLOW_SIDECAR_INVALID
 */
export function bindInSidecar(
  text: string,
  to: {
    readonly flowName: string;
    readonly node: string;
    readonly binding: NodeBinding;
    readonly nodes: ReadonlySet<string>;
  },
): string {
  const { binding } = to;
  if (binding.mode === "pinned" && binding.source.digest === undefined)
    throw invalid("a pinned component needs a digest");
  const kept = Object.entries(text === "" ? {} : readNodes(text)).filter(
    ([node]) => to.nodes.has(node) && node !== to.node,
  );
  const nodes = Object.fromEntries(
    [...kept, [to.node, binding as unknown as JsonValue] as const].sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  return `${JSON.stringify({ schema_version: 1, flow: to.flowName, nodes }, null, 2)}\n`;
}

/** Reads a sidecar's bindings by node. @throws FLOW_SIDECAR_INVALID */
export function readBindings(text: string): ReadonlyMap<string, NodeBinding> {
  return new Map(
    Object.entries(readNodes(text)).map(([node, value]) => {
      const source = isJsonObject(value) ? value["source"] : undefined;
      const mode = isJsonObject(value) ? value["mode"] : undefined;
      if (!isOrigin(source) || (mode !== "tracked" && mode !== "pinned"))
        throw invalid(`expected ${quote(node)} to have a source and the mode tracked or pinned`);
      return [node, { source, mode }];
    }),
  );
}

function isOrigin(value: JsonValue | undefined): value is JsonObject & ComponentOrigin {
  if (value === undefined || !isJsonObject(value)) return false;
  const { kind, path, ref, digest } = value;
  if (digest !== undefined && typeof digest !== "string") return false;
  if (kind === "local") return typeof path === "string";
  return typeof kind === "string" && ["oci", "repo", "store", "ext"].includes(kind) && typeof ref === "string";
}

function readNodes(text: string): JsonObject {
  let value: JsonValue;
  try {
    value = parseJson(text);
  } catch (error) {
    throw invalid("not JSON", error);
  }
  if (!isJsonObject(value) || value["schema_version"] !== 1) throw invalid("expected schema_version 1");
  const nodes = value["nodes"] ?? {};
  if (!isJsonObject(nodes)) throw invalid("expected nodes to be a map");
  return nodes;
}

function invalid(problem: string, cause?: unknown): GreenticError {
  return new GreenticError("FLOW_SIDECAR_INVALID", `Write sidecar: ${problem}`, { cause });
}
