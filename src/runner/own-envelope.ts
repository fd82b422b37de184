import type { Provider, ReceivedMessage } from "../messaging/index.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue, SessionKeyText } from "../types/index.ts";
import { conversationId, formatSessionKey, isJsonObject, userId } from "../types/index.ts";
import type { FlowChoice } from "./runtime.ts";
import { readLocale } from "./turn-scope.ts";

/** What a caller that waits for a turn asks of it. */
export interface WaitedFor {
  readonly choice: FlowChoice | undefined;
  /** Whether the conversation's log keeps the turn's report, for a repeated delivery. */
  readonly report: boolean;
}

/** The envelope's extension that carries {@link WaitedFor} through the inbox; only the runtime writes it. */
const REQUEST_EXTENSION = "greentic.request";

/** The flow that a message's caller chose. */
export function choiceOf(message: ChannelMessageEnvelope | undefined): FlowChoice | undefined {
  const choice = requestOf(message)?.["choice"];
  return choice !== undefined && isJsonObject(choice) ? choice : undefined;
}

/** Tells whether the conversation's log keeps the report of a message's turn. */
export function wantsReport(message: ChannelMessageEnvelope | undefined): boolean {
  return requestOf(message)?.["report"] === true;
}

function requestOf(message: ChannelMessageEnvelope | undefined): JsonObject | undefined {
  const request = message?.extensions?.[REQUEST_EXTENSION] as JsonValue | undefined;
  return request !== undefined && isJsonObject(request) ? request : undefined;
}

/** The session that a message belongs to. @throws TYPES_KEY_INVALID */
export function sessionKeyOf(provider: Provider, message: ReceivedMessage): SessionKeyText {
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
  request: WaitedFor | undefined,
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
      : { extensions: request === undefined ? extensions : { ...extensions, [REQUEST_EXTENSION]: encode(request) } }),
  };
}

function encode({ choice, report }: WaitedFor): JsonObject {
  return { report, ...(choice === undefined ? {} : { choice: { ...choice } }) };
}
