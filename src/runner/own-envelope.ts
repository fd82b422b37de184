import type { Provider, ReceivedMessage } from "../messaging/index.ts";
import type { ChannelMessageEnvelope, JsonValue, SessionKeyText } from "../types/index.ts";
import { conversationId, formatSessionKey, isJsonObject, userId } from "../types/index.ts";
import type { FlowChoice } from "./runtime.ts";
import { readLocale } from "./turn-scope.ts";

/** The envelope's extension that carries a {@link FlowChoice} through the inbox; only the runtime writes it. */
const REQUEST_EXTENSION = "greentic.request";

/** The flow that a message's caller chose. */
export function choiceOf(message: ChannelMessageEnvelope | undefined): FlowChoice | undefined {
  const request = message?.extensions?.[REQUEST_EXTENSION] as JsonValue | undefined;
  const choice = request !== undefined && isJsonObject(request) ? request["choice"] : undefined;
  return choice !== undefined && isJsonObject(choice) ? choice : undefined;
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
  choice: FlowChoice | undefined,
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
  if (isOwn && !isForged && choice === undefined && (locale === undefined || envelope.metadata["locale"] === locale))
    return envelope;
  const { [REQUEST_EXTENSION]: _forged, ...extensions } = envelope.extensions ?? {};
  return {
    ...envelope,
    channel,
    tenant: { env, tenant, team, user: message.user },
    metadata: locale === undefined ? envelope.metadata : { ...envelope.metadata, locale },
    ...(envelope.extensions === undefined && choice === undefined
      ? {}
      : {
          extensions:
            choice === undefined ? extensions : { ...extensions, [REQUEST_EXTENSION]: { choice: { ...choice } } },
        }),
  };
}
