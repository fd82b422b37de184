import { didYouMean, quote } from "../types/index.ts";
import { judgeGuards } from "./check-guards.ts";
import type { GuardVerdict } from "./check-guards.ts";
import type { Findings } from "./finding.ts";
import type { FlowIr, NodeIr, RouteIr } from "./ir.ts";
import { isUnguarded } from "./ir.ts";
import { escapePointer } from "./json-template.ts";
import type { KindBody } from "./kind-spec.ts";
import { ROOTS } from "./path.ts";

const NONE: ReadonlySet<string> = new Set();

/**
 * Checks what a flow's graph must have whatever its nodes do: a start, and routes and entrypoints that lead to nodes. Nodes
 * that are there and couldn't be read (`unread`) have their own findings and count.
 */
export function checkStructure(flow: FlowIr, findings: Findings, unread: ReadonlySet<string> = NONE): void {
  const at = flow.positions.get("/start") ?? flow.at;
  const isKnown = (id: string): boolean => flow.nodes.has(id) || unread.has(id);
  if (flow.nodes.size + unread.size === 0) {
    findings.add("FLOW_EMPTY", `Read flow: ${quote(flow.id)} has no nodes`, { at: flow.at, severity: "warning" });
  } else if (flow.start !== undefined && !isKnown(flow.start)) {
    const name = flow.start;
    findings.add(
      "FLOW_START_MISSING",
      `Read flow: start names no node, got ${quote(name)}${didYouMean(name, flow.nodes.keys())}`,
      { at },
    );
  }
  for (const [name, node] of flow.entrypoints) {
    if (isKnown(node) || (name === "default" && node === flow.start)) continue;
    findings.add(
      "FLOW_ENTRYPOINT_MISSING",
      `Read flow: entrypoint ${quote(name)} names no node, got ${quote(node)}${didYouMean(node, flow.nodes.keys())}`,
      { at: flow.positions.get(`/entrypoints/${escapePointer(name)}`) ?? flow.at },
    );
  }
  for (const node of flow.nodes.values()) {
    node.routing.forEach((route, i) => {
      if (route.target.kind !== "node" || isKnown(route.target.node)) return;
      const hint = didYouMean(route.target.node, [...flow.nodes.keys(), "out", "reply"]);
      findings.add("FLOW_ROUTE_TARGET_MISSING", `Read routing: no node ${quote(route.target.node)}${hint}`, {
        at: flow.positions.get(`/nodes/${node.id}/routing/${i}/to`) ?? route.at,
        node: node.id,
      });
    });
  }
}

/** Finds nodes that nothing leads to, entries that are never taken, and nodes without a default. */
export function checkReach(
  flow: FlowIr,
  findings: Findings,
  bodiesOf: (node: NodeIr) => readonly KindBody[] = () => [],
): void {
  const verdicts = new Map<string, ReadonlyMap<number, GuardVerdict>>();
  for (const node of flow.nodes.values()) verdicts.set(node.id, judgeGuards(node));
  const reached = new Set<string>();
  const queue = [...flow.entrypoints.values()];
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    const node = flow.nodes.get(id);
    if (node === undefined || reached.has(id)) continue;
    reached.add(id);
    for (const body of bodiesOf(node)) if (body.node !== undefined) queue.push(body.node);
    node.routing.forEach(({ target }, i) => {
      if (target.kind === "node" && verdicts.get(id)?.get(i)?.isDead !== true) queue.push(target.node);
    });
  }
  for (const node of flow.nodes.values()) {
    if (ROOTS.has(node.id)) {
      const problem = `Check flow: ${quote(node.id)} is a root's name; reach the node as ${quote(`node.${node.id}`)}`;
      findings.add("FLOW_ID_INVALID", problem, { at: node.at, node: node.id, severity: "info" });
    }
    if (!reached.has(node.id)) {
      findings.add("FLOW_NODE_UNREACHABLE", `Check flow: nothing leads to node ${quote(node.id)}`, {
        at: node.at,
        node: node.id,
        severity: "warning",
      });
    }
    for (const [i, { code, problem }] of verdicts.get(node.id) ?? []) {
      findings.add(code, `Check routing: ${problem}`, {
        at: node.routing[i]?.at ?? node.at,
        node: node.id,
        severity: "warning",
      });
    }
    const hasDefault = node.routing.some((route) => isUnguarded(route) || isAlways(route));
    if (!hasDefault && node.routing.length > 0) {
      findings.add(
        "FLOW_ROUTE_NO_DEFAULT",
        "Check routing: no entry without guards, the flow waits here when none holds",
        {
          at: node.routing[0]?.at ?? node.at,
          node: node.id,
          severity: "warning",
        },
      );
    }
  }
}

function isAlways(route: RouteIr): boolean {
  return route.if?.trim() === "true" && [route.status, route.on, route.condition].every((guard) => guard === undefined);
}
