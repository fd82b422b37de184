import type { JsonValue } from "../types/index.ts";
import type { FlowScope } from "./scope.ts";

/** A path's steps, the root first. */
export type Path = readonly string[];

/** Reads a value; undefined when the path names nothing. */
export type ScopeReader = (scope: FlowScope) => JsonValue | undefined;

/** The roots that every flow has; anything else at the start of a path is a node id. */
export const ROOTS: ReadonlySet<string> = new Set([
  "in",
  "entry",
  "prev",
  "node",
  "state",
  "vars",
  "parameters",
  "session",
  "tenant",
  "locale",
  "now",
]);

const NAME = String.raw`[\p{L}\p{N}_$-]+`;
const FIRST = new RegExp(
  `^(?!(?:true|false|null|undefined|else|this)(?![\\p{L}\\p{N}_$-]))[\\p{L}_$]${NAME.slice(0, -1)}*`,
  "u",
);
const NEXT = new RegExp(String.raw`\.(${NAME})|\.?\[(?:(\d+)|"([^"\]]*)"|'([^'\]]*)')\]|\.\[([^\]"']+)\]`, "uy");

/**
 * Parses a dotted path: `a.b`, `a.0`, `a[0]`, `a["b c"]`, with an optional leading `this.`. Gives undefined for anything else,
 * literals and helper calls included.
 */
export function parsePath(text: string): Path | undefined {
  const source = text.startsWith("this.") || text.startsWith("this/") ? text.slice(5) : text;
  const first = FIRST.exec(source)?.[0];
  if (first === undefined) return undefined;
  const path = [first];
  for (NEXT.lastIndex = first.length; NEXT.lastIndex < source.length;) {
    const step = NEXT.exec(source);
    if (step === null) return undefined;
    path.push(step[1] ?? step[2] ?? step[3] ?? step[4] ?? step[5] ?? "");
  }
  return path;
}

/** Formats a path for a person. */
export function formatPath(path: Path): string {
  return path.join(".");
}

/**
 * Takes one step into a value: own members only, so no path ever reaches a prototype. An index past the end of a list is null:
 * how long lists like a command's arguments are is the person's choice, not the author's mistake.
 */
export function stepInto(value: JsonValue | undefined, key: string): JsonValue | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (Object.hasOwn(value, key)) return (value as Readonly<Record<string, JsonValue>>)[key];
  return Array.isArray(value) && /^\d{1,9}$/.test(key) ? null : undefined;
}

/** Follows a path from `value`, beginning with the step at index `from`. */
export function follow(value: JsonValue | undefined, path: Path, from: number): JsonValue | undefined {
  let current = value;
  for (let i = from; i < path.length; i++) {
    current = stepInto(current, path[i] as string);
    if (current === undefined) return undefined;
  }
  return current;
}

/** Compiles a path to a reader of the scope; what the root means is decided here, once. */
export function compilePath(path: Path): ScopeReader {
  const root = path[0];
  switch (root) {
    case undefined:
      return () => undefined;
    case "in":
    case "entry":
      if (path[1] !== "input") return (scope) => follow(scope.in, path, 1);
      // Public flows read what arrived as `in.input` too: where nothing in it is called so, it is meant itself.
      return (scope) => follow(scope.in, path, stepInto(scope.in, "input") === undefined ? 2 : 1);
    case "node":
      return path.length === 1 ? (scope) => scope.nodes : nodeReader(path, 1);
    case "state":
      return stateReader(path);
    case "prev":
    case "vars":
    case "parameters":
    case "session":
    case "tenant":
    case "locale":
    case "now":
      return (scope) => follow(scope[root], path, 1);
    default:
      return nodeReader(path, 0);
  }
}

function nodeReader(path: Path, idAt: number): ScopeReader {
  const id = path[idAt] as string;
  if (path[idAt + 1] !== "data") return (scope) => follow(stepInto(scope.nodes, id), path, idAt + 1);
  // Public flows read a node's whole output as `node.<id>.data`; an output that has its own `data` keeps it.
  return (scope) => {
    const output = stepInto(scope.nodes, id);
    return follow(stepInto(output, "data") === undefined ? output : stepInto(output, "data"), path, idAt + 2);
  };
}

/** The 2025 files read the engine's own record: `state.entry`, `state.input`, `state.nodes.<id>.payload`. */
function stateReader(path: Path): ScopeReader {
  const own: ScopeReader = (scope) => follow(scope.state, path, 1);
  const [, first, id, field] = path;
  if ((first === "entry" || first === "input") && path.length >= 2) {
    return (scope) => own(scope) ?? follow(scope.in, path, 2);
  }
  if (first !== "nodes" || id === undefined) return own;
  if (field === "payload") return (scope) => own(scope) ?? follow(stepInto(scope.nodes, id), path, 4);
  if (field === "ok" && path.length === 4) {
    return (scope) =>
      own(scope) ?? (Object.hasOwn(scope.nodes, id) ? stepInto(scope.nodes[id], "ok") !== false : undefined);
  }
  return own;
}
