import type { SourcePosition } from "../types/index.ts";
import type { CompiledNode, NodeOutcome, RouteDecision } from "./compiled.ts";
import type { Guard } from "./condition.ts";
import { compileCondition } from "./condition.ts";
import type { ExpressionEnvironment } from "./expression.ts";
import { compileExpressionGuard } from "./expression.ts";
import { matchesEvent, matchesStatus } from "./guard-path.ts";
import type { NodeIr, RouteIr } from "./ir.ts";
import { isUnguarded } from "./ir.ts";

type SelectRoute = CompiledNode["selectRoute"];

/** What compiling routes needs beside the node. */
export interface RoutingOptions {
  readonly environment: () => ExpressionEnvironment;
  readonly locate: (pointer: string) => SourcePosition | undefined;
}

const END: RouteDecision = Object.freeze({ kind: "end" });
const REPLY: RouteDecision = Object.freeze({ kind: "reply" });
const WAIT: RouteDecision = Object.freeze({ kind: "wait" });
const FAIL: RouteDecision = Object.freeze({ kind: "fail" });

interface CompiledRoute {
  readonly decision: RouteDecision;
  readonly holds: Guard["holds"];
  /** False for the default, and for guards that don't ask how the node ended: a failure is nobody's answer. */
  readonly catchesErrors: boolean;
}

/**
 * Compiles a node's routing: the first entry whose guards all hold. A failed node takes only entries that name an error
 * (`on`, `status`, or a condition that asks for one), else it fails the flow. Guards present and none holding is a wait.
 * @throws FLOW_CONDITION_INVALID, FLOW_EXPRESSION_INVALID
 */
export function compileRouting(node: NodeIr, options: RoutingOptions): SelectRoute {
  const routes = node.routing.map((route, i) => compileRoute(route, { node, index: i, options }));
  const [first] = routes;
  const decided = first?.decision ?? END;
  if (routes.length === 0 || (routes.length === 1 && node.routing.every(isUnguarded))) {
    return (_scope, outcome) => (outcome.kind === "error" ? FAIL : decided);
  }
  const otherwise = node.routing.every(isUnguarded) ? END : WAIT;
  return (scope, outcome) => {
    const isError = outcome.kind === "error";
    for (const route of routes) {
      if ((!isError || route.catchesErrors) && route.holds(scope, outcome)) return route.decision;
    }
    return isError ? FAIL : otherwise;
  };
}

function compileRoute(
  route: RouteIr,
  from: { readonly node: NodeIr; readonly index: number; readonly options: RoutingOptions },
): CompiledRoute {
  const guards = compileGuards(route, from);
  const [first, second] = guards;
  return {
    decision: decide(route),
    catchesErrors: guards.some((guard) => guard.seesErrors),
    holds:
      first === undefined
        ? () => true
        : second === undefined
          ? first.holds
          : (scope, outcome) => guards.every((guard) => guard.holds(scope, outcome)),
  };
}

/** Compiles the guards of one route, cheapest first. */
export function compileGuards(
  route: RouteIr,
  from: { readonly node: NodeIr; readonly index: number; readonly options: RoutingOptions },
): readonly Guard[] {
  const { node, index, options } = from;
  const guards: Guard[] = [];
  const place = (key: string): { readonly node: string; readonly at: SourcePosition } => ({
    node: node.id,
    at: options.locate(`/nodes/${node.id}/routing/${index}/${key}`) ?? route.at,
  });
  if (route.status !== undefined) {
    const wanted = route.status.trim().toLowerCase();
    const holds = (_scope: unknown, outcome: NodeOutcome): boolean => matchesStatus(wanted, outcome);
    guards.push({ holds, paths: [], seesErrors: true });
  }
  if (route.on !== undefined) {
    const event = route.on;
    guards.push({ holds: (_scope, outcome) => matchesEvent(event, outcome), paths: [], seesErrors: true });
  }
  if (route.condition !== undefined) guards.push(compileCondition(route.condition, place("condition")));
  if (route.if !== undefined) {
    guards.push(compileExpressionGuard(route.if, { ...place("if"), environment: options.environment() }));
  }
  return guards;
}

function decide({ target }: RouteIr): RouteDecision {
  if (target.kind === "node") return Object.freeze({ kind: "next", node: target.node });
  return target.kind === "end" ? END : REPLY;
}
