import type { Bus, BusMessage, DeadLetterStage, Unsubscribe } from "../bus/index.ts";
import { deadLetterSubject, subjectOf, subjectOfSession, subjectsBelow } from "../bus/index.ts";
import type { ChannelAddress, Provider, Receipt } from "../messaging/index.ts";
import { channelOf, conversationOf } from "../session/index.ts";
import type { EnvId, JsonValue, SessionKeyText, World } from "../types/index.ts";
import { isJsonObject, parseSessionKey } from "../types/index.ts";
import { Orphans } from "./orphans.ts";
import type { SenderLoop } from "./sender-loop.ts";
import type { TypingSigns } from "./typing-signs.ts";
import type { WorkerLoop } from "./worker-loop.ts";

/** What a process of the host does. */
export type Role = "gateway" | "worker" | "egress";

export interface WakeUpsOptions {
  readonly env: EnvId;
  readonly world: World;
  readonly bus: Bus;
  readonly roles: ReadonlySet<Role>;
  readonly worker: WorkerLoop;
  readonly sender: SenderLoop;
  readonly typing: TypingSigns;
  readonly providers: ReadonlyMap<string, Provider>;
  /** Whether other processes work on the same store. */
  readonly isShared: boolean;
}

/** Wake-ups that a process has in hand at most: what is more than it leases at once stays for others. */
const WORKER_CREDITS = 64;
const SENDER_CREDITS = 16;
/** How often conversations are looked at that nobody may have told of. */
const LOOK_MS = 2_000;
/** Sweeps of several processes announce the same within this time once. */
const SWEEP_SLOT_MS = 1_000;

/** Who is told what, in this process at once and in others over the bus; where the bus fails, looking takes the place of hearing. */
export class WakeUps {
  readonly #options: WakeUpsOptions;
  readonly #watchers = new Map<string, Set<() => void>>();
  readonly #subscriptions: Unsubscribe[] = [];
  readonly #orphans = new Orphans();
  #isRunning = false;
  #wasDeaf = false;
  #cancelLook: (() => void) | undefined;

  constructor(options: WakeUpsOptions) {
    this.#options = options;
  }

  /** Listens as the roles ask. */
  start(): void {
    this.#isRunning = true;
    const { bus, env, roles, sender, isShared, typing } = this.#options;
    if (roles.has("worker")) {
      const options = { group: "workers", credits: WORKER_CREDITS };
      const take = (message: BusMessage): Promise<void> => this.#onIngress(message);
      this.#subscriptions.push(bus.subscribe(subjectsBelow("ingress", { env }), take, options));
    }
    if (roles.has("egress")) {
      const options = { group: "senders", credits: SENDER_CREDITS };
      this.#subscriptions.push(bus.subscribe(subjectsBelow("egress", { env }), () => sender.offer(), options));
      this.#subscriptions.push(
        bus.subscribe(subjectsBelow("receipt", { env }), (message) => this.#onReceipts(message)),
      );
      sender.wake();
    }
    if (roles.has("egress") && !roles.has("worker")) {
      const hear = (message: BusMessage): void => typing.hear(message, "egress");
      this.#subscriptions.push(bus.subscribe(subjectsBelow("typing", { env }), hear, { group: "typists" }));
    }
    if (roles.has("gateway")) {
      if (bus.isShared || !roles.has("worker"))
        this.#subscriptions.push(
          bus.subscribe(subjectsBelow("typing", { env }), (message) => typing.hear(message, "gateway")),
        );
      this.#subscriptions.push(bus.subscribe(subjectsBelow("log", { env }), (message) => this.#onLog(message)));
      if (isShared) this.#lookLater();
    }
  }

  /** Listens no more; telling goes on. */
  stop(): void {
    this.#isRunning = false;
    this.#cancelLook?.();
    for (const unsubscribe of this.#subscriptions) unsubscribe();
  }

  /** Calls `listener` after commits to a conversation. Returns how to stop. */
  watch(conversation: string, listener: () => void): () => void {
    const watchers = this.#watchers.get(conversation) ?? new Set();
    watchers.add(listener);
    this.#watchers.set(conversation, watchers);
    return () => {
      watchers.delete(listener);
      if (watchers.size === 0 && this.#watchers.get(conversation) === watchers) this.#watchers.delete(conversation);
    };
  }

  /** Wakes a worker for a session that got a message, here or elsewhere; `id` names the delivery. */
  accepted(key: SessionKeyText, id: string): void {
    const { bus, roles, worker, isShared } = this.#options;
    if (!this.#isRunning || !roles.has("worker")) bus.publish(subjectOfSession("ingress", key), { key }, { id });
    else if (isShared && worker.isFull) bus.publish(subjectOfSession("ingress", key), { key }, { id });
    else worker.wake(key);
  }

  /** Wakes a worker for a session that a sweep found. */
  overdue(key: SessionKeyText): void {
    const { bus, roles, worker } = this.#options;
    if (this.#isRunning && roles.has("worker")) {
      if (this.#isServed(key)) worker.wake(key);
    } else bus.publish(subjectOfSession("ingress", key), { key }, { id: `${key} ${this.#slot()}` });
  }

  /** Wakes a sender for rows that a commit added to a session, or that a sweep found anywhere. */
  sends(key: SessionKeyText | undefined): void {
    const { bus, roles, sender, providers } = this.#options;
    if (this.#isRunning && roles.has("egress")) sender.wake();
    else if (key !== undefined) bus.publish(subjectOfSession("egress", key), {});
    else {
      for (const { address, delivery } of providers.values()) {
        if (delivery.kind !== "send") continue;
        const subject = subjectOf("egress", address);
        bus.publish(subject, {}, { id: `${subject} ${this.#slot()}` });
      }
    }
  }

  /** Tells who watches a session's conversation, in this process and in others. */
  logged(key: SessionKeyText): void {
    const { bus, roles } = this.#options;
    const isAlone = roles.size === 3 && !bus.isShared;
    if (isAlone && this.#watchers.size === 0) return;
    const conversation = conversationOf(key);
    this.#notify(conversation);
    if (!isAlone) bus.publish(subjectOfSession("log", key), { conversation });
  }

  /**
   * Tells of what a platform said of its sends: the process that has one of them in doubt is any that sends. What it took and then gave
   * up is announced as what died on its way out.
   */
  receipts(provider: Provider, receipts: readonly Receipt[]): void {
    const { bus, roles } = this.#options;
    provider.noteReceipts?.(receipts);
    for (const receipt of receipts) {
      if (receipt.kind === "failed")
        this.#announce(provider.address, { stage: "egress", id: receipt.idempotencyKey, code: receipt.error });
    }
    if (bus.isShared || !roles.has("egress"))
      bus.publish(subjectOf("receipt", provider.address), { receipts: receipts as unknown as JsonValue });
  }

  /** Announces what died on its way: codes and names, never what was said. */
  died(
    key: SessionKeyText,
    letter: { readonly stage: DeadLetterStage; readonly id: string; readonly code: string },
  ): void {
    this.#announce(parseSessionKey(key), letter);
  }

  #announce(
    { env, tenant, team, channel }: ChannelAddress,
    { stage, id, code }: { readonly stage: DeadLetterStage; readonly id: string; readonly code: string },
  ): void {
    const { bus, world } = this.#options;
    bus.publish(deadLetterSubject(tenant, stage), {
      env,
      tenant,
      team,
      stage,
      platform: channel,
      msg_id: id,
      ts: new Date(world.nowMs()).toISOString(),
      error: { code },
    });
  }

  /** A session's key counts only on its own channel's subject: who may publish for one tenant wakes no other's sessions. */
  async #onIngress({ subject, payload }: BusMessage): Promise<void> {
    const key = isJsonObject(payload) ? payload["key"] : undefined;
    if (typeof key !== "string" || !isOn(subject, "ingress", key) || !this.#isServed(key as SessionKeyText)) return;
    await this.#options.worker.offer(key as SessionKeyText);
  }

  /**
   * Whether this process is to take the session: it has the channel, or nobody has had it for long. Where others may have it, what this
   * one hasn't is theirs: configurations change one process after the other.
   */
  #isServed(key: SessionKeyText): boolean {
    const { isShared, providers, world } = this.#options;
    if (!isShared || providers.has(channelOf(key))) return true;
    return this.#orphans.isOne(key, world.monotonicMs());
  }

  /** A receipt counts for the channel on whose subject it came. */
  #onReceipts({ subject, payload }: BusMessage): void {
    const list = isJsonObject(payload) && Array.isArray(payload["receipts"]) ? payload["receipts"] : [];
    const receipts = (list as readonly JsonValue[]).filter(isReceipt);
    for (const provider of this.#options.providers.values()) {
      if (provider.noteReceipts !== undefined && subjectOf("receipt", provider.address) === subject)
        provider.noteReceipts(receipts);
    }
  }

  #onLog({ subject, payload }: BusMessage): void {
    const conversation = isJsonObject(payload) ? payload["conversation"] : undefined;
    if (typeof conversation === "string" && isOn(subject, "log", `${conversation}:_`)) this.#notify(conversation);
  }

  #notify(conversation: string): void {
    for (const listener of this.#watchers.get(conversation) ?? []) listener();
  }

  /** What is committed while this process can't hear of it shows by looking: at intervals until it can, and once more then. */
  #lookLater(): void {
    const { bus, world } = this.#options;
    this.#cancelLook = world.schedule(LOOK_MS, () => {
      const isDeaf = !bus.isShared || !bus.isReady;
      if (isDeaf || this.#wasDeaf) for (const conversation of this.#watchers.keys()) this.#notify(conversation);
      this.#wasDeaf = isDeaf;
      this.#lookLater();
    });
  }

  #slot(): number {
    return Math.floor(this.#options.world.nowMs() / SWEEP_SLOT_MS);
  }
}

function isReceipt(value: JsonValue): value is JsonValue & Receipt {
  return (
    isJsonObject(value) &&
    (value["kind"] === "sent" || value["kind"] === "failed") &&
    typeof value["idempotencyKey"] === "string"
  );
}

function isOn(subject: string, kind: "ingress" | "log", key: string): boolean {
  try {
    return subjectOfSession(kind, key as SessionKeyText) === subject;
  } catch {
    return false;
  }
}
