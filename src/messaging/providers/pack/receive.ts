import { hash } from "node:crypto";
import type { Attachment, ChannelMessageEnvelope, JsonObject, JsonValue } from "../../../types/index.ts";
import { checkEnvelope, isGreenticError, isJsonObject } from "../../../types/index.ts";
import { applyChoice } from "../../choice.ts";
import type { ChannelAddress, HookAnswer, Received, ReceivedMessage, WebhookRequest } from "../../provider.ts";
import type { PackParts } from "./calls.ts";
import { queryOf } from "./verify.ts";

/** What reading a component's answer needs to know of the channel. */
export interface ReceiveScope {
  readonly address: ChannelAddress;
  readonly parts: PackParts;
  /** The worker's own ids on the platform. */
  readonly ownIds: readonly string[];
}

const MAX_MESSAGES = 500;
const MAX_ID = 512;
const MAX_ANSWER_BYTES = 64 << 10;
const ANSWER_TYPE = /^(?:text\/plain|application\/json|application\/xml|text\/xml)(?:;\s*charset=utf-8)?$/i;
/** What public providers write for a pressed button. */
const CALLBACK = /^\[callback:([\s\S]*)\]$/;

/** Makes the input of `ingest_http`. @see upstream reference §4.1, HttpInV1 */
export function httpInOf(
  { method, url, headers, body }: WebhookRequest,
  { address, parts, config, nowMs }: ReceiveScope & { readonly config: JsonObject; readonly nowMs: number },
): JsonObject {
  return {
    v: 1,
    provider: parts.providerType,
    route: null,
    binding_id: address.channel,
    tenant_hint: address.tenant,
    team_hint: address.team,
    method,
    path: url.split("?", 1)[0] ?? url,
    query: [...new URLSearchParams(queryOf(url))].map(([name, value]) => [name, value]),
    headers: pairsOf(headers),
    body_b64: Buffer.from(body).toString("base64"),
    received_at_ms: nowMs,
    config,
  };
}

function pairsOf(headers: WebhookRequest["headers"]): JsonValue[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one): JsonValue => [name, one]),
  );
}

/**
 * Reads what an ingress answered: HttpOutV1 of `ingest_http`, or `{ events }` of `handle-webhook`. Whose a message is, is the channel's
 * to say: tenant, team and channel of the component's envelopes count for nothing.
 */
export function readIngested(output: JsonValue, request: WebhookRequest, scope: ReceiveScope): Received {
  const said = isJsonObject(output) ? output : {};
  const status = typeof said["status"] === "number" ? said["status"] : 200;
  if (status === 401 || status === 403) return { kind: "refused", reason: "component" };
  const events = eventsOf(said);
  const delivery = hash("sha256", Buffer.concat([Buffer.from(`${queryOf(request.url)}\n`), request.body]), "base64url");
  const messages = events
    .slice(0, MAX_MESSAGES)
    .flatMap((event, i) => messageOf(event, { ...scope, delivery: `raw:${delivery}:${i}` }));
  const answer = answerOf(said, status);
  if (messages.length === 0 && answer !== undefined) return { kind: "answer", ...answer };
  return { kind: "messages", messages, ...(answer !== undefined && status < 300 && { answer }) };
}

function eventsOf(said: JsonObject): readonly JsonValue[] {
  const { events, envelope, messages } = said;
  for (const list of [events, messages]) if (Array.isArray(list)) return list;
  return envelope === undefined ? [] : [envelope];
}

/** The component's own answer to the platform; undefined where it has none but that all is well. */
function answerOf(said: JsonObject, status: number): HookAnswer | undefined {
  const encoded = said["body_b64"];
  const body = typeof encoded === "string" ? Buffer.from(encoded, "base64") : Buffer.alloc(0);
  const whole = Number.isInteger(status) && status >= 200 && status <= 599 ? status : 500;
  const contentType = contentTypeOf(said["headers"]);
  const isPlain = ANSWER_TYPE.test(contentType) && body.byteLength <= MAX_ANSWER_BYTES;
  if (body.byteLength === 0 && whole === 200) return undefined;
  // A component's text stands on the host's origin: nothing that a browser would run leaves here.
  const type = isPlain ? contentType : "text/plain; charset=utf-8";
  const text = body.byteLength <= MAX_ANSWER_BYTES ? body.toString("utf8") : "";
  return { status: whole, contentType: type, body: text };
}

function contentTypeOf(headers: JsonValue | undefined): string {
  const pairs = Array.isArray(headers) ? (headers as readonly JsonValue[]) : [];
  for (const pair of pairs) {
    const [name, value] = Array.isArray(pair) ? (pair as readonly JsonValue[]) : [];
    if (typeof name === "string" && name.toLowerCase() === "content-type" && typeof value === "string") return value;
  }
  return "";
}

function messageOf(
  event: JsonValue,
  { address, parts, ownIds, delivery }: ReceiveScope & { readonly delivery: string },
): readonly ReceivedMessage[] {
  const said = readEnvelope(event, address);
  if (said === undefined || isOwn(said, ownIds)) return [];
  const user = said.from?.id;
  const conversation = conversationOf(said, parts);
  // Nobody said it, or it goes nowhere: what platforms tell beside messages.
  if (user === undefined || conversation === undefined || !isSomething(said)) return [];
  const { locale } = said.metadata;
  const pressed = CALLBACK.exec(said.text ?? "")?.[1];
  const whole: ChannelMessageEnvelope = {
    ...said,
    session_id: conversation,
    ...(said.reply_scope === undefined ? {} : { reply_scope: { ...said.reply_scope, conversation } }),
  };
  const isNamed = parts.traits.dedupe === "message-id";
  return [
    {
      envelope: pressed === undefined ? whole : applyChoice(whole, pressed),
      dedupeKey: isNamed ? `id:${hash("sha256", `${conversation}\n${said.id}`, "base64url")}` : delivery,
      conversation,
      user,
      ...(locale === undefined ? {} : { locale }),
    },
  ];
}

/** An event as an envelope of this channel; undefined where it is none. Texts alone count as metadata. */
function readEnvelope(event: JsonValue, address: ChannelAddress): ChannelMessageEnvelope | undefined {
  if (!isJsonObject(event)) return undefined;
  const { env, tenant, team, channel } = address;
  const metadata = Object.entries(isJsonObject(event["metadata"] ?? null) ? (event["metadata"] as JsonObject) : {});
  const attachments = Array.isArray(event["attachments"]) ? (event["attachments"] as unknown as Attachment[]) : [];
  const filled = {
    ...event,
    channel,
    tenant: { env, tenant, team },
    attachments,
    metadata: Object.fromEntries(metadata.filter(([, value]) => typeof value === "string")),
  };
  try {
    return checkEnvelope(withoutNulls(filled));
  } catch (error) {
    if (isGreenticError(error)) return undefined;
    throw error;
  }
}

/** Other languages write what is absent as null. */
function withoutNulls(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== null && inner !== undefined));
}

/** Messages of the worker itself and of other bots. */
function isOwn({ from, metadata }: ChannelMessageEnvelope, ownIds: readonly string[]): boolean {
  if (metadata["is_bot_message"] === "true" || metadata["is_bot"] === "true" || from?.kind === "bot") return true;
  return [from?.id, ...Object.values(metadata)].some((id) => id !== undefined && ownIds.includes(id));
}

/**
 * The conversation of a message. Providers write whom to answer into `to`; the session's id may be a constant, which would put
 * everybody into one conversation.
 */
function conversationOf(
  { to, session_id: session, from, reply_scope: scope }: ChannelMessageEnvelope,
  parts: PackParts,
): string | undefined {
  const isNative = parts.traits.dedupe === "message-id";
  const constants = new Set([parts.name, parts.name.replace(/^messaging-/, "").replace(/-gui$/, "")]);
  const named = isNative ? [scope?.conversation, session] : [to?.[0]?.id, constants.has(session) ? undefined : session];
  return [...named, from?.id].find((id) => id !== undefined && id !== "" && id.length <= MAX_ID);
}

function isSomething({ text, attachments, extensions, metadata }: ChannelMessageEnvelope): boolean {
  return (
    (text ?? "").trim() !== "" ||
    attachments.length > 0 ||
    extensions?.channel_data !== undefined ||
    metadata["callback_data"] !== undefined
  );
}
