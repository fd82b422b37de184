import type { Interrupt } from "../flow/index.ts";
import type { ChannelMessageEnvelope } from "../types/index.ts";
import { GreenticError, isJsonObject, quote } from "../types/index.ts";
import type { Frame } from "./frame.ts";
import type { LoadedFlow, LoadedPack } from "./loaded-pack.ts";
import { choiceOf } from "./own-envelope.ts";
import type { FlowChoice } from "./runtime.ts";
import { cardValue } from "./submitted-values.ts";
import { commandOf } from "./turn-entry.ts";

/** Where a message starts. */
export interface Route {
  readonly pack: LoadedPack;
  readonly flow: LoadedFlow;
  readonly node: string;
}

/**
 * Chooses the flow for a message that nothing waits for: the caller's choice, a card's flow, a command, else the default flow of
 * the first pack that has one, all as far as the team reaches them. @returns the error where there is none
 * @see flows.md, "Who gets a message"
 */
export function routeMessage(
  packs: readonly LoadedPack[],
  message: ChannelMessageEnvelope | undefined,
  team: string,
): Route | GreenticError {
  const choice = choiceOf(message);
  if (choice?.isAnswer === true)
    return new GreenticError("RUNNER_WAIT_OVER", "Continue flow: it no longer waits for an answer");
  if (choice !== undefined) {
    const chosen = routeChoice(packs, choice);
    return chosen instanceof GreenticError || isOpen(chosen, team) ? chosen : forbidden(chosen, team);
  }
  const card = routeCard(packs, message, team);
  if (card !== undefined) return card;
  let missing: GreenticError | undefined;
  let denied: GreenticError | undefined;
  const command = commandOf(message?.text);
  for (const pack of packs) {
    const flow = defaultFlowOf(pack);
    if (flow instanceof GreenticError) {
      missing ??= flow;
      continue;
    }
    const start = startOf(pack, flow);
    const asked = command && routeCommand(pack, flow, command.name);
    if (asked !== undefined && isOpen(asked, team)) return asked;
    const found = command && routeCommandElsewhere(packs, command.name, team);
    if (found !== undefined) return found;
    if (asked === undefined && isOpen(start, team)) return start;
    denied ??= forbidden(asked ?? start, team);
  }
  return (
    (command === undefined ? undefined : routeCommandElsewhere(packs, command.name, team)) ??
    denied ??
    missing ??
    noFlow("no pack is loaded")
  );
}

/** Tells whether the team's people may start there. */
function isOpen({ pack, flow, node }: Route, team: string): boolean {
  return pack.allows(team, flow.id, node);
}

const defaultFlows = new WeakMap<LoadedPack, LoadedFlow | GreenticError>();

/** The flow of a pack that answers where nothing else is asked for; found once per pack. */
function defaultFlowOf(pack: LoadedPack): LoadedFlow | GreenticError {
  let flow = defaultFlows.get(pack);
  if (flow === undefined) {
    flow = findDefaultFlow(pack);
    defaultFlows.set(pack, flow);
  }
  return flow;
}

function findDefaultFlow(pack: LoadedPack): LoadedFlow | GreenticError {
  if (pack.defaultFlow !== undefined) {
    const flow = pack.flows.get(pack.defaultFlow);
    return flow !== undefined && hasStart(flow)
      ? flow
      : noFlow(`pack ${quote(pack.name)} has no flow ${quote(pack.defaultFlow)}`);
  }
  const named = pack.flows.get("default");
  if (named !== undefined && hasStart(named)) return named;
  const messaging = [...new Set(pack.flows.values())].filter(
    (flow) => flow.compiled.ir.type === "messaging" && hasStart(flow),
  );
  const [only, ...others] = messaging;
  if (only !== undefined && others.length === 0) return only;
  const [tagged, ...rivals] = messaging.filter((flow) => flow.compiled.ir.tags.includes("default"));
  if (tagged !== undefined && rivals.length === 0) return tagged;
  return noFlow(`pack ${quote(pack.name)} has ${messaging.length} messaging flows and none is the default`);
}

/** What a message does to a flow that waits, where it isn't simply its answer. */
export type Interruption =
  | { readonly kind: Interrupt; readonly flow: LoadedFlow; readonly node: string }
  /** The caller chose a flow: what waits is left for it. */
  | { readonly kind: "choice" };

/** Finds out whether a message interrupts what waits: a command of its flow, or a card of another. */
export function interruptionOf(
  frames: readonly Frame[],
  pack: LoadedPack,
  message: ChannelMessageEnvelope | undefined,
  team: string,
): Interruption | undefined {
  const waiting = frames.at(-1);
  if (waiting === undefined) return undefined;
  const choice = choiceOf(message);
  // The same session continues a waiting flow unless another one, or an entry, is asked for.
  if (choice !== undefined && (choice.entry !== undefined || (choice.flow !== undefined && !isIn(frames, choice.flow))))
    return { kind: "choice" };
  if (choice?.isFixed === true) return undefined;
  const { interrupt } = waiting.flow.compiled.ir;
  const command = commandOf(message?.text);
  if (command !== undefined) {
    for (const flow of new Set([waiting.flow, ...frames.map((frame) => frame.flow)])) {
      const node = flow.compiled.ir.entrypoints.get(`command:${command.name}`);
      if (node !== undefined && isOpen({ pack, flow, node }, team)) return { kind: interrupt, flow, node };
    }
  }
  const named = cardFlow(message);
  if (named === undefined || isIn(frames, named)) return undefined;
  const flow = pack.flows.get(named);
  const node = flow === undefined ? undefined : flow.compiled.ir.start;
  return flow !== undefined && node !== undefined && isOpen({ pack, flow, node }, team)
    ? { kind: interrupt, flow, node }
    : undefined;
}

function isIn(frames: readonly Frame[], flow: string): boolean {
  return frames.some((frame) => frame.flow.id === flow);
}

function routeChoice(packs: readonly LoadedPack[], choice: FlowChoice): Route | GreenticError {
  const candidates = choice.pack === undefined ? packs : packs.filter(({ name }) => name === choice.pack);
  if (candidates.length === 0)
    return noFlow(choice.pack === undefined ? "no pack is loaded" : `no pack ${quote(choice.pack)} is loaded`);
  let missing: GreenticError | undefined;
  for (const pack of candidates) {
    const flow = choice.flow === undefined ? defaultFlowOf(pack) : pack.flows.get(choice.flow);
    if (flow instanceof GreenticError) missing ??= flow;
    else if (flow !== undefined) return routeEntry(pack, flow, choice.entry);
  }
  return (
    missing ?? noFlow(`no flow ${quote(choice.flow ?? "")} in ${candidates.map(({ name }) => quote(name)).join(", ")}`)
  );
}

function routeEntry(pack: LoadedPack, flow: LoadedFlow, entry: string | undefined): Route | GreenticError {
  const { entrypoints } = flow.compiled.ir;
  if (entry === undefined) return hasStart(flow) ? startOf(pack, flow) : noFlow(`flow ${quote(flow.id)} has no nodes`);
  const node = entrypoints.get(entry) ?? entry;
  return !flow.nodes.has(node)
    ? noFlow(`flow ${quote(flow.id)} has no entrypoint ${quote(entry)}`)
    : { pack, flow, node };
}

/** A submitted card names its flow in a `flow` field of its data. */
function cardFlow(message: ChannelMessageEnvelope | undefined): string | undefined {
  const value = cardValue(message);
  const named = value !== undefined && isJsonObject(value) ? value["flow"] : undefined;
  return typeof named === "string" && named !== "" ? named : undefined;
}

function routeCard(
  packs: readonly LoadedPack[],
  message: ChannelMessageEnvelope | undefined,
  team: string,
): Route | undefined {
  const named = cardFlow(message);
  if (named === undefined) return undefined;
  for (const pack of packs) {
    const flow = pack.flows.get(named);
    // What a person sends must not start flows that are meant for other work.
    if (flow === undefined || flow.compiled.ir.type !== "messaging" || !hasStart(flow)) continue;
    const route = startOf(pack, flow);
    if (isOpen(route, team)) return route;
  }
  return undefined;
}

function routeCommand(pack: LoadedPack, flow: LoadedFlow, command: string): Route | undefined {
  const node = flow.compiled.ir.entrypoints.get(`command:${command}`);
  return node === undefined ? undefined : { pack, flow, node };
}

function routeCommandElsewhere(packs: readonly LoadedPack[], command: string, team: string): Route | undefined {
  for (const pack of packs) {
    for (const flow of pack.flows.values()) {
      if (flow.compiled.ir.type !== "messaging") continue;
      const found = routeCommand(pack, flow, command);
      if (found !== undefined && isOpen(found, team)) return found;
    }
  }
  return undefined;
}

function hasStart(flow: LoadedFlow): boolean {
  // Public packs have flows whose start is named and whose nodes are still to be written.
  return flow.compiled.ir.start !== undefined && flow.nodes.size > 0;
}

function startOf(pack: LoadedPack, flow: LoadedFlow): Route {
  const { entrypoints, start } = flow.compiled.ir;
  return { pack, flow, node: entrypoints.get("default") ?? start ?? "" };
}

function noFlow(why: string): GreenticError {
  return new GreenticError("RUNNER_FLOW_UNRESOLVED", `Choose flow: ${why}`);
}

function forbidden({ pack, flow }: Route, team: string): GreenticError {
  return new GreenticError(
    "RUNNER_ACCESS_FORBIDDEN",
    `Choose flow: the access maps let nobody of ${pack.scope.tenant}/${team} reach flow ${quote(flow.id)} of pack ${quote(pack.name)}`,
  );
}
