import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../../../types/index.ts";
import { isJsonObject } from "../../../types/index.ts";
import type { ChannelAddress, ReceivedMessage } from "../../provider.ts";

/** What reading needs to know of the channel. */
export interface SlackIdentity {
  readonly address: ChannelAddress;
  /** The workspace that it is for; others' requests are refused. */
  readonly workspace?: string | undefined;
  /** Whether everything said in channels is taken in, not only what mentions the worker. */
  readonly hearsAll: boolean;
}

/** Where and by whom something was said, and its name. */
export interface SlackSource {
  readonly dedupeKey: string;
  readonly channel: string;
  readonly thread?: string | undefined;
  readonly user: string;
  readonly userName?: string | undefined;
  readonly replyTo?: string | undefined;
}

/** Builds the message of a source. */
export function messageOf(
  source: SlackSource,
  said: Partial<Pick<ChannelMessageEnvelope, "text" | "attachments" | "metadata" | "extensions">>,
  { address }: SlackIdentity,
): ReceivedMessage {
  const { channel, thread, user, userName, dedupeKey, replyTo } = source;
  const conversation = thread === undefined ? channel : `${channel}/${thread}`;
  const { text, attachments = [], metadata = {}, extensions } = said;
  const envelope: ChannelMessageEnvelope = {
    id: dedupeKey,
    tenant: { env: address.env, tenant: address.tenant, team: address.team, user },
    channel: address.channel,
    session_id: conversation,
    reply_scope: {
      conversation,
      ...(thread === undefined ? {} : { thread }),
      ...(replyTo === undefined ? {} : { reply_to: replyTo }),
    },
    from: { id: user, kind: "user", ...(userName === undefined ? {} : { name: userName }) },
    to: [{ id: channel, kind: "channel" }],
    ...(text === undefined ? {} : { text }),
    attachments,
    metadata: { chat_id: channel, from: user, universal: "true", ...metadata },
    ...(extensions === undefined ? {} : { extensions }),
  };
  return { envelope, dedupeKey, conversation, user };
}

/** An object, or one without fields. */
export const objectOf = (value: JsonValue | undefined): JsonObject =>
  value !== undefined && isJsonObject(value) ? value : {};
