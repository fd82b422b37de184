import type { BusMessage } from "../bus/index.ts";
import { subjectOfSession } from "../bus/index.ts";
import type { Provider } from "../messaging/index.ts";
import { TokenBuckets } from "../messaging/index.ts";
import { channelOf, conversationOf } from "../session/index.ts";
import type { JsonObject, SessionKeyText, World } from "../types/index.ts";
import { isJsonObject, parseSessionKey } from "../types/index.ts";
import type { Trigger } from "./trigger.ts";
import type { WakeUpsOptions } from "./wake-ups.ts";

/** How long a turn runs before anybody is told, and how often then: platforms show a sign for five seconds or more. */
const AFTER_MS = 1_000;
const EVERY_MS = 4_000;
/** Signs of one channel: many turns that take long must not keep its platform busy with them. */
const PACE = { capacity: 5, perMs: 5 / 1_000 };

/** What a sign is about: names of the platform's, never what was said. */
export interface Typing {
  readonly replyTo?: string;
  readonly correlation?: string;
}

/** Calls `tell` while a turn that somebody's message began takes longer than a second. Returns how to stop. */
export function watchTyping(
  turn: { readonly lease: { readonly key: SessionKeyText }; readonly trigger: Trigger },
  world: Pick<World, "schedule">,
  tell: (key: SessionKeyText, typing: Typing, signal: AbortSignal) => void,
): () => void {
  const { trigger, lease } = turn;
  if (trigger.kind !== "message") return () => undefined;
  const { reply_to: replyTo, correlation } = trigger.entry.envelope.reply_scope ?? {};
  const typing = {
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(correlation === undefined ? {} : { correlation }),
  };
  const over = new AbortController();
  const next = (): void => {
    tell(lease.key, typing, over.signal);
    cancel = world.schedule(EVERY_MS, next);
  };
  let cancel = world.schedule(AFTER_MS, next);
  return () => {
    cancel();
    over.abort();
  };
}

/** Who shows typing signs: the process that sends by a channel, or the gateways whose streams show a conversation's log. */
export class TypingSigns {
  readonly #options: Pick<WakeUpsOptions, "bus" | "roles" | "providers" | "world">;
  readonly #buckets = new TokenBuckets(PACE);
  readonly #watchers = new Map<string, Set<() => void>>();

  constructor(options: Pick<WakeUpsOptions, "bus" | "roles" | "providers" | "world">) {
    this.#options = options;
  }

  /** Calls `listener` while a turn of a conversation takes long. Returns how to stop. */
  watch(conversation: string, listener: () => void): () => void {
    const watchers = this.#watchers.get(conversation) ?? new Set();
    watchers.add(listener);
    this.#watchers.set(conversation, watchers);
    return () => {
      watchers.delete(listener);
      if (watchers.size === 0 && this.#watchers.get(conversation) === watchers) this.#watchers.delete(conversation);
    };
  }

  /** Shows a turn's sign, here or by whoever has the channel's credentials; told nowhere and lost without a trace where nobody can. */
  tell(key: SessionKeyText, typing: Typing, signal: AbortSignal): void {
    const { bus, roles, providers } = this.#options;
    const provider = providers.get(channelOf(key));
    if (provider?.delivery.kind === "log") {
      this.#notify(key);
      if (roles.has("gateway") && !bus.isShared) return;
    } else if (provider?.showTyping === undefined) return;
    else if (roles.has("egress")) return this.#show(provider, key, { typing, signal });
    bus.publish(subjectOfSession("typing", key), { key, ...typing });
  }

  /** Takes another process's sign; a key counts on its own channel's subject alone. */
  hear({ subject, payload }: BusMessage, role: "gateway" | "egress"): void {
    const { key, replyTo, correlation }: JsonObject = isJsonObject(payload) ? payload : {};
    if (typeof key !== "string" || !isOwn(subject, key)) return;
    const provider = this.#options.providers.get(channelOf(key as SessionKeyText));
    if (role === "gateway" && provider?.delivery.kind === "log") this.#notify(key as SessionKeyText);
    if (role !== "egress" || provider === undefined) return;
    const typing = {
      ...(typeof replyTo === "string" && { replyTo }),
      ...(typeof correlation === "string" && { correlation }),
    };
    this.#show(provider, key as SessionKeyText, { typing, signal: new AbortController().signal });
  }

  #show(
    provider: Provider,
    key: SessionKeyText,
    { typing, signal }: { readonly typing: Typing; readonly signal: AbortSignal },
  ): void {
    if (provider.showTyping === undefined) return;
    const nowMs = this.#options.world.nowMs();
    if (!this.#buckets.of(channelOf(key), nowMs).take(nowMs)) return;
    const { conversation } = parseSessionKey(key);
    // A sign that can't be shown is none: the turn and its reply go on.
    provider.showTyping({ conversation, ...typing, signal }).catch(() => undefined);
  }

  #notify(key: SessionKeyText): void {
    for (const listener of this.#watchers.get(conversationOf(key)) ?? []) listener();
  }
}

function isOwn(subject: string, key: string): boolean {
  try {
    return subjectOfSession("typing", key as SessionKeyText) === subject;
  } catch {
    return false;
  }
}
