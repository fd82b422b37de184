import type { SendResult } from "../../../session/index.ts";
import type { JsonObject, JsonValue, World } from "../../../types/index.ts";
import { isJsonObject, toGreenticError } from "../../../types/index.ts";
import { fileIn, openSent } from "../../files/outgoing.ts";
import { objectsIn } from "../../json-parts.ts";
import type { DoubtfulSend, OpenFile, ReadBack } from "../../provider.ts";
import { hasSharedFile, shareSlackFile } from "./files.ts";
import type { SlackPace } from "./limits.ts";
import type { SlackApi, SlackResult } from "./web-api.ts";
import { callSlack } from "./web-api.ts";

export interface SlackSending {
  readonly api: SlackApi;
  readonly pace: SlackPace;
  readonly world: Pick<World, "nowMs" | "schedule">;
}

/** What a message carries so that it can be found again. */
const EVENT_TYPE = "greentic_message";
const RETRY_MS = 2_000;
const CREDENTIAL_MS = 30_000;
/** Clocks differ; what lies this much before the row's making is looked at too. */
const SKEW_MS = 300_000;
const PAGE = 100;
const MAX_PAGES = 10;
const BAD_CREDENTIAL = new Set([
  "invalid_auth",
  "not_authed",
  "account_inactive",
  "token_revoked",
  "token_expired",
  "missing_scope",
  "no_permission",
]);

/** Where a conversation's messages go: `channel` or `channel/thread`. */
export function targetOf(conversation: string): { readonly channel: string; readonly thread?: string } {
  const [channel = "", thread] = conversation.split("/");
  return { channel, ...(thread === undefined ? {} : { thread }) };
}

/** Posts one message under its row's key. */
export async function sendSlack(
  payload: JsonValue,
  {
    conversation,
    idempotencyKey,
    signal,
    openFile,
  }: {
    readonly conversation: string;
    readonly idempotencyKey: string;
    readonly signal: AbortSignal;
    readonly openFile?: OpenFile;
  },
  { api, pace, world }: SlackSending,
): Promise<SendResult> {
  if (!isJsonObject(payload)) return { kind: "failed", error: "MESSAGING_PAYLOAD_INVALID" };
  const opened = await openSent(payload, { openFile, nowMs: world.nowMs() });
  if (opened.kind === "failed" || opened.kind === "retry") return opened;
  const { channel, thread } = targetOf(conversation);
  const readyAtMs = await pace.awaitTurn(channel, { world, signal });
  if (readyAtMs !== undefined) return { kind: "retry", error: "MESSAGING_RATE_LIMITED", notBeforeMs: readyAtMs };
  if (opened.kind === "file") {
    const target = { channel, thread, idempotencyKey };
    const shared = await credited(() => shareSlackFile(opened.upload, target, { ...api, signal }));
    if (shared.kind === "limited") pace.pause(world.nowMs() + shared.retryAfterMs, world.nowMs());
    return sendResultOf(shared, world.nowMs());
  }
  const body: JsonObject = {
    ...payload,
    channel,
    ...(thread === undefined ? {} : { thread_ts: thread }),
    mrkdwn: false,
    parse: "none",
    link_names: false,
    unfurl_links: false,
    unfurl_media: false,
    metadata: { event_type: EVENT_TYPE, event_payload: { key: idempotencyKey } },
  };
  const result = await call("chat.postMessage", body, { api, signal });
  if (result.kind === "limited") pace.pause(world.nowMs() + result.retryAfterMs, world.nowMs());
  return sendResultOf(result, world.nowMs());
}

type CallResult = SlackResult | { readonly kind: "no-credential"; readonly code: string };

async function call(
  method: string,
  body: JsonObject,
  { api, signal }: { readonly api: SlackApi; readonly signal: AbortSignal },
): Promise<CallResult> {
  return credited(() => callSlack(method, body, { ...api, signal }));
}

async function credited(calling: () => Promise<SlackResult>): Promise<CallResult> {
  try {
    return await calling();
  } catch (error) {
    // The token can't be had or has the wrong form: nothing was sent, and an operator can mend it.
    return { kind: "no-credential", code: toGreenticError(error, "MESSAGING_CREDENTIAL_INVALID", "Read token").code };
  }
}

function sendResultOf(result: CallResult, nowMs: number): SendResult {
  switch (result.kind) {
    case "ok": {
      const { ts, files } = result.answer;
      const [shared] = objectsIn(files);
      if (typeof shared?.["id"] === "string") return { kind: "sent", receipt: shared["id"] };
      return typeof ts === "string" ? { kind: "sent", receipt: ts } : { kind: "sent" };
    }
    case "limited":
      return { kind: "retry", error: "MESSAGING_RATE_LIMITED", notBeforeMs: nowMs + result.retryAfterMs };
    case "busy":
    case "unreachable":
      return { kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE", notBeforeMs: nowMs + RETRY_MS };
    case "no-credential":
      return { kind: "retry", error: result.code, notBeforeMs: nowMs + CREDENTIAL_MS };
    case "refused":
      return { kind: "failed", error: refusalOf(result.error) };
    case "denied":
      return { kind: "failed", error: result.code };
    case "unknown":
      break;
  }
  return { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" };
}

const refusalOf = (error: string): string =>
  BAD_CREDENTIAL.has(error) ? "MESSAGING_PLATFORM_UNAUTHENTICATED" : "MESSAGING_PLATFORM_REFUSED";

/**
 * Looks for a message by its row's key among what was said in its channel or thread since the row was made. `unsent` only once all of
 * it was seen.
 */
export async function readSlackBack(send: DoubtfulSend, { api, world }: SlackSending): Promise<ReadBack> {
  const { channel, thread } = targetOf(send.conversation);
  const oldest = ((send.createdAtMs - SKEW_MS) / 1000).toFixed(6);
  const method = thread === undefined ? "conversations.history" : "conversations.replies";
  const file = fileIn(send.payload);
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const body: JsonObject = {
      channel,
      oldest,
      inclusive: true,
      include_all_metadata: true,
      limit: PAGE,
      ...(thread === undefined ? {} : { ts: thread }),
      ...(cursor === undefined ? {} : { cursor }),
    };
    const result = await call(method, body, { api, signal: send.signal });
    if (result.kind !== "ok") return doubtOf(result, world.nowMs());
    const { messages, has_more: hasMore, response_metadata: meta } = result.answer;
    const found = (Array.isArray(messages) ? (messages as readonly JsonValue[]) : []).find(
      (message) =>
        keyOf(message) === send.idempotencyKey ||
        (file !== undefined && hasSharedFile(message, file, send.idempotencyKey)),
    );
    if (found !== undefined) {
      const { ts } = found as JsonObject;
      return typeof ts === "string" ? { kind: "sent", receipt: ts } : { kind: "sent" };
    }
    const next = isJsonObject(meta ?? null) ? (meta as JsonObject).next_cursor : undefined;
    if (hasMore !== true) return { kind: "unsent" };
    if (typeof next !== "string" || next === "") break;
    cursor = next;
  }
  // More was said than can be looked through.
  return { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" };
}

function keyOf(message: JsonValue): JsonValue | undefined {
  const metadata = isJsonObject(message) ? message.metadata : undefined;
  if (metadata === undefined || !isJsonObject(metadata) || metadata.event_type !== EVENT_TYPE) return undefined;
  const payload = metadata.event_payload;
  return payload !== undefined && isJsonObject(payload) ? payload.key : undefined;
}

function doubtOf(result: Exclude<CallResult, { kind: "ok" }>, nowMs: number): ReadBack {
  switch (result.kind) {
    case "limited":
      return { kind: "unknown", error: "MESSAGING_RATE_LIMITED", notBeforeMs: nowMs + result.retryAfterMs };
    case "refused":
      return { kind: "unknown", error: refusalOf(result.error) };
    case "denied":
      return { kind: "unknown", error: result.code };
    case "no-credential":
      return { kind: "unknown", error: result.code, notBeforeMs: nowMs + CREDENTIAL_MS };
    case "busy":
    case "unreachable":
    case "unknown":
      break;
  }
  return { kind: "unknown", error: "MESSAGING_PLATFORM_UNAVAILABLE", notBeforeMs: nowMs + RETRY_MS };
}
