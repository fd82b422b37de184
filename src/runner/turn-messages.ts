import { hash } from "node:crypto";
import type { Delivery } from "../messaging/index.ts";
import type {
  ChannelMessageEnvelope,
  Destination,
  EnvelopeTenant,
  JsonObject,
  JsonValue,
  ReplyScope,
} from "../types/index.ts";
import { conversationId, GreenticError, isJsonObject, quote } from "../types/index.ts";
import type { DraftDestination, MessageDraft } from "./kinds/kind.ts";
import type { Relayed } from "./relay.ts";
import { RELAY } from "./relay.ts";
import type { Trigger } from "./trigger.ts";
import { correlationOf } from "./recorded-report.ts";
import type { TurnBase } from "./turn-base.ts";

/**
 * Names a turn by the session and what made it run. A message is consumed by exactly one turn, so this is unique, and a turn
 * that runs again after a crash gets the same name: ids of replies and idempotency keys of effects are made from it.
 */
export function turnIdOf(key: string, trigger: Trigger): string {
  const cause =
    trigger.kind === "message"
      ? `m\n${trigger.entry.dedupeKey}\n${trigger.entry.receivedAtMs}\n${trigger.entry.order}`
      : `t\n${trigger.timer.onceKey}\n${trigger.timer.dueAtMs}`;
  return hash("sha256", `${key}\n${cause}`, "hex").slice(0, 32);
}

/** Where replies of a session go when no message is at hand: kept while a session waits, for timers. */
export interface ReplyAddress {
  readonly tenant: EnvelopeTenant;
  readonly channel: string;
  readonly sessionId: string;
  readonly replyScope: ReplyScope | undefined;
  readonly to: string | undefined;
}

/** Reads the address of whoever wrote. */
export function addressOf(message: ChannelMessageEnvelope): ReplyAddress {
  return {
    tenant: message.tenant,
    channel: message.channel,
    sessionId: message.session_id,
    replyScope: message.reply_scope,
    to: message.from?.id,
  };
}

/** Writes an address as a snapshot keeps it. */
export function encodeAddress(address: ReplyAddress): JsonObject {
  return {
    id: address.sessionId,
    ...(address.replyScope === undefined ? {} : { scope: { ...address.replyScope } }),
    ...(address.to === undefined ? {} : { to: address.to }),
  };
}

/** Reads an address back; tenant and channel are the session's own. */
export function decodeAddress(
  value: JsonValue | undefined,
  own: { readonly tenant: EnvelopeTenant; readonly channel: string },
): ReplyAddress {
  const kept = value !== undefined && isJsonObject(value) ? value : {};
  return {
    ...own,
    sessionId: typeof kept["id"] === "string" ? kept["id"] : "",
    replyScope: isJsonObject(kept["scope"] ?? null) ? (kept["scope"] as unknown as ReplyScope) : undefined,
    to: typeof kept["to"] === "string" ? kept["to"] : undefined,
  };
}

/** Another conversation of the team. */
interface Place {
  readonly channel: string;
  readonly to: Destination;
}

/**
 * Tells which of a draft's destinations are this conversation, and which are others. Where replies are the answer to a caller, a
 * destination without a channel is the caller's business.
 * @throws RUNNER_CHANNEL_MISSING where a channel isn't the team's, or can't be written to
 */
export function destinationsOf(
  turn: TurnBase,
  to: readonly DraftDestination[] | undefined,
): { readonly own: readonly Destination[] | undefined; readonly others: readonly Place[] } {
  if (to === undefined) return { own: undefined, others: [] };
  const { env, tenant, team } = turn.ctx;
  const { address } = turn;
  const deliveryOf = (channel: string): Delivery["kind"] | undefined =>
    turn.env.providerOf(`${env}:${tenant}:${team}:${channel}`)?.delivery.kind;
  const own: Destination[] = [];
  const others: Place[] = [];
  for (const { channel: named, ...destination } of to) {
    const channel = named ?? address.channel;
    const isHere = [address.sessionId, address.to, address.replyScope?.conversation].includes(destination.id);
    const isOwn = channel === address.channel && turn.canReply;
    if (isOwn && (isHere || (named === undefined && deliveryOf(channel) === "answer"))) {
      own.push(destination);
      continue;
    }
    const delivery = channel === RELAY ? undefined : deliveryOf(channel);
    if (delivery === undefined || delivery === "answer" || delivery === "none") {
      throw new GreenticError(
        "RUNNER_CHANNEL_MISSING",
        `Send message to ${quote(destination.id)}: the team has no channel ${quote(channel)} that can be written to`,
      );
    }
    others.push({ channel, to: destination });
  }
  return { own: own.length === 0 ? undefined : own, others };
}

/** Makes a message for another conversation. @throws TYPES_KEY_INVALID */
export function relayMessage(
  turn: TurnBase,
  { draft, place }: { readonly draft: MessageDraft; readonly place: Place },
): Relayed & { readonly kind: "message" } {
  const conversation = conversationId(place.to.id);
  const { reply_scope: _scope, ...message } = addressReply(turn, { ...draft, to: [place.to] });
  const id = `${turn.turnId}-r${turn.relayed.length}-${place.channel}-${place.to.id}`.slice(0, 200);
  return {
    kind: "message",
    channel: place.channel,
    conversation,
    message: { ...message, id, channel: place.channel, session_id: place.to.id },
  };
}

/** Makes the envelope of a reply. */
export function addressReply(
  turn: TurnBase,
  draft: MessageDraft,
  index = turn.messages.length,
): ChannelMessageEnvelope {
  const { tenant, channel, sessionId, replyScope, to } = turn.address;
  const message = turn.message;
  return {
    id: `${turn.turnId}-${index}`,
    tenant,
    channel,
    session_id: sessionId,
    ...(replyScope === undefined ? {} : { reply_scope: replyScope }),
    ...(draft.to === undefined ? (to === undefined ? {} : { to: [{ id: to }] }) : { to: draft.to }),
    correlation_id: message === undefined ? turn.turnId : correlationOf(message),
    ...(draft.text === undefined ? {} : { text: draft.text }),
    attachments: draft.attachments ?? [],
    metadata: { locale: turn.locale },
    ...(draft.extensions === undefined ? {} : { extensions: draft.extensions }),
  };
}
