import { hash } from "node:crypto";
import type { ChannelMessageEnvelope, JsonObject, JsonValue, World } from "../../../types/index.ts";
import { isJsonObject, parseJson, randomHex } from "../../../types/index.ts";
import type { ChannelAddress, ReceivedMessage, WebhookRequest } from "../../provider.ts";
import { localeIn } from "../../submitted-fields.ts";

// Headers that a flow may see: what describes the content and the event, never what authorises.
const SHOWN_HEADERS =
  /^(?:content-type|accept|accept-language|user-agent|webhook-id|webhook-timestamp|x-(?!api-key|auth|token|secret|forwarded|real)[a-z0-9-]*)$/;
const ID = /^[\x21-\x7e]{1,200}$/;

/**
 * Normalises a generic request. `webhook-id` or `idempotency-key` names the delivery, else chance does. The body is in
 * `extensions.channel_data.body` as JSON where it is JSON, else as text; `text` is the body's own `text` field or a plain-text body.
 * `?session=` continues a waiting conversation.
 * @throws TYPES_JSON_INVALID, TYPES_JSON_TOO_DEEP for a body that says it is JSON and isn't
 */
export function receiveWebhook(
  address: ChannelAddress,
  request: WebhookRequest,
  world: Pick<World, "randomBytes">,
): ReceivedMessage {
  const mark = request.url.indexOf("?");
  const path = mark === -1 ? request.url : request.url.slice(0, mark);
  const query = mark === -1 ? undefined : new URLSearchParams(request.url.slice(mark + 1));
  const given = singleHeader(request, "webhook-id") ?? singleHeader(request, "idempotency-key");
  const isNamed = given !== undefined && ID.test(given);
  const id = isNamed ? given : randomHex(world as World, 16);
  const contentType = singleHeader(request, "content-type") ?? "";
  const body = bodyOf(request.body, contentType);
  const session = query?.get("session") ?? "";
  const conversation = session === "" ? id : session;
  const locale = localeIn(singleHeader(request, "x-greentic-locale"));
  const text =
    typeof body === "string" ? body : isJsonObject(body) && typeof body.text === "string" ? body.text : undefined;
  const envelope: ChannelMessageEnvelope = {
    id,
    tenant: { env: address.env, tenant: address.tenant, team: address.team },
    channel: address.channel,
    session_id: conversation,
    from: { id: "webhook", kind: "service" },
    ...(text === undefined ? {} : { text }),
    attachments: [],
    metadata: { method: request.method, path, ...(contentType === "" ? {} : { content_type: contentType }) },
    extensions: {
      channel_data: { method: request.method, path, query: queryOf(query), headers: headersOf(request), body },
    },
  };
  // The path is part of the name: one sender's id may be used once per flow.
  const dedupeKey = isNamed ? `wh:${hash("sha256", `${path}\n${id}`, "base64url")}` : `wh:${id}`;
  return {
    envelope,
    dedupeKey,
    conversation,
    user: "webhook",
    ...(isNamed ? {} : { isUnnamed: true }),
    ...(locale === undefined ? {} : { locale }),
  };
}

/** Normalises the input of `runner run-flow`: a text, or an object whose `text` is the text and whose fields are the submitted ones. */
export function receiveConsole(
  address: ChannelAddress,
  input: JsonValue,
  options: { readonly session: string; readonly id: string; readonly user?: string; readonly locale?: string },
): ReceivedMessage {
  const fields = isJsonObject(input) ? input : {};
  const text = typeof input === "string" ? input : typeof fields.text === "string" ? fields.text : undefined;
  const metadata: Record<string, string> = {};
  for (const [name, field] of Object.entries(fields)) {
    if (name !== "text" && name !== "__proto__")
      metadata[name] = typeof field === "string" ? field : JSON.stringify(field);
  }
  const user = options.user ?? "console";
  return {
    envelope: {
      id: options.id,
      tenant: { env: address.env, tenant: address.tenant, team: address.team, user },
      channel: address.channel,
      session_id: options.session,
      from: { id: user, kind: "user" },
      ...(text === undefined ? {} : { text }),
      attachments: [],
      metadata,
      extensions: { channel_data: { value: input } },
    },
    dedupeKey: `cli:${options.id}`,
    conversation: options.session,
    user,
    ...(options.locale === undefined ? {} : { locale: options.locale }),
  };
}

function bodyOf(body: Uint8Array, contentType: string): JsonValue {
  if (body.byteLength === 0) return null;
  if (/^application\/(?:[\w.+-]+\+)?json\b/i.test(contentType)) return parseJson(body, { maxBytes: body.byteLength });
  if (/^application\/x-www-form-urlencoded\b/i.test(contentType)) {
    return queryOf(new URLSearchParams(Buffer.from(body).toString()));
  }
  const text = new TextDecoder("utf-8", { fatal: false }).decode(body);
  if (contentType !== "") return text;
  // Many senders forget the content type of JSON.
  try {
    return parseJson(text, { maxBytes: body.byteLength * 3 });
  } catch {
    return text;
  }
}

function queryOf(query: URLSearchParams | undefined): JsonObject {
  const fields: Record<string, JsonValue> = {};
  for (const [name, value] of query ?? []) if (name !== "__proto__") fields[name] = value;
  return fields;
}

function headersOf(request: WebhookRequest): JsonObject {
  const shown: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined && SHOWN_HEADERS.test(name)) shown[name] = typeof value === "string" ? value : [...value];
  }
  return shown;
}

function singleHeader(request: WebhookRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}
