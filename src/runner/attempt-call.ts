import type { CallStats, HostServices } from "../component/index.ts";
import type { WorkingSet } from "../state/index.ts";
import type { ChannelMessageEnvelope, JsonValue, TenantCtx } from "../types/index.ts";
import type { EffectCall } from "./effect-call.ts";
import type { EffectSteps } from "./effect-steps.ts";
import type { MessageDraft, NodeCall } from "./kinds/kind.ts";
import type { LoadedNode, LoadedPack } from "./loaded-pack.ts";
import { modelEnded } from "./model-ended.ts";
import { admitSaidFiles } from "./stored-growth.ts";
import type { Turn } from "./turn.ts";
import { addressReply } from "./turn-messages.ts";

/** A write of state during an attempt; `value` undefined deletes. */
export interface StateWrite {
  readonly prefix: string;
  readonly key: string;
  readonly value?: JsonValue;
}

/** Why what is still under way stops; one for all, as every attempt ends and making a reason with its stack is costly. */
const OVER = new DOMException("The attempt is over", "AbortError");

/**
 * One attempt of an effectful node, as its kind sees the turn. What it says and writes is kept apart until it succeeds; an
 * attempt whose time is over keeps running somewhere and changes nothing any more.
 */
export class AttemptCall implements NodeCall {
  readonly effect: EffectCall;
  readonly messages: ChannelMessageEnvelope[] = [];
  readonly #turn: Turn;
  readonly #writes = new Map<string, StateWrite>();
  readonly #abort = new AbortController();
  #isOver = false;

  constructor(
    turn: Turn,
    options: {
      readonly attempt: number;
      readonly idempotencyKey: string;
      readonly timeoutMs: number;
      readonly pack: LoadedPack;
      readonly steps: EffectSteps;
    },
  ) {
    this.#turn = turn;
    const { world } = turn.env;
    const { attempt, idempotencyKey, timeoutMs } = options;
    const frame = turn.stack.at(-1);
    const ctx: TenantCtx = {
      ...turn.ctx,
      attempt,
      idempotencyKey,
      deadlineMs: world.nowMs() + timeoutMs,
      ...(frame === undefined ? {} : { flow: frame.flow.id, node: frame.node }),
    };
    const { flow = "", node = "" } = ctx;
    const effect: EffectCall = {
      ctx,
      timeoutMs,
      signal: this.#abort.signal,
      chat: turn.env.chat,
      ...options.steps.attempt(() => this.#isOver),
      get tokensSpent() {
        return turn.tokensSpent;
      },
      noteModel: (attempt) => {
        if (!this.#isOver) turn.env.observe?.(modelEnded(attempt, { ctx, flow, node, atMs: world.nowMs() }));
      },
      oauth: turn.env.oauth,
      servicesFor: (component, pack = options.pack): HostServices =>
        turn.env.effects.services({ attempt: this, component, pack, effect }),
      noteProgress: (target, progress) => {
        if (this.#isOver || turn.env.observe === undefined) return;
        turn.env.observe({ kind: "tool.progress", ctx, flow, node, target, ...progress, atMs: world.nowMs() });
      },
    };
    this.effect = effect;
  }

  get writes(): readonly StateWrite[] {
    return [...this.#writes.values()];
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get scope(): Turn {
    return this.#turn;
  }

  get node(): LoadedNode {
    return this.#turn.node;
  }

  get pack(): LoadedPack {
    return this.#turn.pack;
  }

  get message(): ChannelMessageEnvelope | undefined {
    return this.#turn.message;
  }

  get nowMs(): number {
    return this.#turn.nowMs;
  }

  get resumed(): NodeCall["resumed"] {
    return this.#turn.resumed;
  }

  get working(): WorkingSet {
    return this.#turn.working;
  }

  get cardAsset(): string | undefined {
    return this.#turn.cardAsset;
  }

  get packs(): readonly LoadedPack[] {
    return this.#turn.packs;
  }

  /** Reads state as this attempt sees it. */
  read(prefix: string, key: string): JsonValue | undefined {
    const write = this.#writes.get(`${prefix}/${key}`);
    return write === undefined ? this.#turn.working.get({ prefix, key }) : write.value;
  }

  /** Writes state, or deletes where there is no value; ignored once the attempt is over. @throws POLICY_QUOTA_EXCEEDED */
  write(write: StateWrite): void {
    if (this.#isOver) return;
    const key = `${write.prefix}/${write.key}`;
    if (this.#turn.working.isBounded) this.#turn.working.admit(new Map(this.#writes).set(key, write).values());
    this.#writes.set(key, write);
  }

  /** Ends the attempt: what is still under way for it is told to stop. */
  end(): void {
    this.#isOver = true;
    this.#abort.abort(OVER);
  }

  setVar(name: string, value: JsonValue): void {
    if (!this.#isOver) this.#turn.setVar(name, value);
  }

  send(draft: MessageDraft): ChannelMessageEnvelope {
    this.#turn.requireReader();
    admitSaidFiles(this.#turn, draft.attachments);
    const message = addressReply(this.#turn, draft, this.#turn.messages.length + this.messages.length);
    if (!this.#isOver) this.messages.push(message);
    return message;
  }

  judge(...asked: Parameters<NodeCall["judge"]>): void | Promise<void> {
    return this.#turn.judge(...asked);
  }

  publish(): never {
    throw new TypeError("Publish event: what an attempt says is kept apart, and no kind with effects publishes");
  }

  askApproval(): never {
    throw new TypeError("Ask for approval: no kind with effects asks");
  }

  renderAgain(output: JsonValue): JsonValue {
    return this.#turn.renderAgain(output);
  }

  inLocale<T>(locale: string, render: () => T): T {
    return this.#turn.inLocale(locale, render);
  }

  noteCall(call: { readonly target: string; readonly stats?: CallStats | undefined }): void {
    if (!this.#isOver) this.#turn.noteCall(call);
  }

  log(level: "debug" | "info" | "warn" | "error", message: string): void {
    this.#turn.log(level, message);
  }
}
