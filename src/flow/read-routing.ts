import type { JsonObject, JsonValue, SourcePosition } from "../types/index.ts";
import { didYouMean, isJsonObject, quote } from "../types/index.ts";
import type { Findings } from "./finding.ts";
import type { RouteIr, RouteTarget, RoutingIr } from "./ir.ts";

/** What reading a node's routing needs to know. */
export interface RoutingContext {
  readonly node: string;
  readonly isStrict: boolean;
  readonly findings: Findings;
  /** The place of a value or key below the routing, by JSON pointer from it. */
  readonly locate: (pointer: string) => SourcePosition;
  readonly locateKey: (pointer: string) => SourcePosition;
}

const KEYS = ["to", "next", "out", "reply", "status", "on", "event", "condition", "if"] as const;

/** Reads `routing` (or `routes`) in any of its spellings; what is malformed becomes a finding and is left out. */
export function readRouting(routing: JsonValue | undefined, context: RoutingContext): RoutingIr {
  if (routing === undefined || routing === null) return [];
  const at = context.locate("");
  if (typeof routing === "string") {
    const target = endOf(routing);
    if (target !== undefined) return [{ target, at }];
    return (
      refuse(
        context,
        `expected "out", "reply" or a list, got ${quote(routing)}; write [{ to: … }] to go to a node`,
        at,
      ) ?? []
    );
  }
  const entries = Array.isArray(routing) ? (routing as readonly JsonValue[]) : [routing];
  if (!Array.isArray(routing) && (context.isStrict || !isJsonObject(routing))) {
    return refuse(context, `expected "out", "reply" or a list`, at) ?? [];
  }
  return entries.flatMap(
    (entry, i) => readRoute(entry, { ...context, pointer: Array.isArray(routing) ? `/${i}` : "" }) ?? [],
  );
}

interface RouteContext extends RoutingContext {
  readonly pointer: string;
}

function readRoute(entry: JsonValue, context: RouteContext): RouteIr | undefined {
  const at = context.locate(context.pointer);
  if (typeof entry === "string") {
    const target = endOf(entry);
    return target === undefined ? refuse(context, `expected { to: … }, got ${quote(entry)}`, at) : { target, at };
  }
  if (!isJsonObject(entry)) return refuse(context, "expected an object with to, out or reply", at);
  for (const key of Object.keys(entry)) {
    if ((KEYS as readonly string[]).includes(key)) continue;
    context.findings.add("FLOW_KEY_UNKNOWN", `Read routing: unknown key ${quote(key)}${didYouMean(key, KEYS)}`, {
      at: context.locateKey(`${context.pointer}/${key}`),
      node: context.node,
      severity: context.isStrict ? "error" : "warning",
    });
  }
  const target = readTarget(entry, context);
  const status = readGuard(entry, { ...context, key: "status" });
  const on = readGuard(entry, { ...context, key: entry["on"] === undefined ? "event" : "on" });
  const condition = readGuard(entry, { ...context, key: "condition" });
  const expression = readGuard(entry, { ...context, key: "if" });
  if (target === undefined) return undefined;
  return {
    target,
    ...(status === undefined ? {} : { status }),
    ...(on === undefined ? {} : { on }),
    ...(condition === undefined ? {} : { condition }),
    ...(expression === undefined ? {} : { if: expression }),
    at,
  };
}

function readTarget(entry: JsonObject, context: RouteContext): RouteTarget | undefined {
  const at = context.locate(context.pointer);
  for (const key of ["out", "reply"] as const) {
    const value = entry[key];
    if (value !== undefined && typeof value !== "boolean") {
      return refuse(context, `expected ${quote(key)} to be true or false`, context.locate(`${context.pointer}/${key}`));
    }
  }
  const to = entry["to"] ?? entry["next"];
  if (entry["to"] === undefined && entry["next"] !== undefined) {
    context.findings.add("FLOW_ROUTE_NEXT", "Read routing: `next` is read as `to`", {
      at: context.locateKey(`${context.pointer}/next`),
      node: context.node,
      severity: "warning",
    });
  }
  const ends = [entry["out"] === true, entry["reply"] === true].filter(Boolean).length;
  if (to === undefined && ends === 0) return refuse(context, "expected one of to, out, reply, got none", at);
  if (ends > 1 || (to !== undefined && ends > 0))
    return refuse(context, "expected one of to, out, reply, got several", at);
  if (to === undefined) return { kind: entry["out"] === true ? "end" : "reply" };
  if (typeof to !== "string" || to === "") {
    return refuse(
      context,
      "expected `to` to be a node id",
      context.locate(`${context.pointer}/${entry["to"] === undefined ? "next" : "to"}`),
    );
  }
  return endOf(to) ?? { kind: "node", node: to };
}

function readGuard(entry: JsonObject, context: RouteContext & { readonly key: string }): string | undefined {
  const value = entry[context.key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string" && value.trim() !== "") return value;
  // `status: 404` and `if: true` are YAML's doing, not the author's.
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return refuse(
    context,
    `expected ${quote(context.key)} to be text`,
    context.locate(`${context.pointer}/${context.key}`),
  );
}

function refuse(context: RoutingContext, problem: string, at: SourcePosition): undefined {
  context.findings.add("FLOW_ROUTE_INVALID", `Read routing: ${problem}`, { at, node: context.node });
  return undefined;
}

function endOf(word: string): RouteTarget | undefined {
  return word === "out" ? { kind: "end" } : word === "reply" ? { kind: "reply" } : undefined;
}
