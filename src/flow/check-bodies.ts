import type { SourcePosition } from "../types/index.ts";
import { didYouMean, quote } from "../types/index.ts";
import type { Findings } from "./finding.ts";
import type { FlowIr, NodeIr } from "./ir.ts";
import type { KindBody, KindCatalog, ResolvedKind } from "./kind-spec.ts";
import { resolveKind } from "./kind-spec.ts";

/** What a node runs or leads to beside its routes: the bodies of its kind, and what undoes it. */
export function bodiesOf(node: NodeIr, catalog: KindCatalog): readonly KindBody[] {
  const kind = resolveKind(node.kind, catalog);
  const own = kind.kind === "builtin" ? (kind.spec.bodies?.(node.input) ?? []) : [];
  const { compensate } = node;
  return compensate === undefined ? own : [...own, { ...compensate, pointer: "", label: "undo", mayWait: true }];
}

/** Checks what a node runs beside its routes, and what it says of attempts that its kind never makes. */
export function checkBodies(
  node: NodeIr,
  from: {
    readonly flow: FlowIr;
    readonly kind: ResolvedKind;
    readonly findings: Findings;
    readonly locate: (pointer: string) => SourcePosition;
  },
): void {
  const { flow, kind, findings, locate } = from;
  const spec = kind.kind === "builtin" ? kind.spec : undefined;
  for (const { node: start, pointer } of spec?.bodies?.(node.input) ?? []) checkStart(start, locate(pointer));
  const { compensate } = node;
  checkStart(compensate?.node, flow.positions.get(`/nodes/${node.id}/compensate`) ?? node.at);
  if (spec === undefined || spec.effect === "effectful") return;
  for (const [key, value] of [
    ["retry", node.retry],
    ["timeout_ms", node.timeoutMs],
  ] as const) {
    if (value === undefined) continue;
    findings.add(
      "FLOW_NODE_FIELD_IGNORED",
      `Check node: ${quote(key)} has no effect, since a ${quote(node.kind)} makes no attempts`,
      { at: flow.positions.get(`/nodes/${node.id}/${key}`) ?? node.at, node: node.id, severity: "warning" },
    );
  }

  function checkStart(start: string | undefined, at: SourcePosition): void {
    if (start === undefined || flow.nodes.has(start)) return;
    findings.add("FLOW_BODY_MISSING", `Check node: no node ${quote(start)}${didYouMean(start, flow.nodes.keys())}`, {
      at,
      node: node.id,
    });
  }
}

/** Finds schedules of flows that don't start by themselves, and entries that aren't there. */
export function checkSchedules(flow: FlowIr, findings: Findings): void {
  for (const { entry, at } of flow.schedules ?? []) {
    if (flow.type !== "timer") {
      findings.add("FLOW_SCHEDULE_IGNORED", `Check flow: a flow of type ${quote(flow.type)} doesn't start by itself`, {
        at,
        severity: "warning",
      });
    }
    if (entry === undefined || flow.entrypoints.has(entry) || flow.nodes.has(entry)) continue;
    findings.add(
      "FLOW_ENTRYPOINT_MISSING",
      `Check schedule: no entrypoint or node ${quote(entry)}${didYouMean(entry, flow.nodes.keys())}`,
      { at },
    );
  }
}
