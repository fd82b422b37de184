import type { Provider, ReceivedMessage } from "../messaging/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue, SessionKeyText } from "../types/index.ts";
import { conversationId, formatSessionKey, isJsonObject, userId } from "../types/index.ts";
import type { FlowChoice } from "./runtime.ts";
import { readLocale } from "./read-locale.ts";

/** The envelope's extension that carries a {@link FlowChoice} through the inbox; only the runtime writes it. */
const REQUEST_EXTENSION = "greentic.request";

/** What the runtime itself asks of a message's turn. */
export interface OwnRequest {
  /** The flow to run. */
  readonly choice?: FlowChoice;
  /** The event that starts it. */
  readonly event?: JsonObject;
  /** The firing of a schedule that starts it. */
  readonly firing?: JsonObject;
  /** True where the message is to be said, not answered: another session's flow sent it here. */
  readonly relay?: boolean;
  /** What is said to an approval's own session. */
  readonly approval?: JsonObject;
  /** What was decided on an approval that the session waits for. */
  readonly decision?: JsonObject;
  /** How a consent ended that the session waits for. */
  readonly consent?: JsonObject;
  /** What the turn hands on to the team's relay, and does nothing else. */
  readonly handOver?: JsonObject;
  /** True where the tenant's turns were counted already: who called waited for that. */
  readonly paid?: boolean;
  /** The code under which the message is a record for the operator and nothing else. */
  readonly record?: string;
}

const NO_REQUEST: JsonObject = Object.freeze({});

/** Reads what the runtime asked of a message's turn. */
export function requestOf(message: ChannelMessageEnvelope | undefined): JsonObject {
  const request = message?.extensions?.[REQUEST_EXTENSION] as JsonValue | undefined;
  return request !== undefined && isJsonObject(request) ? request : NO_REQUEST;
}

/** The flow that a message's caller chose. */
export function choiceOf(message: ChannelMessageEnvelope | undefined): FlowChoice | undefined {
  const choice = requestOf(message)["choice"];
  return choice !== undefined && isJsonObject(choice) ? choice : undefined;
}

/** The message that another session's flow sent to this conversation; undefined for every other message. */
export function relayedMessage(message: ChannelMessageEnvelope | undefined): ChannelMessageEnvelope | undefined {
  if (message === undefined || requestOf(message)["relay"] !== true) return undefined;
  const { [REQUEST_EXTENSION]: _own, ...extensions } = message.extensions ?? {};
  const { extensions: _all, ...said } = message;
  return Object.keys(extensions).length === 0 ? said : { ...said, extensions };
}

/** How a consent ended that the session's flow waits for; undefined for every other message. */
export function consentOf(message: ChannelMessageEnvelope | undefined): JsonObject | undefined {
  const consent = requestOf(message)["consent"];
  return consent !== undefined && isJsonObject(consent) ? consent : undefined;
}

/** What a message's turn hands on to the relay; undefined for every other message. */
export function handOverOf(message: ChannelMessageEnvelope | undefined): JsonObject | undefined {
  const handOver = requestOf(message)["handOver"];
  return handOver !== undefined && isJsonObject(handOver) ? handOver : undefined;
}

/** The code of an operator's record; undefined for every other message. */
export function recordOf(message: ChannelMessageEnvelope | undefined): string | undefined {
  const record = requestOf(message)["record"];
  return typeof record === "string" ? record : undefined;
}

/** Tells whether a message is the host's own work, which nobody outside asked for by it: policy and quotas judged what led to it. */
export function isHostWork(message: ChannelMessageEnvelope | undefined): boolean {
  const { relay, record, handOver, approval, decision } = requestOf(message);
  return [relay, record, handOver, approval, decision].some((one) => one !== undefined);
}

/** Tells whether a message's turn was counted when it was let in. */
export function isPaid(message: ChannelMessageEnvelope): boolean {
  return requestOf(message)["paid"] === true;
}

/** Tells whether a message only says that the person has ended the conversation. */
export function isGoodbye(message: ChannelMessageEnvelope | undefined): boolean {
  return message?.metadata["event"] === "endOfConversation";
}

/** The session that a message belongs to. @throws TYPES_KEY_INVALID */
export function sessionKeyOf(
  provider: Provider,
  message: Pick<ReceivedMessage, "conversation" | "user">,
): SessionKeyText {
  const { env, tenant, team, channel } = provider.address;
  return formatSessionKey({
    env,
    tenant,
    team,
    channel,
    conversation: conversationId(message.conversation),
    user: userId(message.user),
  });
}

/** The envelope as the inbox keeps it: whose it is comes from the channel's address, what is asked of its turn from our own caller only. */
export function ownEnvelope(
  provider: Provider,
  message: ReceivedMessage,
  request: OwnRequest | undefined,
): ChannelMessageEnvelope {
  const { envelope } = message;
  const { env, tenant, team, channel } = provider.address;
  const locale = readLocale(message.locale) ?? readLocale(envelope.metadata["locale"]);
  const isForged = envelope.extensions !== undefined && REQUEST_EXTENSION in envelope.extensions;
  const isOwn =
    envelope.tenant.env === env &&
    envelope.tenant.tenant === tenant &&
    envelope.tenant.team === team &&
    envelope.channel === channel;
  if (isOwn && !isForged && request === undefined && (locale === undefined || envelope.metadata["locale"] === locale))
    return envelope;
  const { [REQUEST_EXTENSION]: _forged, ...extensions } = envelope.extensions ?? {};
  return {
    ...envelope,
    channel,
    tenant: { env, tenant, team, user: message.user },
    metadata: locale === undefined ? envelope.metadata : { ...envelope.metadata, locale },
    ...(envelope.extensions === undefined && request === undefined
      ? {}
      : {
          extensions:
            request === undefined
              ? extensions
              : { ...extensions, [REQUEST_EXTENSION]: { ...request } as unknown as JsonObject },
        }),
  };
}
