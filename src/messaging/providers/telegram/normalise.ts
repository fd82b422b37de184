import type { Attachment, ChannelMessageEnvelope, JsonObject, JsonValue } from "../../../types/index.ts";
import { isJsonObject } from "../../../types/index.ts";
import { applyChoice, CHOICE_TOKEN_KEY, isChoiceToken } from "../../choice.ts";
import type { ChannelAddress, ReceivedMessage } from "../../provider.ts";
import { localeIn } from "../../submitted-fields.ts";

/** What normalising an update needs to know. */
export interface TelegramIdentity {
  readonly address: ChannelAddress;
  readonly botId: string;
  /** Without `@`; where known, commands for other bots of a group are ignored. */
  readonly username?: string | undefined;
}

/** What an update turned out to be; `callbackId` wants an answer so that the button stops spinning. */
export interface NormalisedUpdate {
  readonly message?: ReceivedMessage;
  readonly callbackId?: string;
}

interface Chat {
  readonly id: string;
  readonly conversation: string;
}

/** Normalises one update. Edits, service messages, other bots and our own are ignored. Dedupe key: (bot, update). */
export function normaliseUpdate(update: JsonValue, identity: TelegramIdentity): NormalisedUpdate {
  if (!isJsonObject(update) || !isId(update.update_id)) return {};
  const dedupeKey = `tg:${identity.botId}:${update.update_id}`;
  if (isJsonObject(update.message)) return fromMessage(update.message, dedupeKey, identity);
  if (isJsonObject(update.callback_query)) return fromCallback(update.callback_query, dedupeKey, identity);
  return {};
}

function fromMessage(message: JsonObject, dedupeKey: string, identity: TelegramIdentity): NormalisedUpdate {
  const chat = chatOf(message);
  const from = message.from;
  if (chat === undefined || !isJsonObject(from) || !isId(from.id) || from.is_bot === true) return {};
  const command = commandOf(message, identity.username);
  if (command === "foreign") return {};
  const attachments = attachmentsOf(message);
  const text = command?.text ?? stringOf(message.text) ?? stringOf(message.caption);
  if (text === undefined && attachments.length === 0) return {};
  const entities = command?.entities ?? message.entities ?? message.caption_entities;
  const messageId = isId(message.message_id) ? String(message.message_id) : undefined;
  return {
    message: received({
      identity,
      chat,
      from,
      user: from.id,
      dedupeKey,
      text,
      attachments,
      messageId,
      metadata: command === undefined ? {} : { command: command.name },
      extensions: entities === undefined ? undefined : { entities },
    }),
  };
}

function fromCallback(query: JsonObject, dedupeKey: string, identity: TelegramIdentity): NormalisedUpdate {
  const callbackId = stringOf(query.id);
  const data = stringOf(query.data);
  const from = query.from;
  const carrier = isJsonObject(query.message) ? query.message : undefined;
  const chat = carrier === undefined ? undefined : chatOf(carrier);
  if (callbackId === undefined) return {};
  if (data === undefined || chat === undefined || !isJsonObject(from) || !isId(from.id) || from.is_bot === true) {
    return { callbackId };
  }
  const isToken = isChoiceToken(data);
  const title = titleOf(carrier, data);
  const base = received({
    identity,
    chat,
    from,
    user: from.id,
    dedupeKey,
    text: isToken ? (title ?? data) : data,
    attachments: [],
    messageId: carrier !== undefined && isId(carrier.message_id) ? String(carrier.message_id) : undefined,
    metadata: {
      callback_data: data,
      callback_query_id: callbackId,
      ...(title === undefined ? {} : { choice_title: title }),
      ...(isToken ? { [CHOICE_TOKEN_KEY]: data } : {}),
    },
    extensions: undefined,
  });
  return { callbackId, message: isToken ? base : { ...base, envelope: applyChoice(base.envelope, data) } };
}

interface Parts {
  readonly identity: TelegramIdentity;
  readonly chat: Chat;
  readonly from: JsonObject;
  readonly user: number;
  readonly dedupeKey: string;
  readonly text: string | undefined;
  readonly attachments: readonly Attachment[];
  readonly messageId: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly extensions: JsonObject | undefined;
}

function received(parts: Parts): ReceivedMessage {
  const { address } = parts.identity;
  const user = String(parts.user);
  const name = [parts.from.first_name, parts.from.last_name].filter((part) => typeof part === "string").join(" ");
  const locale = localeIn(parts.from.language_code);
  const envelope: ChannelMessageEnvelope = {
    id: parts.dedupeKey,
    tenant: { env: address.env, tenant: address.tenant, team: address.team, user },
    channel: address.channel,
    session_id: parts.chat.conversation,
    reply_scope: {
      conversation: parts.chat.conversation,
      ...(parts.messageId === undefined ? {} : { reply_to: parts.messageId }),
    },
    from: { id: user, kind: "user", ...(name === "" ? {} : { name }) },
    to: [{ id: parts.chat.id, kind: "chat" }],
    ...(parts.text === undefined ? {} : { text: parts.text }),
    attachments: parts.attachments,
    metadata: {
      chat_id: parts.chat.id,
      from: user,
      universal: "true",
      ...(locale === undefined ? {} : { locale }),
      ...parts.metadata,
    },
    ...(parts.extensions === undefined ? {} : { extensions: parts.extensions }),
  };
  return {
    envelope,
    dedupeKey: parts.dedupeKey,
    conversation: parts.chat.conversation,
    user,
    ...(locale === undefined ? {} : { locale }),
  };
}

/** A forum's topic is a conversation of its own: `chat/topic`. */
function chatOf(message: JsonObject): Chat | undefined {
  const chat = message.chat;
  if (!isJsonObject(chat) || !isId(chat.id)) return undefined;
  const id = String(chat.id);
  const topic = message.message_thread_id;
  return { id, conversation: message.is_topic_message === true && isId(topic) ? `${id}/${topic}` : id };
}

/** A leading command without the `@bot` that groups add, its entities moved along; "foreign" where another bot is meant. */
function commandOf(message: JsonObject, username: string | undefined): Command | "foreign" | undefined {
  const text = stringOf(message.text);
  const entities = Array.isArray(message.entities) ? (message.entities as readonly JsonValue[]) : [];
  const first = entities.find((entity) => isJsonObject(entity) && entity.type === "bot_command" && entity.offset === 0);
  const written = text === undefined ? undefined : /^\/[A-Za-z0-9_]{1,32}(?:@([A-Za-z0-9_]{3,64}))?(?=\s|$)/.exec(text);
  if (text === undefined || first === undefined || !written) return undefined;
  const bot = written[1];
  if (bot !== undefined && username !== undefined && bot.toLowerCase() !== username.toLowerCase()) return "foreign";
  const cut = bot === undefined ? 0 : bot.length + 1;
  const name = written[0].slice(0, written[0].length - cut);
  const moved = entities.map((entity) => {
    if (!isJsonObject(entity) || typeof entity.offset !== "number" || typeof entity.length !== "number") return entity;
    return entity === first
      ? { ...entity, length: entity.length - cut }
      : { ...entity, offset: Math.max(0, entity.offset - cut) };
  });
  return { name, text: name + text.slice(written[0].length), entities: moved };
}

interface Command {
  readonly name: string;
  readonly text: string;
  readonly entities: readonly JsonValue[];
}

/** Media by its file id: fetching it needs the token, so no URL is made here. */
function attachmentsOf(message: JsonObject): readonly Attachment[] {
  const found: Attachment[] = [];
  const photo = Array.isArray(message.photo) ? (message.photo as readonly JsonValue[]).at(-1) : undefined;
  if (isJsonObject(photo)) found.push(fileOf(photo, "image/jpeg"));
  for (const [field, type] of [
    ["document", "application/octet-stream"],
    ["voice", "audio/ogg"],
    ["audio", "audio/mpeg"],
    ["video", "video/mp4"],
  ] as const) {
    const file = message[field];
    if (isJsonObject(file)) found.push(fileOf(file, type));
  }
  if (isJsonObject(message.location))
    found.push({ mime_type: "application/vnd.telegram.location+json", content: message.location });
  if (isJsonObject(message.contact))
    found.push({ mime_type: "application/vnd.telegram.contact+json", content: message.contact });
  return found;
}

function fileOf(file: JsonObject, type: string): Attachment {
  const name = stringOf(file.file_name);
  return {
    mime_type: stringOf(file.mime_type) ?? type,
    content: { file_id: stringOf(file.file_id) ?? "" },
    ...(name === undefined ? {} : { name }),
    ...(typeof file.file_size === "number" ? { size_bytes: file.file_size } : {}),
  };
}

/** The title of the pressed button: Telegram sends the keyboard along. */
function titleOf(carrier: JsonObject | undefined, data: string): string | undefined {
  const markup = carrier?.reply_markup;
  const rows = isJsonObject(markup) && Array.isArray(markup.inline_keyboard) ? markup.inline_keyboard : [];
  for (const button of rows.flat() as readonly JsonValue[]) {
    if (isJsonObject(button) && button.callback_data === data) return stringOf(button.text);
  }
  return undefined;
}

const stringOf = (value: JsonValue | undefined): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;
const isId = (value: JsonValue | undefined): value is number =>
  typeof value === "number" && Number.isSafeInteger(value);
