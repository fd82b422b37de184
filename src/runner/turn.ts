import type { NodeOutcome } from "../flow/index.ts";
import type { ChannelMessageEnvelope, JsonValue } from "../types/index.ts";
import { GreenticError, isJsonObject, quote } from "../types/index.ts";
import type { Navigation } from "./card-navigation.ts";
import { answersTo, isCardCall, navigationOf } from "./card-navigation.ts";
import type { EffectCall } from "./effect-call.ts";
import type { Frame } from "./frame.ts";
import { openFrame } from "./frame.ts";
import type { KindResult, NodeCall } from "./kinds/kind.ts";
import type { LoadedFlow, LoadedNode, LoadedPack } from "./loaded-pack.ts";
import { startLoop } from "./loop.ts";
import { failureOf } from "./node-failure.ts";
import type { Ask } from "./runtime.ts";
import { runBranches } from "./turn-branches.ts";
import type { Again } from "./turn-effects.ts";
import { readAgain, runEffect } from "./turn-effects.ts";
import { TurnRoutes } from "./turn-routes.ts";
import { MAX_LATER } from "./trigger.ts";

/**
 * One turn: from a message or a due timer until the flow waits, ends or fails. Nodes without effects run one after another
 * without ever waiting for anything; nothing that a turn does is visible before its commit, but for journaled effects.
 */
export class Turn extends TurnRoutes implements NodeCall {
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
  /** The attempts that the node had in earlier turns. */
  #again: Again | undefined;

  get scope(): this {
    return this;
  }

  override get canPark(): boolean {
    // A node that goes on with a message needs it in every attempt.
    return super.canPark && this.resumed === undefined;
  }

  /** Uses a pack's texts without running any of its flows. */
  speakFor(pack: LoadedPack | undefined): void {
    this.speaking = pack;
  }

  /** Starts a flow, on top of what waits where `kind` is `aside`. */
  begin(
    pack: LoadedPack,
    flow: LoadedFlow,
    at: { readonly node: string; readonly kind: "root" | "aside"; readonly navigates?: boolean },
  ): Promise<void> | undefined {
    const asked = at.navigates === true ? navigationOf(this.message, { flow, pack, at: at.node }) : undefined;
    this.push(openFrame(flow, { kind: at.kind, pack, node: asked?.kind === "node" ? asked.node : at.node }));
    this.cardAsset = asked?.kind === "card" ? asked.asset : undefined;
    this.#tellStart(flow.id, pack.name);
    return this.#run();
  }

  /** Makes a part of this turn that runs a frame of its own beside others. */
  beside(path: string, frame: Frame): Turn {
    const { trigger, message } = this;
    const part = new Turn(this.env, this.lease, {
      trigger,
      message,
      wantsSteps: this.steps !== undefined,
      part: { whole: this, path },
    });
    part.locale = this.locale;
    part.push(frame);
    return part;
  }

  /** Runs what was pushed. */
  go(): Promise<void> | undefined {
    return this.#run();
  }

  #tellStart(flow: string, pack: string): void {
    const { observe, world } = this.env;
    if (observe === undefined) return;
    const { trigger } = this;
    observe({
      kind: "flow.started",
      ctx: this.ctx,
      flow,
      pack,
      ...(this.loaded === undefined ? {} : { packVersion: this.loaded.version }),
      ...(trigger.kind === "message" ? { acceptedAtMs: trigger.entry.receivedAtMs } : {}),
      atMs: world.nowMs(),
    });
  }

  /** Takes over the frames that a session left, before `resume` or `begin`. */
  restore(frames: Frame[]): void {
    this.frames = frames;
    this.frame = frames.at(-1);
    this.hadTimerAtMs = this.frame?.wait?.expiresAtMs;
  }

  /** Lets the waiting node go on. */
  resume(by: "message" | "expiry"): Promise<void> | undefined {
    const frame = this.frame as Frame;
    const { wait } = frame;
    frame.wait = undefined;
    if (wait?.isClosed !== true) frame.entry = undefined;
    this.#tellStart(frame.flow.id, this.loaded?.name ?? "");
    const asked =
      by === "message"
        ? navigationOf(this.message, { flow: frame.flow, pack: this.pack, at: frame.node, shown: frame.prev })
        : undefined;
    switch (wait?.resume) {
      case "routes": {
        this.current = frame.flow.nodes.get(frame.node);
        const outcome: NodeOutcome = { kind: "ok", status: wait.status, output: this.#answered(frame) };
        const decision = this.node.compiled.selectRoute(this, outcome);
        // The flow's own ways out come first; a card's wish is for where none holds.
        if (decision.kind !== "wait" || asked === undefined) this.follow(decision, outcome);
        else this.#navigate(frame, asked);
        break;
      }
      case "node":
        if (asked?.kind === "node") this.#navigate(frame, asked);
        else this.resumed = { by, kept: wait.kept };
        break;
      case "attempt":
        this.#again = readAgain(wait.kept);
        break;
      case "loop":
        this.advance(frame);
        break;
      default:
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
    this.keep(frame, output);
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

  /** Ends what waits without a word; something else is about to start, and what was said before is about nothing any more. */
  drop(): void {
    this.frames = [];
    this.frame = undefined;
    this.later = [];
  }

  /** Leaves everything as it was; the message is consumed and nobody answers. */
  ignore(): void {
    this.status = "unchanged";
  }

  /** Keeps the message until the flow takes messages again. */
  defer(): void {
    this.status = "unchanged";
    if (this.trigger.kind !== "message") return;
    if (this.later.length < MAX_LATER) this.later = [...this.later, this.trigger.entry];
    else this.error = { code: "RUNNER_LATER_FULL", message: "Keep message: too many wait already", retryable: false };
  }

  /** Ends a turn that ran no flow and changed the session's state. */
  close(): void {
    this.status = "done";
  }

  /** Sends the message to the dead letters as it is; whatever waits here goes on waiting. */
  bury(code: string): void {
    this.status = "unchanged";
    this.error = { code, message: "Keep a record for the operator", retryable: false };
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
      this.settle(result);
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
      this.settle(result);
      while (this.status === "running" && pending === undefined) {
        const next = this.#execute();
        if (next instanceof Promise) pending = next;
        else this.settle(next);
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
    if (++this.executed > this.env.limits.maxNodes) return this.#overBudget(frame);
    if (!this.env.gate.judges("node")) return this.#perform(node);
    try {
      const judged = this.judge("node", { operation: node.kind.name });
      return judged === undefined ? this.#perform(node) : judged.then(() => this.#perform(node), failureOf);
    } catch (error) {
      return failureOf(error);
    }
  }

  #perform(node: LoadedNode): KindResult | Promise<KindResult> {
    const { kind, compiled } = node;
    const again = this.#again;
    this.#again = undefined;
    try {
      const input = again === undefined ? compiled.renderInput(this) : again.input;
      const stub = this.env.stubWait?.(kind.name, input);
      if (stub === undefined && kind.effect === "effectful") return runEffect(this, { node, input, again });
      const result = stub === undefined ? kind.run(input, this) : ({ kind: "ok", ...stub } as const);
      if (result instanceof Promise) return result;
      return runBranches(this, { node, input, plan: result });
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
    this.failAll(error);
    return NOTHING_LEFT;
  }

  /** Takes a node's result in: its output, the way out, or the wait. */
  protected override settle(result: KindResult): void {
    if (this.status !== "running" || result === NOTHING_LEFT) return;
    this.resumed = undefined;
    const frame = this.frame as Frame;
    switch (result.kind) {
      case "ok":
        this.said = undefined;
        this.cardAsset = undefined;
        this.ended({ node: this.node, outcome: "ok", status: result.status });
        return this.finishNode(frame, result);
      case "error": {
        const { error } = result;
        this.ended({ node: this.node, outcome: "error", status: "error", error });
        const output = result.output ?? { ok: false, error: { ...error } as unknown as JsonValue };
        return this.finishNode(frame, { kind: "error", status: "error", output, error });
      }
      case "wait":
        this.ended({ node: this.node, outcome: "waiting", status: "waiting" });
        return this.#wait(frame, result);
      case "call":
        this.ended({ node: this.node, outcome: "ok", status: "called" });
        return this.call(result);
      case "each":
        this.ended({ node: this.node, outcome: "ok", status: "called" });
        frame.loop = startLoop(result);
        return this.advance(frame);
      case "branches":
        throw new TypeError("Run branches: they run before their result is taken in");
      case "undo":
        this.ended({ node: this.node, outcome: "ok", status: "called" });
        frame.undoing = { undone: [], failed: [] };
        return this.undoNext(frame);
      case "goto":
        this.ended({ node: this.node, outcome: "ok", status: "ok" });
        return this.goto(frame, result);
      case "return":
        this.ended({ node: this.node, outcome: "ok", status: "ok" });
        return this.leave(result.value);
    }
  }

  #wait(frame: Frame, result: KindResult & { readonly kind: "wait" }): void {
    if (result.output !== undefined) this.keep(frame, result.output);
    frame.wait = {
      reason: result.reason,
      kept: result.kept ?? null,
      expiresAtMs: result.expiresAtMs,
      resume: result.resume ?? (result.output === undefined ? "node" : "routes"),
      status: "ok",
      isClosed: result.isClosed === true,
    };
    // Nothing new arrives: every flow goes on with what had arrived.
    if (result.isClosed === true) for (const open of this.frames) open.entry ??= this.arrived;
    this.asks = result.asks;
    return this.finish("waiting");
  }
}

/** What a node came to whose turn is over already. */
const NOTHING_LEFT: KindResult = Object.freeze({ kind: "ok", status: "ok", output: null });
