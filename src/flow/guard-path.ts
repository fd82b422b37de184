import type { JsonValue } from "../types/index.ts";
import { isJsonObject } from "../types/index.ts";
import type { NodeOutcome } from "./compiled.ts";
import { compilePath, follow, stepInto } from "./path.ts";
import type { Path } from "./path.ts";
import type { FlowScope } from "./scope.ts";

/** Reads a value that a guard names; undefined when the path names nothing. */
export type GuardReader = (scope: FlowScope, outcome: NodeOutcome) => JsonValue | undefined;

/** What guards can name beside the roots of every value. */
export const GUARD_ROOTS: ReadonlySet<string> = new Set(["output", "status", "error", "event", "response"]);

/**
 * Compiles a path of a `condition`: the names that the engine sets come first, then the members of the node's own output, then
 * the roots of every value. `spread` false leaves the output's members out, as CEL does.
 * @see upstream reference §1.6, condition context
 */
export function compileGuardPath(path: Path, node: { readonly id: string; readonly spread: boolean }): GuardReader {
  const [root = "", second] = path;
  const rest = compilePath(path);
  const own = ownOutput(path, node.id);
  switch (root) {
    case "in":
    case "entry":
      return (scope) => rest(scope);
    case "node":
      return own ?? ((scope) => rest(scope));
    case "output":
      return (_scope, { output }) => (node.spread ? follow(output, path, 0) : undefined) ?? follow(output, path, 1);
    case "status":
      return (_scope, { output, status }) =>
        (node.spread ? follow(output, path, 0) : undefined) ?? (second === undefined ? status : undefined);
    case "error":
      return (_scope, { output, error }) =>
        follow(output, path, 0) ?? follow(error as unknown as JsonValue | undefined, path, 1);
    case "event":
      // An adaptive card's output has an `event` object; alone the word is the engine's.
      return second === undefined
        ? (_scope, outcome) => eventOf(outcome)
        : (_scope, { output }) => follow(output, path, 0);
    case "response":
      return (scope) => follow(responseOf(scope.in), path, 1);
    default: {
      const named = own ?? rest;
      if (!node.spread) return named;
      return (scope, outcome) => follow(outcome.output, path, 0) ?? named(scope, outcome);
    }
  }
}

/** The node's own output, which the runner may not have put among the nodes' yet. */
function ownOutput(path: Path, id: string): GuardReader | undefined {
  const from = path[0] === "node" ? 2 : 1;
  if (path[from - 1] !== id) return undefined;
  return (_scope, { output }) =>
    follow(output, path, from) ?? (path[from] === "data" ? follow(output, path, from + 1) : undefined);
}

/** What was answered: the metadata of what arrived, the fields of a submitted card, and the text. */
function responseOf(entry: JsonValue): JsonValue {
  const message = stepInto(entry, "input") ?? entry;
  const metadata = stepInto(message, "metadata") ?? null;
  const submitted = stepInto(entry, "value") ?? null;
  const text = stepInto(message, "text");
  return {
    ...(isJsonObject(metadata) ? metadata : {}),
    ...(isJsonObject(submitted) ? submitted : {}),
    ...(text === undefined ? {} : { text }),
  };
}

/** The public engine's name of how a node ended. */
function eventOf(outcome: NodeOutcome): string {
  const own = stepInto(stepInto(outcome.output, "meta"), "outcome");
  if (typeof own === "string") return own;
  if (isTimeout(outcome)) return "on_timeout";
  if (isCancelled(outcome)) return "on_cancel";
  return outcome.kind === "error" ? "on_error" : "on_success";
}

/** Tells whether `on: <event>` holds; `on_error` and `error` are the same word. */
export function matchesEvent(event: string, outcome: NodeOutcome): boolean {
  const word = event.trim().toLowerCase().replace(/^on_/, "");
  const status = outcome.status.toLowerCase();
  switch (word) {
    case "error":
      return outcome.kind === "error" || status === "error";
    case "timeout":
    case "timed_out":
      return isTimeout(outcome);
    case "cancel":
    case "canceled":
    case "cancelled":
      return isCancelled(outcome);
    case "expire":
    case "expired":
      return status === "expired";
    case "ok":
    case "success":
    case "complete":
      return outcome.kind === "ok" && (word === status || status === "ok");
    default:
      return matchesStatus(word, outcome) || eventOf(outcome).toLowerCase().replace(/^on_/, "") === word;
  }
}

/** Tells whether a node ended with a status; a failure's code is one too, and so are the timeout and the cancelling that it tells of. */
export function matchesStatus(status: string, outcome: NodeOutcome): boolean {
  const wanted = status.trim().toLowerCase();
  if (outcome.status === wanted || outcome.status.toLowerCase() === wanted) return true;
  if (outcome.kind !== "error") return false;
  if (wanted === "timeout") return isTimeout(outcome);
  if (wanted === "cancelled") return isCancelled(outcome);
  return outcome.error?.code.toLowerCase() === wanted;
}

function isTimeout({ status, error }: NodeOutcome): boolean {
  return /^time(?:d_)?out$/i.test(status) || (error !== undefined && /TIME(?:D_)?OUT/i.test(error.code));
}

function isCancelled({ status, error }: NodeOutcome): boolean {
  return /^cancel(?:l?ed)?$/i.test(status) || (error !== undefined && /CANCEL/i.test(error.code));
}
