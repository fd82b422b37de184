import type { CallStats } from "../component/index.ts";
import type { PolicyPoint } from "../config/index.ts";
import type { PolicyQuestion } from "../policy/index.ts";
import type { InboxEntry, Lease, Step } from "../session/index.ts";
import type { WorkingSet } from "../state/index.ts";
import type { ComponentCost } from "../telemetry/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue, OutcomeError } from "../types/index.ts";
import { GreenticError, isJsonObject, maskValues, parseSessionKey, quote } from "../types/index.ts";
import type { EngineEnv, OpenStep } from "./engine-env.ts";
import type { Frame } from "./frame.ts";
import type { FlowEvent } from "./event-flows.ts";
import { eventOf, MAX_EVENT_HOPS } from "./event-flows.ts";
import type { OpenApproval } from "./approvals.ts";
import { decisionOf } from "./approvals.ts";
import type { ApprovalDraft, EventDraft, MessageDraft } from "./kinds/kind.ts";
import type { LoadedNode, LoadedPack } from "./loaded-pack.ts";
import type { OperatorRecord, Relayed } from "./relay.ts";
import { questionOf } from "./policy-questions.ts";
import { RELAY } from "./relay.ts";
import type { StepReport } from "./runtime.ts";
import { admitSaidFiles } from "./stored-growth.ts";
import type { Trigger } from "./trigger.ts";
import { laterOf } from "./trigger.ts";
import type { NotUndone } from "./undo.ts";
import type { ReplyAddress } from "./turn-messages.ts";
import { addressOf, addressReply, decodeAddress, destinationsOf, relayMessage, turnIdOf } from "./turn-messages.ts";
import { TurnScope } from "./turn-scope.ts";

/** One node's outcome as reports and events tell it. */
interface NodeEnd {
  readonly node: LoadedNode;
  readonly outcome: "ok" | "error" | "waiting";
  readonly status: string;
  readonly error?: OutcomeError;
}

/** Says of which turn something is a part, and where: the same when a crashed turn runs again. */
export interface TurnPart {
  readonly whole: TurnBase;
  /** Unique within the turn. */
  readonly path: string;
}

const NO_ENTRIES: readonly InboxEntry[] = Object.freeze([]);

function viewOf(working: WorkingSet, base: ReadonlyMap<string, JsonValue>): ReadonlyMap<string, JsonValue> {
  const changes = working.changes();
  if (changes.length === 0) return base;
  const view = new Map(base);
  for (const { key, value } of changes) {
    if (value === undefined) view.delete(key);
    else view.set(key, value);
  }
  return view;
}

/** What a turn is called, what it says, what its journal holds, and who hears of it; running it is {@link Turn}'s. */
export abstract class TurnBase extends TurnScope {
  readonly trigger: Trigger;
  /** Of what this is a part that runs beside others; undefined for a turn. */
  readonly part: TurnPart | undefined;
  /** Messages that wait until the flow takes some again. */
  later: readonly InboxEntry[];
  /** What the operator should know of beside what the turn's own end says. */
  readonly records: OperatorRecord[] = [];
  /** What could not be undone. */
  readonly notUndone: NotUndone[] = [];
  readonly traceId: string;
  readonly messages: ChannelMessageEnvelope[] = [];
  /** What other sessions of the team get. */
  readonly relayed: Relayed[] = [];
  /** The nodes that ran, where somebody wants to know. */
  readonly steps: StepReport[] | undefined;
  /** What effects left in the journal, where it is kept for a replay. */
  readonly journaled: Step[] | undefined;
  /** Effects so far, recovered ones included. */
  effectCount = 0;
  protected current: LoadedNode | undefined;
  protected startedMs = 0;
  /** What the running node called. */
  protected called: { readonly target: string; readonly stats?: CallStats | undefined } | undefined;
  /** Writes of state that events told of already. */
  readonly #told = new Map<string, JsonValue | undefined>();
  #turnId: string | undefined;
  #address: ReplyAddress | undefined;
  #seq = 0;
  #tokensSpent = 0;
  readonly #usedSteps = new Set<number>();
  #givenUp: { readonly cause: unknown } | undefined;
  readonly #onGivenUp = new Set<(cause: unknown) => void>();

  constructor(
    env: EngineEnv,
    lease: Lease,
    options: {
      readonly trigger: Trigger;
      readonly message: ChannelMessageEnvelope | undefined;
      readonly wantsSteps: boolean;
      /** Where this is only a part of another turn. */
      readonly part?: TurnPart;
    },
  ) {
    const { trigger, message, part } = options;
    super(env, lease, {
      message,
      nowMs: trigger.kind === "message" ? trigger.entry.receivedAtMs : trigger.timer.dueAtMs,
      state: part === undefined ? undefined : viewOf(part.whole.working, lease.state),
    });
    this.trigger = trigger;
    this.part = part;
    this.later = part === undefined ? laterOf(lease) : NO_ENTRIES;
    if (part !== undefined) this.#turnId = `${part.whole.turnId}-${part.path}`;
    this.traceId = trigger.kind === "message" ? trigger.entry.traceId : turnIdOf(lease.key, trigger);
    // A part's nodes are told with its whole's.
    this.steps = options.wantsSteps ? [] : undefined;
    this.journaled = env.journal === "replay" ? (part?.whole.journaled ?? []) : undefined;
  }

  /** The packs of the conversation's team, the running one first: it may be an older version than the team's. */
  get packs(): readonly LoadedPack[] {
    const { env, tenant, team } = this.ctx;
    const packs = this.env.registry.packsFor(`${env}:${tenant}:${team}`);
    const own = this.loaded;
    return own === undefined ? packs : [own, ...packs.filter(({ name }) => name !== own.name)];
  }

  /** Names this turn by what made it run: the same after a crash, another for every other message. */
  get turnId(): string {
    return (this.#turnId ??= turnIdOf(this.lease.key, this.trigger));
  }

  /** The revision that this turn will commit. */
  get revision(): number {
    return (this.lease.session?.revision ?? 0) + 1;
  }

  /** Where replies go. */
  get address(): ReplyAddress {
    if (this.#address === undefined) {
      // Who decides an approval isn't who is answered.
      if (this.message === undefined || decisionOf(this.message) !== undefined) {
        const { env, tenant, team, provider } = this.ctx;
        const snapshot = this.lease.session?.snapshot;
        const kept = snapshot !== undefined && isJsonObject(snapshot) ? snapshot["via"] : undefined;
        this.#address = decodeAddress(kept, { tenant: { env, tenant, team }, channel: provider ?? "" });
      } else this.#address = addressOf(this.message);
    }
    return this.#address;
  }

  /** What a crashed run of this turn left of an effect; each is taken once. */
  takeStep(node: string, inputHash: string, { isPart = false } = {}): JsonValue | undefined {
    if (this.part !== undefined) return this.part.whole.takeStep(node, inputHash, { isPart });
    for (const step of this.lease.steps) {
      if (step.turn !== this.revision || step.node !== node || step.inputHash !== inputHash) continue;
      if (this.#usedSteps.has(step.seq)) continue;
      this.#usedSteps.add(step.seq);
      if (!isPart) this.journaled?.push(step);
      return step.outcome;
    }
    return undefined;
  }

  /** Tokens of language models that the whole turn has used. */
  get tokensSpent(): number {
    return this.part === undefined ? this.#tokensSpent : this.part.whole.tokensSpent;
  }

  spendTokens(tokens: number): void {
    if (this.part === undefined) this.#tokensSpent += tokens;
    else this.part.whole.spendTokens(tokens);
  }

  /** The journal's next free place. */
  nextSeq(): number {
    if (this.part !== undefined) return this.part.whole.nextSeq();
    for (const { turn, seq } of this.lease.steps) if (turn === this.revision && seq >= this.#seq) this.#seq = seq + 1;
    return this.#seq++;
  }

  /** Calls `listener` when the turn is given up. Returns how to stop. */
  whenGivenUp(listener: (cause: unknown) => void): () => void {
    if (this.#givenUp !== undefined) listener(this.#givenUp.cause);
    else this.#onGivenUp.add(listener);
    return () => void this.#onGivenUp.delete(listener);
  }

  /** Stops the turn where it is: its lease is gone. */
  giveUp(cause: unknown): void {
    this.#givenUp = { cause };
    for (const listener of this.#onGivenUp) listener(cause);
  }

  /** Asks policy about the running node; at once where nothing there could be denied. @throws POLICY_DENIED, or rejects with it */
  judge(point: PolicyPoint, about: Pick<PolicyQuestion, "event" | "operation">): void | Promise<void> {
    const { gate } = this.env;
    if (!gate.judges(point)) return undefined;
    const { flow, node } = this.frame as Frame;
    const pack = this.loaded;
    const place = { pack: pack?.name, packHash: pack?.packHash, flow: flow.id, node };
    return gate.check({ ...questionOf(this.ctx, point), ...place, ...about }, this.ctx);
  }

  setVar(name: string, value: JsonValue): void {
    const frame = this.frame as Frame;
    frame.vars = { ...frame.vars, [name]: value };
  }

  /** Whether somebody reads what this conversation is told; nobody does where an event started the flow. */
  get canReply(): boolean {
    return this.ctx.provider !== RELAY;
  }

  /** @throws RUNNER_SEND_UNADDRESSED where nobody reads here */
  requireReader(): void {
    if (!this.canReply)
      throw new GreenticError("RUNNER_SEND_UNADDRESSED", "Send message: no person is here; say whom it is for");
  }

  send(draft: MessageDraft): ChannelMessageEnvelope {
    const { own, others } = destinationsOf(this, draft.to);
    const relayed = others.map((place) => relayMessage(this, { draft, place }));
    this.relayed.push(...relayed);
    const [first] = relayed;
    if (own === undefined && first !== undefined) return first.message;
    this.requireReader();
    admitSaidFiles(this, draft.attachments);
    const message = addressReply(this, { ...draft, to: own });
    this.messages.push(message);
    return message;
  }

  publish({ type, subject, data }: EventDraft): string {
    const hops = (eventOf(this.message)?.greentichops ?? 0) + 1;
    if (hops > MAX_EVENT_HOPS) {
      throw new GreenticError(
        "RUNNER_EVENT_CIRCLE",
        `Publish ${quote(type)}: ${MAX_EVENT_HOPS} events led to one another already`,
      );
    }
    const { env, tenant, team } = this.ctx;
    const event: FlowEvent = {
      specversion: "1.0",
      id: `${this.turnId}-e${this.relayed.length}`,
      type,
      source: `/${env}/${tenant}/${team}/${this.loaded?.name ?? ""}/${this.frame?.flow.id ?? ""}`,
      time: new Date(this.nowMs).toISOString(),
      datacontenttype: "application/json",
      ...(subject === undefined ? {} : { subject }),
      data,
      greentichops: hops,
    };
    this.relayed.push({ kind: "event", event });
    return event.id;
  }

  askApproval({ users, to, untilMs }: ApprovalDraft): string {
    const code = Buffer.from(this.env.world.randomBytes(16)).toString("base64url");
    const here = parseSessionKey(this.lease.key);
    const conversations = (to ?? [{ id: here.conversation }]).map(({ id, channel = here.channel }) => ({
      id,
      channel,
    }));
    const open: OpenApproval = { session: this.lease.key, users, conversations, untilMs };
    this.relayed.push({ kind: "approval", code, open });
    return code;
  }

  inLocale<T>(locale: string, render: () => T): T {
    const own = this.locale;
    this.locale = locale;
    try {
      return render();
    } finally {
      this.locale = own;
    }
  }

  noteCall(call: { readonly target: string; readonly stats?: CallStats | undefined }): void {
    this.called = call;
  }

  /** Tells the operator, without what the person has just said. */
  log(level: "debug" | "info" | "warn" | "error", message: string): void {
    const { frame, message: said } = this;
    const ctx = frame === undefined ? this.ctx : { ...this.ctx, flow: frame.flow.id, node: frame.node };
    const words = [said?.text ?? "", (said?.extensions ?? {}) as JsonObject];
    this.env.log(ctx, level, maskValues(message, words));
  }

  /** Tells observers and the report how a node ended. */
  protected ended(end: NodeEnd): void {
    const { observe, world } = this.env;
    if (observe === undefined && this.steps === undefined) return;
    const frame = this.frame as Frame;
    const { node, outcome, status, error } = end;
    const durationMs = world.monotonicMs() - this.startedMs;
    const operation = node.compiled.ir.kind;
    if (this.steps !== undefined) {
      const step: OpenStep = {
        flow: frame.flow.id,
        node: node.id,
        kind: operation,
        outcome: outcome === "ok" ? status : outcome,
        durationMs,
      };
      if (this.called?.stats !== undefined) step.stats = this.called.stats;
      this.steps.push(step);
    }
    if (observe === undefined) return;
    const wrote = this.#newWrites();
    observe({
      kind: "node.ended",
      ctx: this.ctx,
      flow: frame.flow.id,
      node: node.id,
      operation,
      outcome,
      status,
      atMs: world.nowMs(),
      durationMs,
      ...(error === undefined ? {} : { errorCode: error.code }),
      ...(this.called === undefined ? {} : { target: this.called.target }),
      ...(this.called?.stats === undefined ? {} : { cost: costOf(this.called.stats) }),
      ...(wrote.length === 0 ? {} : { wrote }),
    });
  }

  #newWrites(): readonly string[] {
    const wrote: string[] = [];
    for (const { key, value } of this.working.changes()) {
      if (this.#told.has(key) && this.#told.get(key) === value) continue;
      this.#told.set(key, value);
      wrote.push(key);
    }
    return wrote;
  }
}

function costOf({ wallMs, fuel, peakMemoryBytes, hostCalls }: CallStats): ComponentCost {
  return { wallMs, fuel, peakMemoryBytes, hostCalls: hostCalls.length };
}
