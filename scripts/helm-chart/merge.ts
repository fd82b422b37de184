import { isJsonObject } from "../../src/types/index.ts";
import type { JsonValue } from "../../src/types/index.ts";
import { eitherGuard } from "./guards.ts";
import type { Guard } from "./guards.ts";
import { EXPRESSIONS } from "./placeholders.ts";

/** A value of a manifest whose parts may be there under a condition only. */
export type Node = ScalarNode | MapNode | ListNode;
interface ScalarNode {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
}
interface MapNode {
  readonly kind: "map";
  readonly parts: readonly Part[];
}
interface ListNode {
  readonly kind: "list";
  readonly parts: readonly Part[];
}
export interface Part {
  /** An entry's key, or what an item of a list goes by. */
  readonly id: string;
  readonly guard: Guard;
  readonly node: Node;
}

/** Makes a tree of a value, everything in it unconditional. */
export function treeOf(value: JsonValue): Node {
  if (Array.isArray(value))
    return {
      kind: "list",
      parts: value.map((item: JsonValue) => ({ id: idOf(item), guard: true, node: treeOf(item) })),
    };
  if (isJsonObject(value))
    return {
      kind: "map",
      parts: Object.entries(value).flatMap(([id, entry]) =>
        entry === undefined ? [] : [{ id, guard: true, node: treeOf(entry) }],
      ),
    };
  return { kind: "scalar", value: value as ScalarNode["value"] };
}

/** Items that are called the same in two lists are the same one, with other contents. */
function idOf(item: JsonValue): string {
  if (!isJsonObject(item)) return JSON.stringify(item);
  const { name } = item;
  return typeof name === "string" ? name : JSON.stringify(item);
}

/**
 * Makes one tree of what is there where a condition holds and of what is there where it doesn't.
 * @throws Error where a scalar depends on it: that has to be a value of the chart
 */
export function mergeTrees(condition: string, on: Node, off: Node): Node {
  if (on === off) return on;
  const known = MERGED.get(on)?.get(off)?.get(condition);
  if (known !== undefined) return known;
  const merged = mergeDifferent(condition, on, off);
  const byOff = MERGED.get(on) ?? new WeakMap<Node, Map<string, Node>>();
  const byCondition = byOff.get(off) ?? new Map<string, Node>();
  MERGED.set(on, byOff.set(off, byCondition.set(condition, merged)));
  return merged;
}

/** Most objects are the same under most conditions: what was merged once is the same node each time. */
const MERGED = new WeakMap<Node, WeakMap<Node, Map<string, Node>>>();

function mergeDifferent(condition: string, on: Node, off: Node): Node {
  if (on.kind === "scalar" || off.kind === "scalar") {
    if (on.kind === "scalar" && off.kind === "scalar") {
      if (on.value === off.value) return on;
      // A condition that is a value itself: where it doesn't hold, the value is empty.
      if (off.value === "" && EXPRESSIONS.get(String(on.value)) === condition) return on;
    }
    throw new Error(`${condition} decides between ${JSON.stringify(on)} and ${JSON.stringify(off)}`);
  }
  if (on.kind !== off.kind) throw new Error(`${condition} decides between a list and a map`);
  return { kind: on.kind, parts: mergeParts(condition, on.parts, off.parts) };
}

function mergeParts(condition: string, on: readonly Part[], off: readonly Part[]): readonly Part[] {
  const theirs = new Map(off.map((part) => [part.id, part]));
  const ours = new Set(on.map(({ id }) => id));
  const merged: Part[] = [];
  let taken = 0;
  const takeUntil = (end: number): void => {
    for (; taken < end; taken += 1) {
      const part = off[taken];
      if (part && !ours.has(part.id)) merged.push({ ...part, guard: eitherGuard(condition, false, part.guard) });
    }
  };
  for (const part of on) {
    const other = theirs.get(part.id);
    if (other === undefined) {
      merged.push({ ...part, guard: eitherGuard(condition, part.guard, false) });
      continue;
    }
    takeUntil(off.indexOf(other));
    const node = mergeTrees(condition, part.node, other.node);
    merged.push({ id: part.id, guard: eitherGuard(condition, part.guard, other.guard), node });
  }
  takeUntil(off.length);
  return merged;
}
