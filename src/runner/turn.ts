import type { NodeOutcome, RouteDecision } from "../flow/index.ts";
import type { ChannelMessageEnvelope, JsonValue, OutcomeError } from "../types/index.ts";
import { GreenticError, isGreenticError, isJsonObject, quote } from "../types/index.ts";
import type { Navigation } from "./card-navigation.ts";
import { answersTo, isCardCall, navigationOf } from "./card-navigation.ts";
import type { EffectCall } from "./effect-call.ts";
import { MAX_CALL_DEPTH } from "./engine-env.ts";
import type { Frame } from "./frame.ts";
import { openFrame } from "./frame.ts";
import type { KindResult, NodeCall } from "./kinds/kind.ts";
import { messagesOf } from "./kinds/output-messages.ts";
import type { LoadedFlow, LoadedNode, LoadedPack } from "./loaded-pack.ts";
import { mapOutcome } from "./mapped-outcome.ts";
import { failureOf, outcomeError } from "./node-failure.ts";
import type { Ask } from "./runtime.ts";
import { TurnBase } from "./turn-base.ts";
import { runEffect } from "./turn-effects.ts";

/** How a turn stands. `unchanged`: nothing ran and what waited goes on waiting. */
export type TurnStatus = "running" | "done" | "waiting" | "error" | "unchanged";

/** Why a flow failed. */
export interface TurnError extends OutcomeError {
  readonly node?: string;
}

/**
 * One turn: from a message or a due timer until the flow waits, ends or fails. Nodes without effects run one after another
 * without ever waiting for anything; nothing that a turn does is visible before its commit, but for journaled effects.
 */
export class Turn extends TurnBase implements NodeCall {
  status: TurnStatus = "running";
  output: JsonValue = null;
  error: TurnError | undefined;
  /** What the node that waits would take for an answer. */
  asks: Ask | undefined;
  /** True where no flow ran: the message was answered by the engine and is no dead letter. */
  isRefused = false;
  /** Kinds with effects run in an attempt of their own. */
  readonly effect: EffectCall | undefined = undefined;
  resumed: NodeCall["resumed"];
  /** The flow that ran last, where any did. */
  lastFlow: string | undefined;
  /** The dueAtMs of the timer that the session's wait had set. */
  hadTimerAtMs: number | undefined;
  cardAsset: string | undefined;
  #executed = 0;
  #redirects = 0;
  /** The output of a messaging flow's last node, where a component made it. */
  #said: { readonly output: JsonValue; readonly isCard: boolean; readonly saidBefore: number } | undefined;

  get scope(): this {
    return this;
  }

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

  /** Uses a pack's texts without running any of its flows. */
  speakFor(pack: LoadedPack | undefined): void {
    this.loaded = pack;
  }

  /** Starts a flow, on top of what waits where `kind` is `aside`. */
  begin(
    pack: LoadedPack,
    flow: LoadedFlow,
    at: { readonly node: string; readonly kind: "root" | "aside"; readonly navigates?: boolean },
  ): Promise<void> | undefined {
    this.loaded = pack;
    const asked = at.navigates === true ? navigationOf(this.message, { flow, pack, at: at.node }) : undefined;
    this.#push(openFrame(flow, { kind: at.kind, node: asked?.kind === "node" ? asked.node : at.node }));
    this.cardAsset = asked?.kind === "card" ? asked.asset : undefined;
    this.#tellStart(flow.id, pack.name);
    return this.#run();
  }

  #tellStart(flow: string, pack: string): void {
    this.env.observe?.({ kind: "flow.started", ctx: this.ctx, flow, pack, atMs: this.env.world.nowMs() });
  }

  /** Takes over the frames that a session left, before `resume` or `begin`. */
  restore(pack: LoadedPack, frames: Frame[]): void {
    this.loaded = pack;
    this.frames = frames;
    this.frame = frames.at(-1);
    this.hadTimerAtMs = this.frame?.wait?.expiresAtMs;
  }

  /** Lets the waiting node go on. */
  resume(by: "message" | "expiry"): Promise<void> | undefined {
    const frame = this.frame as Frame;
    const { wait } = frame;
    frame.wait = undefined;
    frame.entry = undefined;
    this.#tellStart(frame.flow.id, this.loaded?.name ?? "");
    const asked =
      by === "message"
        ? navigationOf(this.message, { flow: frame.flow, pack: this.pack, at: frame.node, shown: frame.prev })
        : undefined;
    if (wait?.resume === "routes") {
      this.current = frame.flow.nodes.get(frame.node);
      const outcome: NodeOutcome = { kind: "ok", status: wait.status, output: this.#answered(frame) };
      const decision = this.node.compiled.selectRoute(this, outcome);
      // The flow's own ways out come first; a card's wish is for where none holds.
      if (decision.kind !== "wait" || asked === undefined) this.#follow(decision, outcome);
      else this.#navigate(frame, asked);
    } else if (wait?.resume === "node") {
      if (asked?.kind === "node") this.#navigate(frame, asked);
      else this.resumed = { by, kept: wait.kept };
    }
    return this.#run();
  }

  /** Goes where a submitted card asks to: the running flow's node, or its own node with another card. */
  #navigate(frame: Frame, to: Navigation): void {
    if (to.kind === "node") frame.node = to.node;
    else this.cardAsset = to.asset;
  }

  /** A card's output with what was submitted, as public flows read it: `node.<card>.answers`. */
  #answered(frame: Frame): JsonValue {
    if (!isJsonObject(frame.prev) || !isCardCall(this.node)) return frame.prev;
    const output = { ...frame.prev, answers: answersTo(this.node, this.message) };
    frame.nodes[frame.node] = output;
    frame.prev = output;
    return output;
  }

  renderAgain(output: JsonValue): JsonValue {
    const frame = this.frame as Frame;
    const before = frame.nodes[frame.node];
    frame.nodes[frame.node] = output;
    try {
      return this.node.compiled.renderInput(this);
    } finally {
      if (before === undefined) delete frame.nodes[frame.node];
      else frame.nodes[frame.node] = before;
    }
  }

  /** Ends what waits without a word; something else is about to start. */
  drop(): void {
    this.frames = [];
    this.frame = undefined;
  }

  /** Leaves everything as it was; the message is consumed and nobody answers. */
  ignore(): void {
    this.status = "unchanged";
  }

  /** Says a message of another session's flow; whatever waits here goes on waiting. */
  say(message: ChannelMessageEnvelope): void {
    this.messages.push(message);
    this.status = "unchanged";
  }

  /** Ends without a flow: the person gets a text of the engine's, the operator the code. */
  refuse(code: GreenticError, text: string): void {
    this.drop();
    this.isRefused = true;
    this.error = { code: code.code, message: code.message, retryable: false };
    this.status = "error";
    if (this.canReply) this.send({ text: this.t(text) });
    this.env.observe?.({ kind: "warning", ctx: this.ctx, code: code.code });
  }

  #run(): Promise<void> | undefined {
    while (this.status === "running") {
      const result = this.#execute();
      if (result instanceof Promise) return this.#runOn(result);
      this.#settle(result);
    }
    return undefined;
  }

  async #runOn(first: Promise<KindResult>): Promise<void> {
    let pending: Promise<KindResult> | undefined = first;
    while (pending !== undefined) {
      let result: KindResult;
      try {
        result = await pending;
      } catch (error) {
        result = failureOf(error);
      }
      pending = undefined;
      this.#settle(result);
      while (this.status === "running" && pending === undefined) {
        const next = this.#execute();
        if (next instanceof Promise) pending = next;
        else this.#settle(next);
      }
    }
  }

  #execute(): KindResult | Promise<KindResult> {
    const frame = this.frame as Frame;
    const node = frame.flow.nodes.get(frame.node);
    this.lastFlow = frame.flow.id;
    this.current = node;
    this.called = undefined;
    this.stateVersion++;
    if (this.env.observe !== undefined || this.steps !== undefined) this.startedMs = this.env.world.monotonicMs();
    if (node === undefined) {
      return failureOf(
        new GreenticError(
          "RUNNER_NODE_MISSING",
          `Run flow ${quote(frame.flow.id)}: it has no node ${quote(frame.node)}`,
        ),
      );
    }
    if (++this.#executed > this.env.limits.maxNodes) return this.#overBudget(frame);
    const { kind, compiled } = node;
    try {
      const input = compiled.renderInput(this);
      if (kind.effect === "effectful") return runEffect(this, { node, input });
      return kind.run(input, this);
    } catch (error) {
      return failureOf(error);
    }
  }

  #overBudget(frame: Frame): KindResult {
    const { maxNodes } = this.env.limits;
    const error = new GreenticError(
      "RUNNER_BUDGET_EXCEEDED",
      `Run flow ${quote(frame.flow.id)}: more than ${maxNodes} nodes in one turn`,
    );
    // No route of the flow catches this one, else a loop would go on for ever.
    this.#failAll(outcomeError(error));
    return { kind: "ok", status: "ok", output: null };
  }

  /** Takes a node's result in: its output, the way out, or the wait. */
  #settle(result: KindResult): void {
    if (this.status !== "running") return;
    this.resumed = undefined;
    const frame = this.frame as Frame;
    switch (result.kind) {
      case "ok":
        this.#said = undefined;
        this.cardAsset = undefined;
        this.ended({ node: this.node, outcome: "ok", status: result.status });
        return this.#finishNode(frame, result);
      case "error": {
        const { error } = result;
        this.ended({ node: this.node, outcome: "error", status: "error", error });
        const output = result.output ?? { ok: false, error: { ...error } as unknown as JsonValue };
        return this.#finishNode(frame, { kind: "error", status: "error", output, error });
      }
      case "wait":
        this.ended({ node: this.node, outcome: "waiting", status: "waiting" });
        if (result.output !== undefined) this.#keep(frame, result.output);
        frame.wait = {
          reason: result.reason,
          kept: result.kept ?? null,
          expiresAtMs: result.expiresAtMs,
          resume: result.output === undefined ? "node" : "routes",
          status: "ok",
        };
        this.asks = result.asks;
        return this.#finish("waiting");
      case "call":
        this.ended({ node: this.node, outcome: "ok", status: "called" });
        return this.#call(result);
      case "goto":
        this.ended({ node: this.node, outcome: "ok", status: "ok" });
        return this.#goto(frame, result);
      case "return":
        this.ended({ node: this.node, outcome: "ok", status: "ok" });
        return this.#leave(result.value);
    }
  }

  #keep(frame: Frame, output: JsonValue): void {
    frame.nodes[frame.node] = output;
    frame.prev = output;
  }

  #finishNode(frame: Frame, given: NodeOutcome): void {
    const outcome = mapOutcome(this, this.node, given);
    if (outcome.kind === "ok" && this.node.kind.isComponent === true && frame.flow.compiled.ir.type === "messaging")
      this.#said = { output: outcome.output, isCard: isCardCall(this.node), saidBefore: this.messages.length };
    frame.nodes[frame.node] = outcome.output;
    // Guards see the node's own output as `prev`'s successor: `prev` moves on only with the flow.
    const decision = this.node.compiled.selectRoute(this, outcome);
    frame.prev = outcome.output;
    this.#follow(decision, outcome);
  }

  #follow(decision: RouteDecision, outcome: NodeOutcome): void {
    const frame = this.frame as Frame;
    switch (decision.kind) {
      case "next":
        frame.node = decision.node;
        return undefined;
      case "end":
        return this.#leave(outcome.output);
      case "reply":
        // What the node already said is not said twice.
        if (this.node.kind.effect !== "outbox" && this.canReply)
          for (const draft of messagesOf(outcome.output)) this.send(draft);
        return this.#leave(outcome.output);
      case "wait": {
        const reruns = this.node.kind.rerunsOnMessage === true && !isCardCall(this.node);
        frame.wait = {
          reason: "routing",
          kept: null,
          expiresAtMs: undefined,
          resume: reruns ? "rerun" : "routes",
          status: outcome.status,
        };
        return this.#finish("waiting");
      }
      case "fail":
        return this.#fail(
          outcome.error ?? { code: "RUNNER_NODE_FAILED", message: "The node failed", retryable: false },
        );
    }
  }

  #push(frame: Frame): void {
    this.frames.push(frame);
    this.frame = frame;
  }

  #pop(): Frame {
    const frame = this.frames.pop() as Frame;
    this.frame = this.frames.at(-1);
    return frame;
  }

  #call(call: KindResult & { readonly kind: "call" }): void {
    const flow = this.pack.flows.get(call.flow);
    const start = flow?.compiled.ir.start;
    if (flow === undefined || start === undefined) return this.#settle(failureOf(flowMissing(call.flow)));
    if (this.frames.length >= MAX_CALL_DEPTH) {
      return this.#settle(
        failureOf(
          new GreenticError(
            "RUNNER_CALL_TOO_DEEP",
            `Call flow ${quote(call.flow)}: more than ${MAX_CALL_DEPTH} flows deep`,
          ),
        ),
      );
    }
    return this.#push(openFrame(flow, { kind: "call", node: start, entry: call.input }));
  }

  #goto(frame: Frame, target: KindResult & { readonly kind: "goto" }): void {
    const { maxRedirects, output } = target;
    if (++this.#redirects > (maxRedirects ?? Number.POSITIVE_INFINITY)) {
      return this.#settle(
        failureOf(
          new GreenticError("RUNNER_REDIRECT_LIMIT", `Go to flow: more than ${maxRedirects} jumps in one turn`),
        ),
      );
    }
    if (output !== undefined) this.#keep(frame, output);
    const flow = target.flow === undefined ? frame.flow : this.pack.flows.get(target.flow);
    const node = target.node ?? flow?.compiled.ir.start;
    if (flow === undefined || node === undefined || !flow.nodes.has(node)) {
      return this.#settle(failureOf(flowMissing(target.flow ?? frame.flow.id, node)));
    }
    if (flow === frame.flow) {
      frame.node = node;
      if (target.input !== undefined) frame.entry = target.input;
      return undefined;
    }
    this.#pop();
    const next = openFrame(flow, { kind: frame.kind, node, entry: target.input ?? frame.entry });
    next.vars = frame.vars;
    return this.#push(next);
  }

  /** Ends the running flow with its output. */
  #leave(output: JsonValue): void {
    const left = this.#pop();
    this.output = output;
    if (left.kind === "root" || this.frame === undefined) return this.#finish("done");
    if (left.kind === "aside") return this.#finish("waiting");
    this.current = this.frame.flow.nodes.get(this.frame.node);
    return this.#finishNode(this.frame, { kind: "ok", status: "ok", output });
  }

  /** Ends the running flow with a failure that none of its routes caught; its caller's routes may. */
  #fail(error: OutcomeError): void {
    const failed = this.frame as Frame;
    if (failed.kind !== "call") return this.#apologise(error);
    this.#pop();
    const caller = this.frame as Frame;
    this.current = caller.flow.nodes.get(caller.node);
    return this.#finishNode(caller, {
      kind: "error",
      status: "error",
      error,
      output: { ok: false, error: { ...error } as unknown as JsonValue },
    });
  }

  #failAll(error: OutcomeError): void {
    while (this.frame !== undefined && this.frame.kind === "call") this.#pop();
    this.#apologise(error);
  }

  #apologise(error: OutcomeError): void {
    const frame = this.frame as Frame;
    this.error = { ...error, node: frame.node };
    let text: string;
    try {
      text = frame.flow.compiled.renderFailure?.(this) ?? this.t("greentic.failed");
    } catch (thrown) {
      if (!isGreenticError(thrown)) throw thrown;
      text = this.t("greentic.failed");
    }
    if (this.canReply && frame.flow.compiled.ir.type !== "webhook") this.send({ text });
    this.#pop();
    this.#finish(frame.kind === "aside" ? "waiting" : "error");
  }

  #finish(status: "done" | "waiting" | "error"): void {
    this.status = status;
    if (status === "error" || this.#said === undefined || !this.canReply) return;
    // Public messaging flows leave it to the host to say what their last component made; a card is always meant for the person.
    const { isCard, saidBefore } = this.#said;
    if (isCard ? this.messages.length > saidBefore : this.messages.length > 0) return;
    for (const draft of messagesOf(this.#said.output)) this.send(draft);
  }
}

function flowMissing(flow: string, node?: string): GreenticError {
  const what = node === undefined ? quote(flow) : `${quote(flow)} with a node ${quote(node)}`;
  return new GreenticError("RUNNER_FLOW_MISSING", `Go to flow: the pack has no flow ${what}`);
}
