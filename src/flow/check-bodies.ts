import type { SourcePosition } from "../types/index.ts";
import { didYouMean, quote } from "../types/index.ts";
import type { FindingPlace, Findings } from "./finding.ts";
import type { FlowIr, NodeIr } from "./ir.ts";
import type { KindBody, KindCatalog } from "./kind-spec.ts";
import { resolveKind } from "./kind-spec.ts";

/** What a node runs or leads to beside its routes: the bodies of its kind, and what undoes it. */
export function bodiesOf(node: NodeIr, catalog: KindCatalog): readonly KindBody[] {
  const kind = resolveKind(node.kind, catalog);
  const own = kind.kind === "builtin" ? (kind.spec.bodies?.(node.input) ?? []) : [];
  const { compensate } = node;
  return compensate === undefined ? own : [...own, { ...compensate, pointer: "", label: "undo", mayWait: true }];
}

interface BodyCheck {
  readonly flow: FlowIr;
  readonly catalog: KindCatalog;
  readonly findings: Findings;
  /** The place of a value of the node's input. */
  readonly locate: (pointer: string) => SourcePosition;
}

/** Checks what a node runs beside its routes, and what it says of attempts that its kind never makes. */
export function checkBodies(node: NodeIr, check: BodyCheck): void {
  const { flow, catalog, findings, locate } = check;
  const kind = resolveKind(node.kind, catalog);
  const spec = kind.kind === "builtin" ? kind.spec : undefined;
  for (const body of spec?.bodies?.(node.input) ?? []) {
    const place = { at: locate(body.pointer), node: node.id };
    checkStart(body.node, { flow, findings, place });
    const waiting = body.mayWait || body.node === undefined ? undefined : findWait(body.node, check);
    if (waiting === undefined) continue;
    const what = `${quote(body.label)} reaches node ${quote(waiting.id)}, a ${quote(waiting.kind)}`;
    findings.add("FLOW_BODY_WAITS", `Check node: what runs beside others can't wait, and ${what}`, place);
  }
  const at = flow.positions.get(`/nodes/${node.id}/compensate`) ?? node.at;
  checkStart(node.compensate?.node, { flow, findings, place: { at, node: node.id } });
  if (spec !== undefined && spec.effect !== "effectful") checkAttempts(node, { flow, findings });
}

function checkStart(
  start: string | undefined,
  { flow, findings, place }: Pick<BodyCheck, "flow" | "findings"> & { readonly place: FindingPlace },
): void {
  if (start === undefined || flow.nodes.has(start)) return;
  findings.add(
    "FLOW_BODY_MISSING",
    `Check node: no node ${quote(start)}${didYouMean(start, flow.nodes.keys())}`,
    place,
  );
}

/** The first node that waits of those that a start leads to in its flow. */
function findWait(start: string, { flow, catalog }: Pick<BodyCheck, "flow" | "catalog">): NodeIr | undefined {
  const seen = new Set<string>();
  const pending = [start];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    const node = flow.nodes.get(id);
    if (node === undefined || seen.has(id)) continue;
    seen.add(id);
    const kind = resolveKind(node.kind, catalog);
    // Whether a called flow waits is its own matter; loading the pack finds out.
    if (kind.kind === "builtin" && kind.spec.effect === "waits" && node.kind !== "flow.call") return node;
    for (const { target } of node.routing) if (target.kind === "node") pending.push(target.node);
    for (const body of bodiesOf(node, catalog)) if (body.node !== undefined) pending.push(body.node);
  }
  return undefined;
}

function checkAttempts(node: NodeIr, { flow, findings }: Pick<BodyCheck, "flow" | "findings">): void {
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
