/** Fetches what a webhook told of, and makes the message that a person sent or the card that they submitted. */
import type { Attachment, ChannelMessageEnvelope, ErrorCode, JsonObject, World } from "../../../types/index.ts";
import { toGreenticError } from "../../../types/index.ts";
import { objectIn, textIn } from "../../json-parts.ts";
import type { ChannelAddress, Completed, ReceivedMessage } from "../../provider.ts";
import { submittedFields } from "../../submitted-fields.ts";
import type { WebexApi, WebexResult } from "./api.ts";
import { callWebex } from "./api.ts";
import { SAY_FIELD } from "./limits.ts";
import { isBot, noticeIn } from "./receive.ts";
import { withoutMention } from "./text.ts";

/** What completing needs. */
interface WebexCompleting {
  readonly api: WebexApi;
  readonly address: ChannelAddress;
  readonly world: Pick<World, "nowMs">;
  /** Who the worker is; undefined where Webex can't say now. */
  readonly self: (signal: AbortSignal) => Promise<JsonObject | WebexResult>;
}

/** Waits before the next attempt: an hour and a half in all, after which an operator finds the notice among what failed. */
const WAITS_MS = [2_000, 10_000, 30_000, 120_000, 300_000, 600_000, 1_200_000, 1_800_000];
/** What was just created may not be found at once. */
const MISSING_ATTEMPTS = 4;

interface Fetching extends WebexCompleting {
  readonly signal: AbortSignal;
}

/** Completes a notice. */
export async function completeWebex(
  notice: unknown,
  { attempt, ...fetching }: Fetching & { readonly attempt: number },
): Promise<Completed> {
  const told = noticeIn(notice);
  if (told === undefined) return { kind: "failed", error: "MESSAGING_PAYLOAD_INVALID" };
  const found = await fetchTold(told, fetching);
  if (Array.isArray(found)) return { kind: "messages", messages: found as readonly ReceivedMessage[] };
  return notYet(found as WebexResult | ErrorCode, { attempt, nowMs: fetching.world.nowMs() });
}

async function fetchTold(
  { resource, id }: { readonly resource: string; readonly id: string },
  fetching: Fetching,
): Promise<readonly ReceivedMessage[] | WebexResult | ErrorCode> {
  try {
    const self = await fetching.self(fetching.signal);
    if ("kind" in self) return self as WebexResult;
    const path = resource === "messages" ? "messages" : "attachment/actions";
    const result = await callWebex(`${path}/${encodeURIComponent(id)}`, { ...fetching.api, signal: fetching.signal });
    if (result.kind !== "ok") return result;
    const message =
      resource === "messages"
        ? readMessage(result.answer, { self, address: fetching.address })
        : await readSubmit(result.answer, fetching);
    return message === undefined ? [] : "kind" in message ? message : [message];
  } catch (error) {
    // The token can't be had or has the wrong form: an operator can mend it.
    return toGreenticError(error, "MESSAGING_CREDENTIAL_INVALID", "Read Webex token").code;
  }
}

function notYet(
  result: WebexResult | ErrorCode,
  { attempt, nowMs }: { readonly attempt: number; readonly nowMs: number },
): Completed {
  const waitMs = WAITS_MS[Math.min(attempt, WAITS_MS.length - 1)] ?? 0;
  const retry = (error: ErrorCode, ms = waitMs): Completed => ({ kind: "retry", error, notBeforeMs: nowMs + ms });
  if (typeof result === "string") return retry(result);
  switch (result.kind) {
    case "limited":
      return retry("MESSAGING_RATE_LIMITED", Math.max(waitMs, result.retryAfterMs));
    case "unauthenticated":
      return retry("MESSAGING_PLATFORM_UNAUTHENTICATED");
    case "missing":
      return attempt < MISSING_ATTEMPTS
        ? retry("MESSAGING_MESSAGE_GONE")
        : { kind: "failed", error: "MESSAGING_MESSAGE_GONE" };
    case "refused":
      return { kind: "failed", error: "MESSAGING_PLATFORM_REFUSED" };
    case "denied":
      return { kind: "failed", error: "HTTP_ORIGIN_DENIED" };
    default:
      return retry("MESSAGING_PLATFORM_UNAVAILABLE");
  }
}

/** In groups the worker hears what mentions it, and answers in the thread of that; a direct room is one conversation. */
function readMessage(
  said: JsonObject,
  { self, address }: { readonly self: JsonObject; readonly address: ChannelAddress },
): ReceivedMessage | undefined {
  const [id, room, user] = [textIn(said.id), textIn(said.roomId), textIn(said.personId)];
  const email = textIn(said.personEmail);
  if (id === undefined || room === undefined || user === undefined) return undefined;
  if (user === self.id || isBot(email)) return undefined;
  const isDirect = said.roomType === "direct";
  const mentioned = Array.isArray(said.mentionedPeople) ? said.mentionedPeople : [];
  if (!isDirect && !mentioned.includes(self.id ?? "")) return undefined;
  const text = withoutMention(textIn(said.text) ?? "", { html: textIn(said.html) ?? "", self });
  const attachments = filesOf(said.files);
  if (text === "" && attachments.length === 0 && isDirect) return undefined;
  return messageOf(
    { id, room, user, email, thread: isDirect ? undefined : (textIn(said.parentId) ?? id) },
    { text, attachments, metadata: {} },
    address,
  );
}

/** A submitted card: the room is the action's, the thread that of the message which showed the card. */
async function readSubmit(
  action: JsonObject,
  { api, signal, address }: Fetching,
): Promise<ReceivedMessage | WebexResult | undefined> {
  const [id, room, user] = [textIn(action.id), textIn(action.roomId), textIn(action.personId)];
  const shownBy = textIn(action.messageId);
  if (id === undefined || room === undefined || user === undefined || action.type !== "submit") return undefined;
  const shown =
    shownBy === undefined ? undefined : await callWebex(`messages/${encodeURIComponent(shownBy)}`, { ...api, signal });
  // A card whose message is gone was answered all the same.
  if (shown !== undefined && shown.kind !== "ok" && shown.kind !== "missing" && shown.kind !== "refused") return shown;
  const card = shown?.kind === "ok" ? shown.answer : {};
  const isDirect = card.roomType === "direct";
  const { [SAY_FIELD]: say, ...value } = objectIn(action.inputs) ?? {};
  const said = typeof say === "string" ? say : undefined;
  const hasValue = Object.keys(value).length > 0;
  return messageOf(
    { id, room, user, email: undefined, thread: isDirect ? undefined : textIn(card.parentId), replyTo: shownBy },
    {
      ...(said === undefined ? {} : { text: said }),
      attachments: [],
      metadata: submittedFields(value),
      ...(hasValue ? { extensions: { channel_data: { value } } } : {}),
    },
    address,
  );
}

/** Where and by whom something was said. */
interface Source {
  readonly id: string;
  readonly room: string;
  readonly thread: string | undefined;
  readonly user: string;
  readonly email: string | undefined;
  readonly replyTo?: string | undefined;
}

function messageOf(
  { id, room, thread, user, email, replyTo = id }: Source,
  said: Pick<ChannelMessageEnvelope, "text" | "attachments" | "metadata" | "extensions">,
  { env, tenant, team, channel }: ChannelAddress,
): ReceivedMessage {
  const conversation = thread === undefined ? room : `${room}/${thread}`;
  const envelope: ChannelMessageEnvelope = {
    id: `wx:${id}`,
    tenant: { env, tenant, team, user },
    channel,
    session_id: conversation,
    reply_scope: { conversation, ...(thread === undefined ? {} : { thread }), reply_to: replyTo },
    from: { id: user, kind: "user" },
    to: [{ id: room, kind: "room" }],
    ...said,
    metadata: { ...said.metadata, universal: "true", ...(email === undefined ? {} : { email }) },
  };
  return { envelope, dedupeKey: `wx:${id}`, conversation, user };
}

function filesOf(files: unknown): readonly Attachment[] {
  const urls = Array.isArray(files) ? files.filter((url): url is string => typeof url === "string") : [];
  return urls.slice(0, 16).map((url) => ({ mime_type: "application/octet-stream", content: { content_url: url } }));
}
