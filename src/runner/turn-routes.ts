import type { NodeOutcome, RouteDecision } from "../flow/index.ts";
import type { ErrorCode, JsonObject, JsonValue, OutcomeError } from "../types/index.ts";
import { GreenticError, isGreenticError, quote } from "../types/index.ts";
import { isCardCall } from "./card-navigation.ts";
import { MAX_CALL_DEPTH } from "./engine-env.ts";
import type { Frame } from "./frame.ts";
import { openFrame } from "./frame.ts";
import type { KindResult } from "./kinds/kind.ts";
import { messagesOf } from "./kinds/output-messages.ts";
import type { LoadedFlow, LoadedNode, LoadedPack } from "./loaded-pack.ts";
import { isLoopOver, itemVars, nextItem, outcomeOfItems } from "./loop.ts";
import { mapOutcome } from "./mapped-outcome.ts";
import { failureOf, outcomeError } from "./node-failure.ts";
import type { TurnError, TurnStatus } from "./turn-status.ts";
import { TurnBase } from "./turn-base.ts";
import type { Undoing, UndoEntry } from "./undo.ts";
import { noteUndo } from "./undo.ts";

/** Where a turn's nodes lead: routes, calls and returns, items, failures and what they undo; running nodes is {@link Turn}'s. */
export abstract class TurnRoutes extends TurnBase {
  status: TurnStatus = "running";
  output: JsonValue = null;
  error: TurnError | undefined;
  /** The output of a messaging flow's last node, where a component made it. */
  protected said: { readonly output: JsonValue; readonly isCard: boolean; readonly saidBefore: number } | undefined;
  /** What the flow that ended last leaves to be undone by whoever ran it. */
  doneUndo: readonly UndoEntry[] = [];
  /** Nodes that ran. */
  protected executed = 0;
  #redirects = 0;
  #isOverBudget = false;

  get node(): LoadedNode {
    return this.current as LoadedNode;
  }

  get pack(): LoadedPack {
    return this.loaded as LoadedPack;
  }

  /** The frames as they stand: the top one runs or waits. */
  get stack(): readonly Frame[] {
    return this.frames;
  }

  /** Takes a node's result in. */
  protected abstract settle(result: KindResult): void;

  /** Whether the turn may end in the middle and go on by a timer. */
  get canPark(): boolean {
    return this.part === undefined;
  }

  protected push(frame: Frame): void {
    this.frames.push(frame);
    this.frame = frame;
  }

  protected pop(): Frame {
    const frame = this.frames.pop() as Frame;
    this.speaking = frame.pack;
    this.frame = this.frames.at(-1);
    return frame;
  }

  protected keep(frame: Frame, output: JsonValue): void {
    frame.nodes[frame.node] = output;
    frame.prev = output;
  }

  protected finishNode(frame: Frame, given: NodeOutcome): void {
    const outcome = mapOutcome(this, this.node, given);
    if (outcome.kind === "ok" && this.node.kind.isComponent === true && frame.flow.compiled.ir.type === "messaging")
      this.said = { output: outcome.output, isCard: isCardCall(this.node), saidBefore: this.messages.length };
    frame.nodes[frame.node] = outcome.output;
    if (outcome.kind === "ok" && this.node.compiled.ir.compensate !== undefined) this.#noteUndo(frame);
    // Guards see the node's own output as `prev`'s successor: `prev` moves on only with the flow.
    const decision = this.node.compiled.selectRoute(this, outcome);
    frame.prev = outcome.output;
    this.follow(decision, outcome);
  }

  #noteUndo(frame: Frame): void {
    try {
      noteUndo(frame, this.node.compiled.renderCompensation?.(this));
    } catch (thrown) {
      if (!isGreenticError(thrown)) throw thrown;
      this.notUndone.push({ flow: frame.flow.id, node: frame.node, code: thrown.code });
    }
  }

  protected follow(decision: RouteDecision, outcome: NodeOutcome): void {
    const frame = this.frame as Frame;
    switch (decision.kind) {
      case "next":
        frame.node = decision.node;
        return undefined;
      case "end":
        return this.leave(outcome.output);
      case "reply":
        // What the node already said is not said twice.
        if (this.node.kind.effect !== "outbox" && this.canReply)
          for (const draft of messagesOf(outcome.output)) this.send(draft);
        return this.leave(outcome.output);
      case "wait": {
        const reruns = this.node.kind.rerunsOnMessage === true && !isCardCall(this.node);
        frame.wait = {
          reason: "routing",
          kept: null,
          expiresAtMs: undefined,
          resume: reruns ? "rerun" : "routes",
          status: outcome.status,
          isClosed: false,
        };
        return this.finish("waiting");
      }
      case "fail":
        return this.fail(outcome.error ?? { code: "RUNNER_NODE_FAILED", message: "The node failed", retryable: false });
    }
  }

  protected call(call: KindResult & { readonly kind: "call" }): void {
    const from = this.frame as Frame;
    let pack: LoadedPack;
    try {
      pack = call.pack === undefined ? from.pack : this.env.registry.dependency(from.pack, call.pack);
    } catch (error) {
      return this.settle(failureOf(error));
    }
    const flow = pack.flows.get(call.flow);
    const start = flow?.compiled.ir.start;
    if (flow === undefined || start === undefined)
      return this.settle(failureOf(flowMissing({ pack: pack.name, flow: call.flow })));
    const problem = this.#tooDeep(flow);
    if (problem !== undefined) return this.settle(problem);
    return this.push(openFrame(flow, { kind: "call", pack, node: start, entry: call.input ?? from.entry }));
  }

  #tooDeep(flow: LoadedFlow): KindResult | undefined {
    if (this.frames.length < MAX_CALL_DEPTH) return undefined;
    const message = `Call flow ${quote(flow.id)}: more than ${MAX_CALL_DEPTH} flows deep`;
    return failureOf(new GreenticError("RUNNER_CALL_TOO_DEEP", message));
  }

  protected goto(frame: Frame, target: KindResult & { readonly kind: "goto" }): void {
    const { maxRedirects, output } = target;
    if (++this.#redirects > (maxRedirects ?? Number.POSITIVE_INFINITY)) {
      return this.settle(
        failureOf(
          new GreenticError("RUNNER_REDIRECT_LIMIT", `Go to flow: more than ${maxRedirects} jumps in one turn`),
        ),
      );
    }
    if (output !== undefined) this.keep(frame, output);
    const flow = target.flow === undefined ? frame.flow : frame.pack.flows.get(target.flow);
    const node = target.node ?? flow?.compiled.ir.start;
    if (flow === undefined || node === undefined || !flow.nodes.has(node)) {
      return this.settle(failureOf(flowMissing({ pack: frame.pack.name, flow: target.flow ?? frame.flow.id, node })));
    }
    if (flow === frame.flow) {
      frame.node = node;
      if (target.input !== undefined) frame.entry = target.input;
      return undefined;
    }
    const { kind, pack, undo, entry, vars } = this.pop();
    const next = openFrame(flow, { kind, pack, node, entry: target.input ?? entry, vars });
    next.undo = undo;
    return this.push(next);
  }

  /** Starts the next item of the running node, or ends it. */
  protected advance(frame: Frame): void {
    const { loop, flow, pack } = frame;
    if (loop === undefined) return undefined;
    this.current = flow.nodes.get(frame.node);
    const { plan, index, items } = loop;
    if (isLoopOver(loop)) {
      frame.loop = undefined;
      return this.finishNode(frame, outcomeOfItems({ onItemError: plan.onItemError, count: items.length }, loop));
    }
    // A loop that would use up the turn goes on in the next one.
    if (this.canPark && this.executed > this.env.limits.maxNodes / 2) return this.park(frame, "loop");
    const body = plan.body.flow === undefined ? flow : pack.flows.get(plan.body.flow);
    const node = plan.body.node ?? body?.compiled.ir.start;
    if (body === undefined || node === undefined || !body.nodes.has(node)) {
      frame.loop = undefined;
      return this.settle(failureOf(flowMissing({ pack: pack.name, flow: plan.body.flow ?? flow.id, node })));
    }
    const problem = this.#tooDeep(body);
    if (problem !== undefined) {
      frame.loop = undefined;
      return this.settle(problem);
    }
    const value = items[index] ?? null;
    const isOwn = plan.body.flow === undefined;
    return this.push(
      openFrame(body, {
        kind: "call",
        pack,
        node,
        entry: isOwn ? frame.entry : (plan.input ?? value),
        vars: itemVars(plan, { vars: frame.vars, value, index }),
        ...(isOwn ? { nodes: frame.nodes } : {}),
        prev: value,
      }),
    );
  }

  /** Ends the turn where it is; a timer that is due goes on. */
  protected park(frame: Frame, resume: "loop"): void {
    const expiresAtMs = this.nowMs;
    frame.wait = { reason: resume, kept: null, expiresAtMs, resume, status: "ok", isClosed: true };
    return this.finish("waiting");
  }

  /** Ends the running flow with its output. */
  protected leave(output: JsonValue): void {
    const left = this.pop();
    const caller = this.frame;
    if (caller?.undoing !== undefined && left.kind === "call") {
      const { undoing } = caller;
      caller.undoing = { ...undoing, undone: [...undoing.undone, undoing.current?.node ?? ""] };
      return this.undoNext(caller);
    }
    this.output = output;
    this.doneUndo = left.undo;
    if (left.kind === "root" || caller === undefined) return this.finish("done");
    if (left.kind === "aside") return this.finish("waiting");
    // What a called flow did is its caller's to undo.
    if (left.undo.length > 0) caller.undo = [...caller.undo, ...left.undo];
    if (caller.loop !== undefined) {
      caller.loop = nextItem(caller.loop, { output });
      return this.advance(caller);
    }
    this.current = caller.flow.nodes.get(caller.node);
    return this.finishNode(caller, { kind: "ok", status: "ok", output });
  }

  /** Ends the running flow with a failure that none of its routes caught, undoing first what says how; its caller's routes may catch it. */
  protected fail(error: OutcomeError): void {
    const failed = this.frame as Frame;
    if (failed.undo.length > 0 && failed.undoing === undefined) {
      failed.undoing = { error: { ...error, node: failed.node } as unknown as JsonObject, undone: [], failed: [] };
      return this.undoNext(failed);
    }
    return this.#failOn(failed, { ...error, node: failed.node });
  }

  #failOn(failed: Frame, error: TurnError): void {
    if (failed.kind !== "call") return this.apologise(error);
    this.pop();
    const caller = this.frame as Frame;
    if (caller.undoing !== undefined) {
      const { undoing } = caller;
      const place = undoing.current ?? { flow: failed.flow.id, node: failed.node };
      caller.undoing = { ...undoing, failed: [...undoing.failed, { ...place, code: error.code }] };
      return this.undoNext(caller);
    }
    if (caller.loop !== undefined) {
      caller.loop = nextItem(caller.loop, { error: withoutNode(error) });
      return this.advance(caller);
    }
    this.current = caller.flow.nodes.get(caller.node);
    const { node: _node, ...rest } = error;
    return this.finishNode(caller, {
      kind: "error",
      status: "error",
      error: rest,
      output: { ok: false, error: { ...rest } as unknown as JsonValue },
    });
  }

  /** Undoes the last node that isn't undone yet; after the first one goes on with why it was undone. */
  protected undoNext(frame: Frame): void {
    const undoing = frame.undoing as Undoing;
    const entry = frame.undo.at(-1);
    if (entry === undefined) return this.#undone(frame, undoing);
    frame.undo = frame.undo.slice(0, -1);
    const current = { flow: frame.flow.id, node: entry.of };
    const pack = this.env.registry.find(frame.pack, { name: entry.pack, hash: entry.hash });
    const flow = pack?.flows.get(entry.flow);
    if (pack === undefined || flow === undefined || !flow.nodes.has(entry.node)) {
      frame.undoing = { ...undoing, failed: [...undoing.failed, { ...current, code: "RUNNER_FLOW_MISSING" }] };
      return this.undoNext(frame);
    }
    frame.undoing = { ...undoing, current };
    const { vars, nodes } = entry;
    return this.push(
      openFrame(flow, { kind: "call", pack, node: entry.node, entry: entry.entry, vars, nodes, prev: entry.entry }),
    );
  }

  #undone(frame: Frame, { error, undone, failed }: Undoing): void {
    frame.undoing = undefined;
    this.notUndone.push(...failed);
    this.current = frame.flow.nodes.get(frame.node);
    if (error !== undefined) return this.#failOn(frame, error as unknown as TurnError);
    const output = { undone, failed: failed as unknown as JsonValue };
    return this.finishNode(frame, { kind: "ok", status: failed.length === 0 ? "ok" : "partial", output });
  }

  /** Fails whatever runs; only what the flows did is undone still. */
  protected failAll(error: GreenticError): void {
    const reason = outcomeError(error);
    if (this.#isOverBudget) {
      while (this.frame !== undefined && this.frame.kind === "call") this.pop();
      return this.apologise(reason);
    }
    this.#isOverBudget = true;
    this.executed = 0;
    const left: Frame[] = [];
    while (this.frame !== undefined && this.frame.kind === "call") left.unshift(this.pop());
    const bottom = this.frame as Frame;
    bottom.undo = [...bottom.undo, ...left.flatMap(({ undo }) => undo)];
    bottom.loop = undefined;
    return this.fail(reason);
  }

  protected apologise(error: TurnError): void {
    const frame = this.frame as Frame;
    this.error = { ...error, node: error.node ?? frame.node };
    if (this.part !== undefined) {
      this.pop();
      return this.finish("error");
    }
    let text: string;
    try {
      text = frame.flow.compiled.renderFailure?.(this) ?? this.t("greentic.failed");
    } catch (thrown) {
      if (!isGreenticError(thrown)) throw thrown;
      text = this.t("greentic.failed");
    }
    if (this.canReply && frame.flow.compiled.ir.type !== "webhook") this.send({ text });
    this.pop();
    return this.finish(frame.kind === "aside" ? "waiting" : "error");
  }

  protected finish(status: "done" | "waiting" | "error"): void {
    if (status === "waiting" && this.part !== undefined) return this.#failToWait();
    this.status = status;
    if (status === "error" || this.said === undefined || !this.canReply || this.part !== undefined) return;
    // Public messaging flows leave it to the host to say what their last component made; a card is always meant for the person.
    const { isCard, saidBefore } = this.said;
    if (isCard ? this.messages.length > saidBefore : this.messages.length > 0) return;
    for (const draft of messagesOf(this.said.output)) this.send(draft);
  }

  /** What runs beside others has nobody to wait for. */
  #failToWait(): void {
    const frame = this.frame as Frame;
    frame.wait = undefined;
    const message = `Run node ${quote(frame.node)} beside others: it would wait`;
    return this.fail(outcomeError(new GreenticError("RUNNER_ITEM_WAITS", message)));
  }
}

function withoutNode({ node: _node, ...error }: TurnError): OutcomeError {
  return error;
}

function flowMissing(at: {
  readonly pack: string;
  readonly flow: string;
  readonly node?: string | undefined;
}): GreenticError {
  const code: ErrorCode = "RUNNER_FLOW_MISSING";
  const what = at.node === undefined ? quote(at.flow) : `${quote(at.flow)} with a node ${quote(at.node)}`;
  return new GreenticError(code, `Go to flow: pack ${quote(at.pack)} has no flow ${what}`);
}
