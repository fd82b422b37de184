/**
 * WhatsApp's webhook bodies: `{object: "whatsapp_business_account", entry: [{changes: [{field, value}]}]}`, where a value of the field
 * `messages` holds `metadata.phone_number_id` and `contacts`, `messages` or `statuses`, each any number of times.
 * @see https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
 */
import type { Attachment, ChannelMessageEnvelope, JsonObject, JsonValue } from "../../../types/index.ts";
import { isJsonObject } from "../../../types/index.ts";
import { objectIn, objectsIn, textIn } from "../../json-parts.ts";
import { personOf } from "./person.ts";
import { applyChoice, CHOICE_TOKEN_KEY, isChoiceToken } from "../../choice.ts";
import type { ChannelAddress, Receipt, ReceivedMessage } from "../../provider.ts";

/** What reading a body needs to know. */
export interface WhatsAppIdentity {
  readonly address: ChannelAddress;
  /** Changes of other numbers of the same account are another channel's. */
  readonly phoneNumberId: string;
  readonly nowMs: number;
}

/** What a body holds for one number. */
export interface WhatsAppBatch {
  readonly messages: readonly ReceivedMessage[];
  readonly receipts: readonly Receipt[];
  /** Messages that were too old, or of a kind that says nothing. */
  readonly dropped: number;
}

/** The platform redelivers for seven days; what claims to be older is a replay that dedupe may have forgotten. */
const MAX_AGE_MS = 8 * 86_400_000;
const MAX_AHEAD_MS = 300_000;
const ID = /^[\x21-\x7e]{1,200}$/;
const MEDIA = {
  image: "image/jpeg",
  audio: "audio/ogg",
  video: "video/mp4",
  document: "application/octet-stream",
  sticker: "image/webp",
} as const;

/** Reads a verified body. Unknown kinds of changes are ignored: the platform adds some every year. */
export function readBatch(body: JsonValue, identity: WhatsAppIdentity): WhatsAppBatch {
  const messages: ReceivedMessage[] = [];
  const receipts: Receipt[] = [];
  let dropped = 0;
  for (const value of valuesOf(body)) {
    const metadata = objectIn(value.metadata) ?? {};
    if (metadata.phone_number_id !== identity.phoneNumberId) continue;
    const own = textIn(metadata.display_phone_number)?.replaceAll(/\D/g, "");
    for (const message of objectsIn(value.messages)) {
      const received = own !== undefined && message.from === own ? undefined : readMessage(message, value, identity);
      if (received === undefined) dropped++;
      else messages.push(received);
    }
    for (const status of objectsIn(value.statuses)) {
      const receipt = readStatus(status);
      if (receipt !== undefined) receipts.push(receipt);
    }
  }
  return { messages, receipts, dropped };
}

function valuesOf(body: JsonValue): readonly JsonObject[] {
  if (!isJsonObject(body) || body.object !== "whatsapp_business_account") return [];
  return objectsIn(body.entry)
    .flatMap((entry) => objectsIn(entry.changes))
    .filter(({ field }) => field === "messages")
    .map(({ value }) => objectIn(value))
    .filter((value) => value !== undefined);
}

function readMessage(message: JsonObject, value: JsonObject, identity: WhatsAppIdentity): ReceivedMessage | undefined {
  const id = textIn(message.id);
  // Who shows a user name has no number here.
  const from = textIn(message.from) ?? textIn(message.from_user_id);
  const sentAtMs = Number(message.timestamp) * 1000;
  if (id === undefined || !ID.test(id) || from === undefined || personOf(from) === undefined) return undefined;
  if (!(sentAtMs > identity.nowMs - MAX_AGE_MS && sentAtMs < identity.nowMs + MAX_AHEAD_MS)) return undefined;
  const said = contentOf(message);
  if (said === undefined) return undefined;
  const { address } = identity;
  const contact = objectsIn(value.contacts).find(
    ({ wa_id: phone, user_id: person }) => phone === from || person === from,
  );
  const name = textIn(objectIn(contact?.profile)?.name);
  const context = textIn(objectIn(message.context)?.id);
  const envelope: ChannelMessageEnvelope = {
    id: `wa:${id}`,
    tenant: { env: address.env, tenant: address.tenant, team: address.team, user: from },
    channel: address.channel,
    session_id: from,
    // When the person spoke tells until when more than a template may be sent: a session keeps this while it waits.
    reply_scope: { conversation: from, reply_to: id, correlation: String(Math.floor(sentAtMs / 1000)) },
    from: { id: from, kind: "user", ...(name === undefined ? {} : { name }) },
    to: [{ id: identity.phoneNumberId, kind: "phone" }],
    ...(said.text === undefined ? {} : { text: said.text }),
    attachments: said.attachments,
    metadata: {
      from,
      universal: "true",
      ...(context === undefined ? {} : { in_reply_to: context }),
      ...said.metadata,
    },
  };
  return {
    envelope: said.choice === undefined ? envelope : applyChoice(envelope, said.choice),
    dedupeKey: `wa:${id}`,
    conversation: from,
    user: from,
  };
}

interface Content {
  readonly text: string | undefined;
  readonly attachments: readonly Attachment[];
  readonly metadata: Readonly<Record<string, string>>;
  /** The value that a pressed button or chosen row carried. */
  readonly choice?: string;
}

/** What a message says; undefined for reactions, system notices and kinds that the platform itself calls unsupported. */
function contentOf(message: JsonObject): Content | undefined {
  const type = textIn(message.type) ?? "";
  const part = objectIn(message[type]) ?? {};
  switch (type) {
    case "text":
      return plain(textIn(part.body));
    case "interactive":
      return interactiveOf(part);
    case "button":
      return chosen(textIn(part.payload) ?? "", textIn(part.text));
    case "image":
    case "audio":
    case "video":
    case "document":
    case "sticker":
      return plain(textIn(part.caption), [fileOf(part, MEDIA[type])]);
    case "location":
      return plain(undefined, [{ mime_type: "application/vnd.whatsapp.location+json", content: part }]);
    case "contacts":
      return plain(undefined, [
        { mime_type: "application/vnd.whatsapp.contacts+json", content: [...objectsIn(message.contacts)] },
      ]);
    default:
      return undefined;
  }
}

function plain(text: string | undefined, attachments: readonly Attachment[] = []): Content | undefined {
  return text === undefined && attachments.length === 0 ? undefined : { text, attachments, metadata: {} };
}

function interactiveOf(part: JsonObject): Content | undefined {
  const reply = objectIn(part.button_reply) ?? objectIn(part.list_reply);
  if (reply === undefined) return undefined;
  return chosen(textIn(reply.id) ?? "", textIn(reply.title));
}

/** A choice that fitted is applied at once, a token by the session that offered it; its title says what was pressed. */
function chosen(data: string, title: string | undefined): Content | undefined {
  if (data === "" && title === undefined) return undefined;
  const isToken = isChoiceToken(data);
  const metadata = {
    callback_data: data,
    ...(title === undefined ? {} : { choice_title: title }),
    ...(isToken ? { [CHOICE_TOKEN_KEY]: data } : {}),
  };
  const text = isToken ? (title ?? data) : data;
  return { text, attachments: [], metadata, ...(isToken || data === "" ? {} : { choice: data }) };
}

/** Media by its id: fetching it needs the access token, so no URL is made here. */
function fileOf(file: JsonObject, type: string): Attachment {
  const name = textIn(file.filename);
  const sha256 = textIn(file.sha256);
  return {
    mime_type: textIn(file.mime_type) ?? type,
    content: { media_id: textIn(file.id) ?? "", ...(sha256 === undefined ? {} : { sha256 }) },
    ...(name === undefined ? {} : { name }),
  };
}

/** A status names the send by what was sent along; one of a message that somebody else sent has none of it. */
function readStatus(status: JsonObject): Receipt | undefined {
  const { id, biz_opaque_callback_data: key } = status;
  if (typeof id !== "string" || typeof key !== "string" || key === "") return undefined;
  switch (status.status) {
    case "sent":
    case "delivered":
    case "read":
    case "played":
      return { kind: "sent", idempotencyKey: key, receipt: id };
    case "failed": {
      const code = objectsIn(status.errors)[0]?.code;
      return {
        kind: "failed",
        idempotencyKey: key,
        receipt: id,
        error: code === 131_047 ? "MESSAGING_WINDOW_CLOSED" : "MESSAGING_PLATFORM_REFUSED",
      };
    }
    default:
      return undefined;
  }
}
