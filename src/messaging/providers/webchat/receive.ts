import { hash } from "node:crypto";
import type { ChannelMessageEnvelope, JsonObject } from "../../../types/index.ts";
import { isJsonObject } from "../../../types/index.ts";
import type { ChannelAddress, ReceivedMessage } from "../../provider.ts";
import { localeIn, submittedFields } from "../../submitted-fields.ts";
import type { PostedActivity } from "./activity.ts";

/** Who speaks, as the conversation's token says; nothing of it comes from the body. */
export interface Speaker {
  readonly conversation: string;
  readonly user: string;
  /** What the page or its header tells; the activity's own locale wins. */
  readonly locale?: string | undefined;
}

/**
 * Normalises a posted activity. The dedupe key is that of (conversation, user, clientActivityID); without a client id it is
 * a fresh id, and a repeated post counts as a new message.
 */
export function receiveActivity(
  address: ChannelAddress,
  activity: Extract<PostedActivity, { kind: "said" }>,
  options: { readonly speaker: Speaker; readonly freshId: () => string; readonly nowMs: number },
): ReceivedMessage {
  const { speaker } = options;
  const { clientActivityId, value, text, name } = activity;
  const dedupeKey =
    clientActivityId === undefined
      ? `dl:${options.freshId()}`
      : `dl:${hash("sha256", JSON.stringify([speaker.conversation, speaker.user, clientActivityId]), "base64url")}`;
  const locale = localeIn(activity.locale) ?? localeIn(speaker.locale);
  const channelData: JsonObject | undefined =
    value === undefined ? activity.channelData : { ...activity.channelData, value };
  const envelope: ChannelMessageEnvelope = {
    id: dedupeKey,
    tenant: { env: address.env, tenant: address.tenant, team: address.team, user: speaker.user },
    channel: address.channel,
    session_id: speaker.conversation,
    reply_scope: { conversation: speaker.conversation },
    from: { id: speaker.user, kind: "user" },
    ...(text === undefined ? {} : { text }),
    attachments: activity.attachments,
    metadata: {
      ...(isJsonObject(value) ? submittedFields(value) : {}),
      ...(activity.type === "event" ? { event: name ?? "" } : {}),
      ...(activity.type === "endOfConversation" ? { event: activity.type } : {}),
      ...(locale === undefined ? {} : { locale }),
      universal: "true",
    },
    ...(channelData === undefined ? {} : { extensions: { channel_data: channelData } }),
  };
  return {
    envelope,
    dedupeKey,
    conversation: speaker.conversation,
    user: speaker.user,
    ...(locale === undefined ? {} : { locale }),
    log: logOf(activity, speaker, options.nowMs),
  };
}

/** The activity as the conversation's own log keeps it and the sender gets it back. */
function logOf(activity: Extract<PostedActivity, { kind: "said" }>, speaker: Speaker, nowMs: number): JsonObject {
  return {
    type: activity.type,
    from: { id: speaker.user, role: "user" },
    timestamp: new Date(nowMs).toISOString(),
    ...(activity.text === undefined ? {} : { text: activity.text }),
    ...(activity.name === undefined ? {} : { name: activity.name }),
    ...(activity.value === undefined ? {} : { value: activity.value }),
    ...(activity.locale === undefined ? {} : { locale: activity.locale }),
    ...(activity.channelData === undefined ? {} : { channelData: activity.channelData }),
    ...(activity.replyToId === undefined ? {} : { replyToId: activity.replyToId }),
    ...(activity.attachments.length === 0
      ? {}
      : {
          attachments: activity.attachments.map((attachment) => ({
            contentType: attachment.mime_type,
            ...(attachment.url === undefined ? {} : { contentUrl: attachment.url }),
            ...(attachment.content === undefined ? {} : { content: attachment.content }),
            ...(attachment.name === undefined ? {} : { name: attachment.name }),
          })),
        }),
  };
}
