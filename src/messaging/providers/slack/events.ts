import type { Attachment, JsonObject, JsonValue } from "../../../types/index.ts";
import { isJsonObject } from "../../../types/index.ts";
import { textIn } from "../../json-parts.ts";
import type { ReceivedMessage } from "../../provider.ts";
import type { SlackIdentity } from "./message.ts";
import { messageOf, objectOf } from "./message.ts";
import { readSlackText } from "./text.ts";

/** Messages that a person wrote; other subtypes tell of edits, joins and the like. */
const WRITTEN = new Set([undefined, "file_share", "thread_broadcast", "me_message"]);

/**
 * Reads an event's message. Bots' messages, the worker's own among them, are dropped, and so is what nobody said to the worker. What
 * mentions it comes twice, as `app_mention` and as `message`, with two event ids: the message's own time names both, and redeliveries.
 */
export function readEvent(body: JsonObject, identity: SlackIdentity): ReceivedMessage | undefined {
  const event = objectOf(body.event);
  const { type, channel, ts, user, subtype, bot_id: bot } = event;
  if (type !== "message" && type !== "app_mention") return undefined;
  if (typeof channel !== "string" || typeof ts !== "string" || typeof user !== "string") return undefined;
  const self = selfOf(body);
  const isBot = bot !== undefined || user === self;
  if (isBot || !WRITTEN.has(subtype as string | undefined) || event.hidden === true) return undefined;
  const isDirect = event.channel_type === "im" || channel.startsWith("D");
  if (!isDirect && !isMeant(event, { self, identity })) return undefined;
  const attachments = attachmentsOf(event.files);
  const text = readSlackText(textIn(event.text) ?? "", self);
  // A bare mention is a call: the flow says how it greets.
  if (text === "" && attachments.length === 0 && type === "message" && isDirect) return undefined;
  const written = textIn(event.thread_ts);
  return messageOf(
    {
      dedupeKey: `sl:${textIn(body.team_id) ?? ""}:${channel}:${ts}`,
      channel,
      thread: isDirect ? written : (written ?? ts),
      user,
      replyTo: ts,
    },
    {
      text,
      attachments,
      metadata: {
        message_ts: ts,
        ...(textIn(body.event_id) === undefined ? {} : { event_id: body.event_id as string }),
      },
    },
    identity,
  );
}

/** The worker's own user in the workspace. */
function selfOf(body: JsonObject): string | undefined {
  const [first] = Array.isArray(body.authorizations) ? (body.authorizations as readonly JsonValue[]) : [];
  return textIn(objectOf(first).user_id);
}

/** In channels the worker is meant where it is mentioned, and in threads below its own messages. */
function isMeant(
  event: JsonObject,
  { self, identity }: { readonly self: string | undefined; readonly identity: SlackIdentity },
): boolean {
  if (identity.hearsAll || event.type === "app_mention") return true;
  return self !== undefined && (event.parent_user_id === self || (textIn(event.text) ?? "").includes(`<@${self}>`));
}

/** Files by their ids and the addresses that only the token opens. */
function attachmentsOf(files: JsonValue | undefined): readonly Attachment[] {
  const list = Array.isArray(files) ? (files as readonly JsonValue[]).filter(isJsonObject) : [];
  return list.slice(0, 16).map(({ id, mimetype, name, size, url_private_download: url }) => ({
    mime_type: textIn(mimetype) ?? "application/octet-stream",
    content: { file_id: textIn(id) ?? "", ...(textIn(url) === undefined ? {} : { url: url as string }) },
    ...(textIn(name) === undefined ? {} : { name: name as string }),
    ...(typeof size === "number" ? { size_bytes: size } : {}),
  }));
}
