import { hash } from "node:crypto";
import type { Bus } from "../bus/index.ts";
import { subjectOf } from "../bus/index.ts";
import type { ChannelAddress, Provider, ReceivedMessage } from "../messaging/index.ts";
import type { SendResult } from "../session/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue, World } from "../types/index.ts";
import { channelId, isGreenticError, isRetryable, parseSessionKey } from "../types/index.ts";
import type { ApprovalNote, Decision, OpenApproval, Verdict } from "./approvals.ts";
import { conversationOfApproval } from "./approvals.ts";
import type { FlowEvent } from "./event-flows.ts";
import { subscribersOf } from "./event-flows.ts";
import type { LoadedPack } from "./loaded-pack.ts";
import type { OwnRequest } from "./own-envelope.ts";

/** The channel that carries events and messages from one session to others of the same team. */
export const RELAY = channelId("greentic-relay");

/** What a turn hands on: an event for whatever flows want it, or a message for another conversation. */
export type Relayed =
  | { readonly kind: "event"; readonly event: FlowEvent }
  | {
      readonly kind: "message";
      readonly channel: string;
      readonly conversation: string;
      readonly message: ChannelMessageEnvelope;
    }
  /** Word of a message that the channel has to fetch. */
  | { readonly kind: "notice"; readonly channel: string; readonly notice: JsonValue }
  | OperatorRecord
  /** An approval that is asked for, for its own session. */
  | { readonly kind: "approval"; readonly code: string; readonly open: OpenApproval }
  /** Somebody's word on an approval, for its own session. */
  | {
      readonly kind: "verdict";
      readonly code: string;
      readonly verdict: Verdict;
      readonly reply: Pick<ChannelMessageEnvelope, "reply_scope" | "to">;
    }
  /** What was decided, for the session that waits for it. */
  | { readonly kind: "decision"; readonly session: string; readonly decision: Decision & { readonly code: string } };

/** What an operator should find among the dead letters though no unread message is behind it. */
export interface OperatorRecord {
  readonly kind: "record";
  readonly code: string;
  readonly detail: JsonObject;
}

export interface RelayOptions {
  readonly world: World;
  readonly bus: Bus;
  readonly packsFor: (teamKey: string) => readonly LoadedPack[];
  readonly providerOf: (channelKey: string) => Provider | undefined;
  readonly accept: (provider: Provider, message: ReceivedMessage, request: OwnRequest | undefined) => Promise<void>;
}

/** Who a relayed message's session belongs to: nobody writes under this name, so no flow waits there. */
export const RELAY_USER = "greentic";
const DEDUPE_TTL_MS = 7 * 86_400_000;
const RETRY_MS = 1_000;

/**
 * Makes the relay of one team. Its outbox rows become inbox entries of other sessions; the entries' dedupe keys are the events' and
 * messages' own ids, so that a row that is sent twice arrives once.
 */
export function createRelay(address: ChannelAddress, options: RelayOptions): Provider {
  const relay: Provider = {
    type: "relay",
    address,
    // What an event's flow says, it says to somebody: nothing leaves by this channel itself.
    delivery: { kind: "log" },
    dedupeTtlMs: DEDUPE_TTL_MS,
    isOneOff: true,
    project: () => [],
    send: async (payload, { idempotencyKey, signal, attempt = 0 }): Promise<SendResult> => {
      const relayed = payload as unknown as Relayed;
      try {
        if (relayed.kind === "event") return await sendEvent(relayed.event, { relay, options });
        if (relayed.kind === "message") return await sendMessage(relayed, { relay, options });
        if (relayed.kind === "notice") return await sendNotice(relayed, { relay, options, signal, attempt });
        if (relayed.kind === "record") return await sendRecord(relayed, { relay, options, name: idempotencyKey });
        if (relayed.kind === "decision") return await sendDecision(relayed, { relay, options, name: idempotencyKey });
        return await sendNote(relayed, { relay, options, name: idempotencyKey });
      } catch (error) {
        if (!isGreenticError(error)) throw error;
        if (!isRetryable(error.kind)) return { kind: "failed", error: error.code };
        return { kind: "retry", error: error.code, notBeforeMs: options.world.nowMs() + RETRY_MS };
      }
    },
  };
  return relay;
}

interface Sending {
  readonly relay: Provider;
  readonly options: RelayOptions;
}

async function sendEvent(event: FlowEvent, { relay, options }: Sending): Promise<SendResult> {
  const { env, tenant, team } = relay.address;
  for (const { pack, flow, entry } of subscribersOf(options.packsFor(`${env}:${tenant}:${team}`), event.type, team)) {
    // Names from outside are unique within their source only.
    const id = event.greentichops === 0 ? `${event.source}\n${event.id}` : event.id;
    const name = hash("sha256", `${id}\n${pack.name}\n${flow.id}`, "hex").slice(0, 32);
    const envelope: ChannelMessageEnvelope = {
      id: event.id,
      tenant: { env, tenant, team },
      channel: RELAY,
      session_id: name,
      text: "",
      attachments: [],
      metadata: {},
      correlation_id: event.id,
    };
    const choice = { pack: pack.name, flow: flow.id, ...(entry === undefined ? {} : { entry }) };
    await acceptOnce(
      options,
      relay,
      { envelope, dedupeKey: name, conversation: name, user: RELAY_USER },
      { choice, event },
    );
  }
  options.bus.publish(subjectOf("event", relay.address), event);
  return { kind: "sent" };
}

/** Hands a message on under a name that outlives every repetition of its row, however soon its channel forgets deliveries. */
async function acceptOnce(
  { accept }: RelayOptions,
  provider: Provider,
  message: ReceivedMessage,
  request: OwnRequest | undefined,
): Promise<void> {
  const dedupeTtlMs = Math.max(message.dedupeTtlMs ?? provider.dedupeTtlMs, DEDUPE_TTL_MS);
  await accept(provider, { ...message, dedupeTtlMs }, request);
}

/** Lets the channel fetch what it was told of; the messages' own names make a repetition harmless. */
async function sendNotice(
  { channel, notice }: Relayed & { readonly kind: "notice" },
  { relay, options, signal, attempt }: Sending & { readonly signal: AbortSignal; readonly attempt: number },
): Promise<SendResult> {
  const { env, tenant, team } = relay.address;
  const provider = options.providerOf(`${env}:${tenant}:${team}:${channel}`);
  if (provider?.complete === undefined) return { kind: "failed", error: "RUNNER_CHANNEL_MISSING" };
  const completed = await provider.complete(notice, { signal, attempt });
  if (completed.kind !== "messages") return completed;
  for (const message of completed.messages) await acceptOnce(options, provider, message, undefined);
  return { kind: "sent" };
}

/** A record is a message that dies when its turn comes, so that it is kept, listed and dropped as other dead letters are. */
async function sendRecord(
  { code, detail }: OperatorRecord,
  { relay, options, name }: Sending & { readonly name: string },
): Promise<SendResult> {
  const { env, tenant, team } = relay.address;
  const envelope: ChannelMessageEnvelope = {
    id: name,
    tenant: { env, tenant, team },
    channel: RELAY,
    session_id: name,
    text: "",
    attachments: [],
    metadata: {},
    extensions: { "greentic.record": detail },
  };
  const message = { envelope, dedupeKey: `record:${name}`, conversation: `record-${name}`, user: RELAY_USER };
  await acceptOnce(options, relay, message, { record: code });
  return { kind: "sent" };
}

async function sendNote(
  note: Relayed & { readonly kind: "approval" | "verdict" },
  { relay, options, name }: Sending & { readonly name: string },
): Promise<SendResult> {
  const { env, tenant, team } = relay.address;
  const conversation = conversationOfApproval(note.code);
  const envelope: ChannelMessageEnvelope = {
    id: name,
    tenant: { env, tenant, team },
    channel: RELAY,
    session_id: conversation,
    text: "",
    attachments: [],
    metadata: {},
    ...(note.kind === "verdict"
      ? { extensions: { "greentic.reply": { ...note.reply } as unknown as JsonObject } }
      : {}),
  };
  const said: ApprovalNote =
    note.kind === "approval"
      ? { kind: "open", open: note.open }
      : { kind: "verdict", code: note.code, verdict: note.verdict };
  const message = { envelope, dedupeKey: `approval:${name}`, conversation, user: RELAY_USER };
  await acceptOnce(options, relay, message, { approval: said as unknown as JsonObject });
  return { kind: "sent" };
}

async function sendDecision(
  { session, decision }: Relayed & { readonly kind: "decision" },
  { relay, options, name }: Sending & { readonly name: string },
): Promise<SendResult> {
  const { env, tenant, team } = relay.address;
  const key = parseSessionKey(session);
  // An approval of one team is never another's.
  const isOwn = key.env === env && key.tenant === tenant && key.team === team;
  const provider = isOwn ? options.providerOf(`${env}:${tenant}:${team}:${key.channel}`) : undefined;
  if (provider === undefined) return { kind: "failed", error: "RUNNER_CHANNEL_MISSING" };
  const envelope: ChannelMessageEnvelope = {
    id: name,
    tenant: { env, tenant, team },
    channel: key.channel,
    session_id: key.conversation,
    text: "",
    attachments: [],
    metadata: {},
  };
  const message = { envelope, dedupeKey: `decision:${name}`, conversation: key.conversation, user: key.user };
  await acceptOnce(options, provider, message, { decision: { ...decision } });
  return { kind: "sent" };
}

async function sendMessage(
  { channel, conversation, message }: Relayed & { readonly kind: "message" },
  { relay, options }: Sending,
): Promise<SendResult> {
  const { env, tenant, team } = relay.address;
  const provider = options.providerOf(`${env}:${tenant}:${team}:${channel}`);
  if (provider === undefined || provider.delivery.kind === "answer" || provider.delivery.kind === "none")
    return { kind: "failed", error: "RUNNER_CHANNEL_MISSING" };
  await acceptOnce(
    options,
    provider,
    { envelope: message, dedupeKey: `relay:${message.id}`, conversation, user: RELAY_USER },
    { relay: true },
  );
  return { kind: "sent" };
}
