import { bodiesOf } from "./check-bodies.ts";
import type { FlowIr, NodeIr, RouteIr } from "./ir.ts";
import type { KindCatalog } from "./kind-spec.ts";

const NO_KINDS: KindCatalog = new Map();

/**
 * Draws a flow as a Mermaid flowchart: entrypoints and schedules, nodes with their kinds, routes with their guards; dotted what nodes
 * run by themselves and what undoes them, where the catalog says so.
 */
export function flowToMermaid(flow: FlowIr, catalog: KindCatalog = NO_KINDS): string {
  const names = new Map([...flow.nodes.keys()].map((id, i) => [id, `n${i}`]));
  const lines = ["flowchart TD"];
  const drawn = new Set<string>();
  [...flow.entrypoints].forEach(([entry, node], i) => {
    const target = names.get(node);
    if (target !== undefined) lines.push(`  e${i}([${label(entry)}]) --> ${target}`);
  });
  (flow.schedules ?? []).forEach(({ cron, zone = "UTC", entry }, i) => {
    const start = entry === undefined ? flow.start : (flow.entrypoints.get(entry) ?? entry);
    const target = names.get(start ?? "");
    if (target !== undefined) lines.push(`  s${i}([${label(`${cron} ${zone}`)}]) --> ${target}`);
  });
  const called = new Map<string, string>();
  for (const node of flow.nodes.values())
    lines.push(`  ${names.get(node.id) ?? ""}[${label(`${node.id}\n${node.kind}`)}]`);
  for (const node of flow.nodes.values()) {
    for (const route of node.routing.length > 0 ? node.routing : [END]) {
      const { target } = route;
      const to = target.kind === "node" ? names.get(target.node) : target.kind;
      if (to === undefined) continue;
      if (target.kind !== "node" && !drawn.has(to)) {
        drawn.add(to);
        lines.push(`  ${to}(((${label(to)})))`);
      }
      lines.push(`  ${arrow(node, route, { names, to })}`);
    }
    for (const body of bodiesOf(node, catalog)) {
      const target =
        body.flow === undefined ? names.get(body.node ?? "") : (called.get(body.flow) ?? `f${called.size}`);
      if (target === undefined) continue;
      if (body.flow !== undefined && !called.has(body.flow)) {
        called.set(body.flow, target);
        lines.push(`  ${target}[[${label(body.flow)}]]`);
      }
      lines.push(`  ${names.get(node.id) ?? ""} -.->|${label(body.label)}| ${target}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

const END: Pick<RouteIr, "target"> & Partial<RouteIr> = { target: { kind: "end" } };

function arrow(
  node: NodeIr,
  route: Partial<RouteIr>,
  ends: { readonly names: ReadonlyMap<string, string>; readonly to: string },
): string {
  const guards = [
    route.status,
    route.on === undefined ? undefined : `on ${route.on}`,
    route.condition,
    route.if === undefined ? undefined : `if ${route.if}`,
  ].filter((guard) => guard !== undefined);
  const from = ends.names.get(node.id) ?? "";
  return guards.length === 0 ? `${from} --> ${ends.to}` : `${from} -->|${label(guards.join(", "))}| ${ends.to}`;
}

/** Quotes a text for a diagram; Mermaid reads `#35;` entities and, in labels, HTML and Markdown. */
function label(text: string): string {
  const escaped = text.replace(/[^\p{L}\p{N} _.,:/=+\n-]/gu, (char) => `#${char.codePointAt(0) ?? 0};`);
  return `"${escaped.replaceAll("\n", "<br/>")}"`;
}
