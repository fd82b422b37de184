/**
 * What Webex posts: that something was created, by whom and where, and never what: `{ resource, event, createdBy, data: { id, roomId,
 * personId, personEmail?, … } }`. Messages and submitted cards are fetched by their ids, after the answer.
 * @see https://developer.webex.com/docs/api/guides/webhooks
 */
import type { JsonObject } from "../../../types/index.ts";
import { isJsonObject, parseJson } from "../../../types/index.ts";
import { objectIn, textIn } from "../../json-parts.ts";
import type { Received } from "../../provider.ts";

const ID = /^[A-Za-z0-9_=+/.:-]{1,400}$/;

/** What is to be fetched. */
export interface WebexNotice extends JsonObject {
  readonly resource: "messages" | "attachmentActions";
  readonly id: string;
}

const NOTHING: Received = { kind: "messages", messages: [] };

/** Reads a verified request. The worker's own messages and other bots' are dropped. @throws TYPES_JSON_INVALID */
export function readWebexHook(body: Uint8Array): Received {
  const hook = parseJson(body, { maxBytes: Math.max(1, body.byteLength) });
  if (!isJsonObject(hook) || hook.event !== "created") return NOTHING;
  const { resource, createdBy } = hook;
  const { id, roomId, personId, personEmail } = objectIn(hook.data) ?? {};
  if (resource !== "messages" && resource !== "attachmentActions") return NOTHING;
  if (typeof id !== "string" || !ID.test(id) || typeof roomId !== "string" || !ID.test(roomId)) return NOTHING;
  // Whoever made the webhook is the worker itself.
  if (resource === "messages" && ((personId !== undefined && personId === createdBy) || isBot(textIn(personEmail))))
    return NOTHING;
  const data: WebexNotice = { resource, id };
  return { kind: "messages", messages: [], notices: [{ dedupeKey: `wx:${resource}:${id}`, lane: roomId, data }] };
}

/** Tells whether an address is a bot's: two that answer each other never end. */
export function isBot(email: string | undefined): boolean {
  return email !== undefined && /@(?:webex\.bot|sparkbot\.io)$/i.test(email);
}

/** The notice that `readWebexHook` made. */
export function noticeIn(notice: unknown): WebexNotice | undefined {
  const { resource, id } = (notice ?? {}) as Partial<WebexNotice>;
  if ((resource !== "messages" && resource !== "attachmentActions") || typeof id !== "string" || !ID.test(id))
    return undefined;
  return { resource, id };
}
