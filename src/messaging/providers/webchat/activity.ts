/**
 * Direct Line 3.0 activities, as far as both ends need them.
 * In: `message` (text, value, attachments, locale, channelData.clientActivityID), `event` (name, value) and `endOfConversation`;
 * `typing` and the conversation's own housekeeping are answered but start nothing. Out: `message` with text, attachments, suggestedActions, inputHint.
 * The log keeps activities without `id`; it is `{conversation}|{index}`, so that a repeated delivery has the first one's id.
 * @see https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-api-reference#activity-object
 */
import type { LogEntry } from "../../../session/index.ts";
import type { Attachment, ChannelMessageEnvelope, JsonObject, JsonValue } from "../../../types/index.ts";
import { GreenticError, isJsonObject, quote } from "../../../types/index.ts";
import { webUrl } from "../../cards/card-to-text.ts";
import { ADAPTIVE_CARD_TYPE, cardsOf, isCard } from "../../cards/find-card.ts";
import { noteUnsaid } from "../../cards/message-to-text.ts";
import type { NoteFinding } from "../../findings.ts";

/** What a client posted, checked. */
export type PostedActivity =
  | {
      readonly kind: "said";
      readonly type: "message" | "event" | "endOfConversation";
      readonly text: string | undefined;
      readonly name: string | undefined;
      readonly value: JsonValue | undefined;
      readonly locale: string | undefined;
      readonly attachments: readonly Attachment[];
      readonly channelData: JsonObject | undefined;
      readonly clientActivityId: string | undefined;
      readonly replyToId: string | undefined;
    }
  | { readonly kind: "silent"; readonly type: string };

const SILENT = new Set(["typing", "conversationUpdate", "contactRelationUpdate", "messageReaction"]);
const MAX_ATTACHMENTS = 16;
const INPUT_HINTS = { expecting: "expectingInput", accepting: "acceptingInput", ignoring: "ignoringInput" } as const;

/** Checks a posted activity; `from`, `id` and `conversation` are not read, the token says who speaks where. @throws MESSAGING_ACTIVITY_INVALID */
export function parseActivity(body: JsonValue): PostedActivity {
  if (!isJsonObject(body)) throw invalid("activity", "an object");
  const type = body.type ?? "message";
  if (typeof type !== "string") throw invalid("type", "a string");
  if (SILENT.has(type)) return { kind: "silent", type };
  if (type !== "message" && type !== "event" && type !== "endOfConversation") {
    throw new GreenticError("MESSAGING_ACTIVITY_INVALID", `Read activity: unknown type ${quote(type)}`);
  }
  const channelData = body.channelData ?? undefined;
  const clientId = isJsonObject(channelData) ? channelData["clientActivityID"] : undefined;
  return {
    kind: "said",
    type,
    text: optionalText(body, "text"),
    name: optionalText(body, "name"),
    value: body.value ?? undefined,
    locale: optionalText(body, "locale"),
    attachments: attachmentsIn(body.attachments ?? []),
    channelData: isJsonObject(channelData) ? channelData : undefined,
    clientActivityId: typeof clientId === "string" && clientId !== "" ? clientId : undefined,
    replyToId: optionalText(body, "replyToId"),
  };
}

function optionalText(body: JsonObject, field: string): string | undefined {
  const value = body[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw invalid(field, "a string");
  return value;
}

function attachmentsIn(list: JsonValue): readonly Attachment[] {
  if (!Array.isArray(list)) throw invalid("attachments", "an array");
  if (list.length > MAX_ATTACHMENTS) throw invalid("attachments", `at most ${MAX_ATTACHMENTS} entries`);
  return (list as JsonValue[]).map((item) => {
    if (!isJsonObject(item) || typeof item.contentType !== "string")
      throw invalid("attachments", "objects with contentType");
    const url = attachmentUrl(item.contentUrl);
    if (item.contentUrl !== undefined && url === undefined) throw invalid("contentUrl", "an http, https or data URL");
    return {
      mime_type: item.contentType,
      ...(url === undefined ? {} : { url }),
      ...(item.content === undefined ? {} : { content: item.content }),
      ...(typeof item.name === "string" ? { name: item.name } : {}),
    };
  });
}

/** `data:` URLs of images are shown by the page; any other scheme could run something. */
function attachmentUrl(value: JsonValue | undefined): string | undefined {
  if (typeof value !== "string") return undefined;
  return /^data:(?:image\/(?:png|jpeg|gif|webp)|audio\/[\w.+-]+|video\/[\w.+-]+|text\/plain|application\/pdf)[;,]/i.test(
    value,
  ) || webUrl(value) !== ""
    ? value
    : undefined;
}

function invalid(field: string, expected: string): GreenticError {
  return new GreenticError("MESSAGING_ACTIVITY_INVALID", `Read activity: expected ${quote(field)} to be ${expected}`);
}

/** The worker's activity for a message, without `id`; the log's entry. */
export function activityOf(
  message: ChannelMessageEnvelope,
  options: { readonly worker: string; readonly timestamp: string; readonly note?: NoteFinding | undefined },
): JsonObject {
  const { extensions } = message;
  const cards = cardsOf(message).map((content) => ({ contentType: ADAPTIVE_CARD_TYPE, content }));
  noteUnsaid(message, cardsOf(message), options.note);
  const others = message.attachments.filter((attachment) => !isCard(attachment) || !isJsonObject(attachment.content));
  const attachments = [...cards, ...others.map(attachmentOf)];
  const suggested = extensions?.suggested_actions ?? [];
  const channelData = extensions?.channel_data;
  return {
    type: "message",
    from: { id: options.worker, role: "bot" },
    timestamp: options.timestamp,
    // A card says it all where cards are shown; `summary` is what Direct Line gives clients that show none.
    ...(message.text === undefined ? {} : cards.length > 0 ? { summary: message.text } : plain(message.text)),
    ...(attachments.length === 0 ? {} : { attachments }),
    ...(suggested.length === 0
      ? {}
      : { suggestedActions: { actions: suggested.map(({ title, value }) => ({ type: "imBack", title, value })) } }),
    ...(extensions?.input_hint === undefined ? {} : { inputHint: INPUT_HINTS[extensions.input_hint] }),
    ...(extensions?.speak === undefined ? {} : { speak: extensions.speak }),
    ...(channelData === undefined ? {} : { channelData }),
    ...(extensions?.["entities"] === undefined ? {} : { entities: extensions["entities"] as JsonValue }),
    ...(message.metadata["locale"] === undefined ? {} : { locale: message.metadata["locale"] }),
    ...(message.reply_scope?.reply_to === undefined ? {} : { replyToId: message.reply_scope.reply_to }),
  };
}

/** Clients read a text as Markdown unless it says that it is none. */
const plain = (text: string): JsonObject => ({ text, textFormat: "plain" });

function attachmentOf(attachment: Attachment): JsonObject {
  return {
    contentType: attachment.mime_type,
    ...(attachment.url === undefined ? {} : { contentUrl: attachment.url }),
    ...(attachment.content === undefined ? {} : { content: attachment.content }),
    ...(attachment.name === undefined ? {} : { name: attachment.name }),
  };
}

/** The id of a log entry as clients know it. */
export function activityId(conversation: string, index: number): string {
  return `${conversation}|${String(index).padStart(7, "0")}`;
}

/** A log entry as an activity that clients receive. */
export function activityFromLog(conversation: string, entry: LogEntry): JsonObject {
  const activity = isJsonObject(entry.activity) ? entry.activity : {};
  return {
    ...activity,
    id: activityId(conversation, entry.index),
    channelId: "webchat",
    conversation: { id: conversation },
  };
}
