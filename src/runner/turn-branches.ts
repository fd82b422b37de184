import { hash } from "node:crypto";
import type { NodeOutcome } from "../flow/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue, OutcomeError } from "../types/index.ts";
import { GreenticError, isJsonObject, quote } from "../types/index.ts";
import type { Frame } from "./frame.ts";
import { openFrame } from "./frame.ts";
import type { Body, BranchPlan, EachPlan, KindResult } from "./kinds/kind.ts";
import type { LoadedNode } from "./loaded-pack.ts";
import type { ItemError } from "./loop.ts";
import { itemVars, outcomeOfItems } from "./loop.ts";
import type { Relayed } from "./relay.ts";
import type { Turn } from "./turn.ts";
import { TurnAborted } from "./turn-aborted.ts";
import { recordStep, stepName } from "./turn-steps.ts";
import type { NotUndone, UndoEntry } from "./undo.ts";

/** A node with what it wants to run. */
interface Branching {
  readonly node: LoadedNode;
  readonly input: JsonValue;
  readonly plan: KindResult;
}

/** One run beside others: an item's or a branch's. */
interface Strand {
  readonly at: number | string;
  readonly frame: Frame;
}

/** What a strand left behind, as the journal keeps it. */
interface Left {
  readonly output?: JsonValue;
  readonly error?: OutcomeError;
  readonly messages: readonly ChannelMessageEnvelope[];
  readonly relayed: readonly Relayed[];
  readonly writes: readonly { readonly key: string; readonly value?: JsonValue | undefined }[];
  readonly undo: readonly UndoEntry[];
  readonly notUndone: readonly NotUndone[];
}

/** Why a branch was stopped whose outcome nobody needs any more. */
const UNNEEDED = "unneeded";

/**
 * Runs what a plan wants to run side by side; everything else is given back as it is. Each strand's effects are journaled under its
 * own path, and the whole once more when it is over: a crashed turn finds what was done, and who won.
 */
export function runBranches(turn: Turn, branching: Branching): KindResult | Promise<KindResult> {
  const { plan } = branching;
  if (plan.kind === "branches") return runAll(turn, { ...branching, plan });
  if (plan.kind !== "each" || plan.maxConcurrency <= 1 || plan.items.length <= 1) return plan;
  return runAll(turn, { ...branching, plan });
}

type Plan = EachPlan | BranchPlan;

async function runAll(turn: Turn, { node, input, plan }: Branching & { readonly plan: Plan }): Promise<KindResult> {
  const inputHash = hash("sha256", JSON.stringify([turn.stack.length, node.id, input]), "hex");
  const name = stepName(turn, node);
  const path = `${turn.effectCount++}`;
  const recovered = turn.takeStep(name, inputHash);
  if (recovered !== undefined) return apply(turn, { plan, left: readLeft(recovered) });
  const strands = strandsOf(turn, plan);
  const run = new StrandRun(turn, { plan, path });
  const left = await run.all(strands);
  if (run.hadEffects)
    await recordStep(turn, {
      node: name,
      inputHash,
      outcome: [...left].map(([at, end]) => [at, { ...end }]) as unknown as JsonValue,
    });
  return apply(turn, { plan, left });
}

/** Runs strands, so many at once, until all are over or enough is known. */
class StrandRun {
  readonly #turn: Turn;
  readonly #plan: Plan;
  readonly #path: string;
  readonly #running = new Set<Turn>();
  readonly #left = new Map<number | string, Left>();
  #isEnough = false;
  #wentWell = 0;
  #thrown: { readonly error: unknown } | undefined;
  hadEffects = false;

  constructor(turn: Turn, { plan, path }: { readonly plan: Plan; readonly path: string }) {
    this.#turn = turn;
    this.#plan = plan;
    this.#path = path;
  }

  /** @returns what each strand left that came to an end, in the strands' order */
  async all(strands: readonly Strand[]): Promise<ReadonlyMap<number | string, Left>> {
    const stopListening = this.#turn.whenGivenUp((cause) => {
      // Strands that are just being recorded end well, and those that never began are no result.
      this.#thrown ??= { error: new TurnAborted(cause) };
      this.#stop(cause);
    });
    const waiting = strands.toReversed();
    const serve = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined && !this.#isEnough; next = waiting.pop()) await this.#run(next);
    };
    try {
      await Promise.all(Array.from({ length: Math.min(this.#plan.maxConcurrency, strands.length) }, serve));
    } finally {
      stopListening();
    }
    if (this.#thrown !== undefined) throw this.#thrown.error;
    const order = strands.map(({ at }) => at).filter((at) => this.#left.has(at));
    return new Map(order.map((at) => [at, this.#left.get(at) as Left]));
  }

  async #run({ at, frame }: Strand): Promise<void> {
    const part = this.#turn.beside(`${this.#path}.${at}`, frame);
    this.#running.add(part);
    try {
      await part.go();
      this.#ended(at, part);
    } catch (error) {
      if (error instanceof TurnAborted && error.cause === UNNEEDED) return;
      this.#thrown ??= { error };
      this.#stop(error instanceof TurnAborted ? error.cause : error);
    } finally {
      this.#running.delete(part);
      this.hadEffects ||= part.effectCount > 0;
    }
  }

  #ended(at: number | string, part: Turn): void {
    if (this.#isEnough && this.#plan.kind === "branches") return;
    this.#left.set(at, leftBy(part));
    this.#turn.steps?.push(...(part.steps ?? []));
    if (part.error === undefined) this.#wentWell++;
    else if (this.#plan.kind === "each" && this.#plan.onItemError === "stop") this.#isEnough = true;
    if (this.#plan.kind === "branches" && this.#wentWell >= this.#plan.needs) this.#stop(UNNEEDED);
  }

  #stop(cause: unknown): void {
    this.#isEnough = true;
    for (const part of this.#running) part.giveUp(cause);
  }
}

function leftBy(part: Turn): Left {
  return {
    ...(part.error === undefined ? { output: part.output } : { error: errorOf(part) }),
    messages: part.messages,
    relayed: part.relayed,
    writes: part.working.changes(),
    undo: part.doneUndo,
    notUndone: part.notUndone,
  };
}

function errorOf(part: Turn): OutcomeError {
  const { node: _node, ...error } = part.error ?? { code: "RUNNER_NODE_FAILED", message: "", retryable: false };
  return error;
}

function strandsOf(turn: Turn, plan: Plan): readonly Strand[] {
  const from = turn.stack.at(-1) as Frame;
  if (plan.kind === "each") {
    return plan.items.map((value, index) => ({
      at: index,
      frame: strandFrame(from, {
        body: plan.body,
        entry: plan.input ?? value,
        prev: value,
        vars: itemVars(plan, { vars: from.vars, value, index }),
      }),
    }));
  }
  return plan.branches.map(({ name, body, input }) => ({
    at: name,
    frame: strandFrame(from, { body, entry: input ?? from.entry, prev: from.prev, vars: from.vars }),
  }));
}

function strandFrame(
  from: Frame,
  {
    body,
    entry,
    prev,
    vars,
  }: {
    readonly body: Body;
    readonly entry: JsonValue | undefined;
    readonly prev: JsonValue;
    readonly vars: JsonObject;
  },
): Frame {
  const isOwn = body.flow === undefined;
  const flow = body.flow === undefined ? from.flow : from.pack.flows.get(body.flow);
  const node = body.node ?? flow?.compiled.ir.start;
  if (flow === undefined || node === undefined || !flow.nodes.has(node)) {
    throw new GreenticError(
      "RUNNER_FLOW_MISSING",
      `Run beside others: pack ${quote(from.pack.name)} has no ${quote(body.flow ?? node ?? "")}`,
    );
  }
  return openFrame(flow, {
    kind: "root",
    pack: from.pack,
    node,
    entry: isOwn ? from.entry : entry,
    vars,
    prev,
    ...(isOwn ? { nodes: from.nodes } : {}),
  });
}

/** Puts what the strands left into the turn, in their order, and makes the node's result. */
function apply(
  turn: Turn,
  { plan, left }: { readonly plan: Plan; readonly left: ReadonlyMap<number | string, Left> },
): KindResult {
  const frame = turn.stack.at(-1) as Frame;
  for (const { messages, relayed, writes, undo, notUndone } of left.values()) {
    turn.messages.push(...messages);
    turn.relayed.push(...relayed);
    for (const { key: whole, value } of writes) {
      const slash = whole.indexOf("/");
      const key = { prefix: whole.slice(0, slash), key: whole.slice(slash + 1) };
      if (value === undefined) turn.working.delete(key);
      else turn.working.set(key, value, { isLetIn: true });
    }
    if (undo.length > 0) frame.undo = [...frame.undo, ...undo];
    turn.notUndone.push(...notUndone);
  }
  return resultOf(plan, left);
}

function resultOf(plan: Plan, left: ReadonlyMap<number | string, Left>): KindResult {
  const errors: ItemError[] = [...left].flatMap(([at, { error }]) => (error === undefined ? [] : [{ at, error }]));
  if (plan.kind === "each") {
    const results = plan.items.map((_item, index) => left.get(index)?.output ?? null);
    return asResult(outcomeOfItems({ onItemError: plan.onItemError, count: plan.items.length }, { results, errors }));
  }
  const results: JsonObject = Object.fromEntries(
    [...left].flatMap(([at, { output }]) => (output === undefined ? [] : [[String(at), output]])),
  );
  const failures: JsonObject = Object.fromEntries(errors.map(({ at, error }) => [String(at), { ...error }]));
  const output = { results, errors: failures };
  if (Object.keys(results).length >= plan.needs)
    return { kind: "ok", status: errors.length === 0 ? "ok" : "partial", output };
  const [first] = errors;
  const error: OutcomeError =
    errors.length === 1 && first !== undefined
      ? first.error
      : { code: "RUNNER_ITEMS_FAILED", message: `Run branches: ${errors.length} failed`, retryable: false };
  return { kind: "error", error, output: { ...output, ok: false, error: { ...error } as JsonObject } };
}

function asResult({ kind, status, output, error }: NodeOutcome): KindResult {
  return kind === "ok" || error === undefined ? { kind: "ok", status, output } : { kind: "error", error, output };
}

function readLeft(outcome: JsonValue): ReadonlyMap<number | string, Left> {
  const entries = Array.isArray(outcome) ? (outcome as readonly JsonValue[]) : [];
  return new Map(
    entries.flatMap((entry) =>
      Array.isArray(entry) && isJsonObject(entry[1] as JsonValue)
        ? [[entry[0] as number | string, entry[1] as unknown as Left] as const]
        : [],
    ),
  );
}
