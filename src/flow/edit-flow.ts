import type { JsonObject, JsonValue } from "../types/index.ts";
import { didYouMean, GreenticError, quote } from "../types/index.ts";
import { deleteYaml, renameYaml, setYaml } from "./edit-yaml.ts";
import type { FlowIr, NodeIr, RouteIr, RouteTarget } from "./ir.ts";
import { isUnguarded } from "./ir.ts";
import { parseFlow } from "./parse-flow.ts";

/** A node to write: its operation key with what it takes, and its routing as it is written. */
export interface NewStep {
  readonly id: string;
  readonly kind: string;
  readonly input: JsonValue;
  readonly routing?: JsonValue;
}

/** What may change of a node; what is absent stays. */
export interface StepChange {
  readonly kind?: string;
  readonly input?: JsonValue;
  /** Members of the input to set. */
  readonly members?: Readonly<Record<string, JsonValue>>;
  readonly routing?: JsonValue;
}

/** Makes the text of a new flow with one step. */
export function newFlowText(flow: { readonly id: string; readonly type: string; readonly title?: string }): string {
  const title = flow.title === undefined ? "" : `title: ${JSON.stringify(flow.title)}\n`;
  return `id: ${flow.id}\ntype: ${flow.type}\nschema_version: 2\n${title}start: hello\nnodes:\n  hello:\n    message.send: { text: Hello }\n    routing: out\n`;
}

/**
 * Adds a step. Behind another step it takes that one's place in the way on: the other's default leads to it, and it goes on where
 * that led, unless its own routing is given.
 * @throws FLOW_EDIT_INVALID where the id is taken or `after` is no node; what parsing throws
 */
export function addStep(source: string, step: NewStep, after?: string): string {
  const flow = parseFlow(source, { file: "flow" });
  if (flow.nodes.has(step.id)) throw refuse(`the flow has a step ${quote(step.id)} already`);
  const before = after === undefined ? undefined : nodeOf(flow, after);
  const way = before === undefined ? undefined : defaultOf(before);
  const routing = step.routing ?? (way === undefined ? "out" : writeTarget(way));
  let text = setYaml(source, ["nodes", step.id], { [step.kind]: step.input, routing }, after);
  if (before !== undefined) text = setYaml(text, ["nodes", before.id, "routing"], withDefault(before, step.id));
  return text;
}

/** Changes a step. @throws FLOW_EDIT_INVALID where it isn't there; what parsing throws */
export function updateStep(source: string, id: string, change: StepChange): string {
  const node = nodeOf(parseFlow(source, { file: "flow" }), id);
  let text = source;
  let key = inputKeyOf(node, source);
  if (change.kind !== undefined && change.kind !== node.kind) {
    if (key === "input") text = setYaml(text, ["nodes", id, "kind"], change.kind);
    else {
      text = renameYaml(text, ["nodes", id, key], change.kind);
      key = change.kind;
    }
  }
  if (change.input !== undefined) text = setYaml(text, ["nodes", id, key], change.input);
  for (const [name, value] of Object.entries(change.members ?? {}))
    text = setYaml(text, ["nodes", id, key, name], value);
  if (change.routing !== undefined) text = setYaml(text, ["nodes", id, "routing"], change.routing);
  return text;
}

/**
 * Deletes a step. What led to it leads where its own default led, or to `to`: a node, `out` or `reply`.
 * @throws FLOW_EDIT_INVALID where it isn't there, or an entrypoint would lead nowhere; what parsing throws
 */
export function deleteStep(source: string, id: string, to?: string): string {
  const flow = parseFlow(source, { file: "flow" });
  const node = nodeOf(flow, id);
  const target = to === undefined ? (defaultOf(node) ?? END) : readTarget(flow, to);
  const next: RouteTarget = target.kind === "node" && target.node === id ? END : target;
  let text = source;
  for (const other of flow.nodes.values()) {
    if (other.id === id || !other.routing.some((route) => leadsTo(route, id))) continue;
    text = redirect(text, { flow, node: other, from: id, to: next });
  }
  for (const [path, name] of starts(flow, source)) {
    if (name !== id) continue;
    if (next.kind !== "node")
      throw refuse(`${quote(path.join("."))} starts at ${quote(id)}; name another step with --to`);
    text = setYaml(text, path, next.node);
  }
  return deleteYaml(text, ["nodes", id]);
}

/** Leads a node's entries to another target; entries that spell theirs `to` change in their place. */
function redirect(
  source: string,
  at: { readonly flow: FlowIr; readonly node: NodeIr; readonly from: string; readonly to: RouteTarget },
): string {
  const { flow, node, from, to } = at;
  let text = source;
  for (const [i, route] of node.routing.entries()) {
    if (!leadsTo(route, from)) continue;
    const path = ["nodes", node.id, "routing", String(i), "to"];
    if (!flow.positions.has(`/nodes/${node.id}/routing/${i}/to`)) {
      const routes = node.routing.map((one) => writeRoute(leadsTo(one, from) ? { ...one, target: to } : one));
      return setYaml(source, ["nodes", node.id, "routing"], shortRouting(routes));
    }
    if (to.kind === "node") text = setYaml(text, path, to.node);
    else {
      const key = to.kind === "end" ? "out" : "reply";
      text = setYaml(renameYaml(text, path, key), [...path.slice(0, -1), key], true);
    }
  }
  return text;
}

const END: RouteTarget = { kind: "end" };

/** The places of a file that name where a flow starts. */
function starts(flow: FlowIr, source: string): readonly (readonly [readonly string[], string])[] {
  const hasStart = /^start\s*:/m.test(source);
  const written = [...flow.entrypoints].filter(([name]) =>
    flow.positions.has(`/entrypoints/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`),
  );
  return [
    ...(hasStart && flow.start !== undefined ? [[["start"], flow.start] as const] : []),
    ...written.map(([name, node]) => [["entrypoints", name], node] as const),
  ];
}

function nodeOf(flow: FlowIr, id: string): NodeIr {
  const node = flow.nodes.get(id);
  if (node !== undefined) return node;
  throw refuse(`the flow has no step ${quote(id)}${didYouMean(id, flow.nodes.keys())}`);
}

/** The key under which a node's input stands. */
function inputKeyOf(node: NodeIr, source: string): string {
  const file = parseFlow(source, { file: "flow" });
  return file.positions.has(`/nodes/${node.id}/kind`) ? "input" : node.kind;
}

function defaultOf(node: NodeIr): RouteTarget | undefined {
  return node.routing.findLast(isUnguarded)?.target;
}

function leadsTo(route: RouteIr, id: string): boolean {
  return route.target.kind === "node" && route.target.node === id;
}

function readTarget(flow: FlowIr, to: string): RouteTarget {
  if (to === "out") return END;
  if (to === "reply") return { kind: "reply" };
  return { kind: "node", node: nodeOf(flow, to).id };
}

function writeTarget(target: RouteTarget): JsonValue {
  if (target.kind === "end") return "out";
  return target.kind === "reply" ? "reply" : [{ to: target.node }];
}

/** A routing whose default leads to a node. */
function withDefault(node: NodeIr, to: string): JsonValue {
  return [...node.routing.filter((route) => !isUnguarded(route)).map(writeRoute), { to }];
}

function writeRoute({ target, status, on, condition, if: expression }: RouteIr): JsonObject {
  return {
    ...(status === undefined ? {} : { status }),
    ...(on === undefined ? {} : { on }),
    ...(condition === undefined ? {} : { condition }),
    ...(expression === undefined ? {} : { if: expression }),
    ...(target.kind === "node" ? { to: target.node } : target.kind === "end" ? { out: true } : { reply: true }),
  };
}

/** `out` and `reply` alone are written so. */
function shortRouting(routes: readonly JsonObject[]): JsonValue {
  const [only] = routes;
  if (routes.length !== 1 || only === undefined || Object.keys(only).length !== 1) return routes;
  if (only["out"] === true) return "out";
  return only["reply"] === true ? "reply" : routes;
}

function refuse(problem: string): GreenticError {
  return new GreenticError("FLOW_EDIT_INVALID", `Edit flow: ${problem}`);
}
