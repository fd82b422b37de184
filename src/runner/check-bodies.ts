import type { KindBody } from "../flow/index.ts";
import type { SourcePosition } from "../types/index.ts";
import { GreenticError, quote } from "../types/index.ts";
import { flowCall } from "./kinds/flow-calls.ts";
import { fields, text } from "./kinds/kind.ts";
import type { LoadedFlow, LoadedNode } from "./loaded-pack.ts";

/**
 * Finds chains and flows that nodes run by themselves and that aren't there, and those that run beside others and would wait for
 * somebody: nobody could tell whose answer a message is.
 * @throws RUNNER_FLOW_MISSING, RUNNER_ITEM_WAITS with the position
 */
export function checkBodies(flows: ReadonlyMap<string, LoadedFlow>): void {
  for (const flow of new Set(flows.values())) {
    for (const node of flow.nodes.values()) {
      const { ir } = node.compiled;
      const locate = (pointer: string): SourcePosition =>
        flow.compiled.ir.positions.get(`/nodes/${node.id}/input${pointer}`) ?? ir.at;
      for (const body of node.kind.bodies?.(ir.input) ?? []) checkBody(body, { flow, flows, at: locate(body.pointer) });
      const { compensate } = ir;
      if (compensate === undefined) continue;
      const at = flow.compiled.ir.positions.get(`/nodes/${node.id}/compensate`) ?? ir.at;
      checkBody({ ...compensate, pointer: "", label: "undo", mayWait: true }, { flow, flows, at });
    }
  }
}

interface BodyPlace {
  readonly flow: LoadedFlow;
  readonly flows: ReadonlyMap<string, LoadedFlow>;
  readonly at: SourcePosition;
}

function checkBody(body: KindBody, { flow, flows, at }: BodyPlace): void {
  const target = body.flow === undefined ? flow : flows.get(body.flow);
  const start = body.node ?? target?.compiled.ir.start;
  if (target === undefined || start === undefined || !target.nodes.has(start)) {
    const what = body.flow === undefined ? `no node ${quote(body.node ?? "")}` : `no flow ${quote(body.flow)}`;
    throw new GreenticError("RUNNER_FLOW_MISSING", `Load flow ${quote(flow.id)}: it runs ${what}`, { at });
  }
  if (body.mayWait) return;
  const waiting = findWait(target, { start, flows, seen: new Set() });
  if (waiting === undefined) return;
  throw new GreenticError(
    "RUNNER_ITEM_WAITS",
    `Load flow ${quote(flow.id)}: what runs beside others reaches node ${quote(waiting.id)}, a ${quote(waiting.compiled.ir.kind)}, which waits`,
    { at },
  );
}

/** The first node that waits of those that a start leads to; what only an input decides is found when it runs. */
function findWait(
  flow: LoadedFlow,
  from: { readonly start: string; readonly flows: ReadonlyMap<string, LoadedFlow>; readonly seen: Set<string> },
): LoadedNode | undefined {
  const { flows, seen } = from;
  const pending = [from.start];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    const node = flow.nodes.get(id);
    const name = `${flow.id}\n${id}`;
    if (node === undefined || seen.has(name)) continue;
    seen.add(name);
    const { ir } = node.compiled;
    for (const { target } of ir.routing) if (target.kind === "node") pending.push(target.node);
    const called = [
      ...(node.kind.bodies?.(ir.input) ?? []),
      ...(node.kind === flowCall && fields(ir.input)["pack"] === undefined
        ? [{ flow: text(fields(ir.input)["flow"]) ?? text(fields(ir.input)["flow_id"]) }]
        : []),
    ];
    for (const body of called as readonly Pick<KindBody, "node" | "flow">[]) {
      if (body.flow === undefined) {
        if (body.node !== undefined) pending.push(body.node);
        continue;
      }
      const target = flows.get(body.flow);
      const start = body.node ?? target?.compiled.ir.start;
      if (target === undefined || start === undefined) continue;
      const waiting = findWait(target, { start, flows, seen });
      if (waiting !== undefined) return waiting;
    }
    if (node.kind.effect === "waits" && node.kind !== flowCall) return node;
  }
  return undefined;
}
