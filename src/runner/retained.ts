import type { FlowIr, KindBody, NodeIr } from "../flow/index.ts";
import type { JsonValue } from "../types/index.ts";
import type { Retained } from "./loaded-pack.ts";

const EVERYTHING_IN = /state\.nodes\b|\blookup\b|(?<![\w.-])(?:node|nodes)\s*(?:\[|\}|\)|$)|@root/;
/** Roots of what arrived, as values and guards name them. */
const ENTRY_WORDS = ["in", "entry", "response"];
const WORD = /[A-Za-z_][\w-]*/g;

/** What finding out what a flow can read needs beside the flow. */
export interface RetentionParts {
  readonly readText: (path: string) => string | undefined;
  /** What a node runs beside its routes. */
  readonly bodiesOf: (node: NodeIr) => readonly KindBody[];
}

/**
 * Finds which outputs a flow can still read once it waits at a node: those that are named by any text of a node that can be
 * reached from there. Naming is judged by words, so it errs towards keeping; what is never named again leaves the snapshot.
 */
export function createRetention(ir: FlowIr, parts: RetentionParts): (node: string) => Retained {
  const known = new Map<string, Retained>();
  const named = new Map<string, { readonly words: ReadonlySet<string>; readonly all: boolean }>();
  const all = new Set(ir.nodes.keys());
  const namesOf = (node: NodeIr): { readonly words: ReadonlySet<string>; readonly all: boolean } => {
    let names = named.get(node.id);
    if (names === undefined) {
      names = namesIn(node, parts.readText);
      named.set(node.id, names);
    }
    return names;
  };
  return (at) => {
    const made = known.get(at);
    if (made !== undefined) return made;
    const kept = new Set<string>();
    let prev = false;
    let entry = false;
    // An error route, a command or `on_failure` can lead to nodes outside of the routes from here.
    const failure = new Set(ir.onFailure?.match(WORD));
    for (const id of reachable(ir, { from: at, bodiesOf: parts.bodiesOf })) {
      const node = ir.nodes.get(id);
      if (node === undefined) continue;
      const names = namesOf(node);
      prev ||= names.words.has("prev");
      entry ||= names.all || ENTRY_WORDS.some((word) => names.words.has(word)) || node.kind.startsWith("flow.");
      for (const other of all) if (names.all || names.words.has(other) || failure.has(other)) kept.add(other);
    }
    const retained = { nodes: kept, prev, entry };
    known.set(at, retained);
    return retained;
  };
}

function reachable(
  ir: FlowIr,
  { from, bodiesOf }: { readonly from: string } & Pick<RetentionParts, "bodiesOf">,
): ReadonlySet<string> {
  const seen = new Set<string>();
  const pending = [from];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    const node = ir.nodes.get(id);
    for (const route of node?.routing ?? []) if (route.target.kind === "node") pending.push(route.target.node);
    if (node !== undefined) for (const body of bodiesOf(node)) if (body.node !== undefined) pending.push(body.node);
    // A jump inside this flow is an edge too.
    const input = node?.input;
    if (node?.kind === "flow.goto" && typeof input === "object" && input !== null && !Array.isArray(input)) {
      const target = (input as { readonly node?: JsonValue }).node;
      if (typeof target === "string" && ir.nodes.has(target)) pending.push(target);
      else for (const other of ir.nodes.keys()) pending.push(other);
    }
  }
  return seen;
}

function namesIn(
  node: NodeIr,
  readText: (path: string) => string | undefined,
): { readonly words: ReadonlySet<string>; readonly all: boolean } {
  const words = new Set<string>();
  let all = false;
  const scan = (text: string): void => {
    all ||= EVERYTHING_IN.test(text);
    for (const word of text.match(WORD) ?? []) words.add(word);
  };
  const visit = (value: JsonValue | undefined, key?: string): void => {
    if (typeof value === "string") {
      if (value.includes("{{")) scan(value);
      if (key === "asset" || key === "asset_path") {
        const text = readText(value);
        if (text === undefined) all = true;
        else scan(text);
      }
    } else if (Array.isArray(value)) for (const item of value as readonly JsonValue[]) visit(item);
    else if (typeof value === "object" && value !== null)
      for (const [name, item] of Object.entries(value)) visit(item, name);
  };
  visit(node.input);
  visit(node.inMap);
  visit(node.outMap);
  visit(node.output);
  visit(node.compensate?.input);
  for (const route of node.routing) {
    if (route.condition !== undefined) scan(route.condition);
    if (route.if !== undefined) scan(route.if);
  }
  // `{{node}}` and the guards of a component read more than they name.
  if (words.has("nodes")) all = true;
  return { words, all };
}
