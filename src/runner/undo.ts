import type { JsonObject, JsonValue } from "../types/index.ts";
import type { Frame } from "./frame.ts";

/** What undoes one node that went well, with all that it needs to run later; kept in the snapshot. */
export interface UndoEntry {
  /** The node that is undone. */
  readonly of: string;
  /** The flow and node where undoing starts; of the pack, by name and hash, that the node was of. */
  readonly flow: string;
  readonly node: string;
  readonly pack: string;
  readonly hash: string;
  /** What the undoing flow sees as `in`. */
  readonly entry: JsonValue;
  readonly vars: JsonObject;
  readonly nodes: JsonObject;
}

/** What could not be undone, and why. */
export interface NotUndone {
  readonly flow: string;
  readonly node: string;
  /** The code of the failure. */
  readonly code: string;
}

/** A frame whose nodes are being undone, the last one first. */
export interface Undoing {
  /** The failure that goes on afterwards; absent where the flow asked for the undoing. */
  readonly error?: JsonObject;
  /** The node whose compensation runs. */
  readonly current?: { readonly flow: string; readonly node: string };
  /** Nodes that were undone so far. */
  readonly undone: readonly string[];
  readonly failed: readonly NotUndone[];
}

/** Notes what undoes the node that just went well, as its flow stands now. */
export function noteUndo(frame: Frame, entry: JsonValue | undefined): void {
  const node = frame.flow.nodes.get(frame.node);
  const compensate = node?.compiled.ir.compensate;
  if (node === undefined || compensate === undefined) return;
  const flow = compensate.flow === undefined ? frame.flow : frame.pack.flows.get(compensate.flow);
  const start = compensate.node ?? flow?.compiled.ir.start ?? "";
  const output = frame.nodes[frame.node] ?? null;
  const retained = compensate.flow === undefined ? frame.flow.retainedAt(start).nodes : NONE;
  const nodes: Record<string, JsonValue> = {};
  for (const id in frame.nodes) if (id === frame.node || retained.has(id)) nodes[id] = frame.nodes[id] as JsonValue;
  frame.undo = [
    ...frame.undo,
    {
      of: frame.node,
      flow: flow?.id ?? compensate.flow ?? "",
      node: start,
      pack: frame.pack.name,
      hash: frame.pack.packHash,
      entry: entry ?? output,
      vars: frame.vars,
      nodes: compensate.flow === undefined ? nodes : {},
    },
  ];
}

const NONE: ReadonlySet<string> = new Set();
