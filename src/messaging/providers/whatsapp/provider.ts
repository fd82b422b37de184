import type { SendResult } from "../../../session/index.ts";
import type { JsonObject, JsonValue, World } from "../../../types/index.ts";
import { isJsonObject, parseJson, toGreenticError } from "../../../types/index.ts";
import type { ChannelAddress, DoubtfulSend, Provider, ReadBack, Received, WebhookRequest } from "../../provider.ts";
import { objectIn } from "../../json-parts.ts";
import { openSent } from "../../files/outgoing.ts";
import type { OpenHttp, SendHttp } from "../entry.ts";
import { withFiles } from "../entry.ts";
import { isAuthentic } from "../hub-signature.ts";
import { fetchWhatsAppFile, isWhatsAppFile, mediaBody, uploadMedia } from "./files.ts";
import { DEFAULT_PER_SECOND, MAX_CALLBACK_UNITS, WhatsAppPace, whatsappRates } from "./limits.ts";
import { personOf } from "./person.ts";
import { numberedWhatsApp, projectWhatsApp } from "./project.ts";
import { ReceiptBook } from "./receipts.ts";
import { readBatch } from "./receive.ts";
import type { GraphOptions, GraphResult } from "./send.ts";
import { postMessage } from "./send.ts";
import { TypingTimes } from "./typing-times.ts";
import type { WhatsAppTemplate } from "./template.ts";
import { templateBody } from "./template.ts";
import { answerHandshake } from "./verify.ts";

/** What a WhatsApp channel needs. */
export interface WhatsAppOptions {
  readonly address: ChannelAddress;
  readonly world: Pick<World, "nowMs" | "schedule">;
  readonly http: SendHttp;
  /** For files; without it they stay ids. */
  readonly openHttp?: OpenHttp;
  readonly phoneNumberId: string;
  /** Asked for at each call so that it can be rotated. */
  readonly accessToken: () => Promise<string>;
  /** What requests are signed with; two values while one is rotated. */
  readonly appSecrets: () => Promise<readonly string[]>;
  /** What the handshake must name. */
  readonly verifyTokens: () => Promise<readonly string[]>;
  /** Of the Graph API. Default `v25.0`. */
  readonly version?: string;
  /** What the number may send. Default 80. */
  readonly messagesPerSecond?: number;
  /** Without one, what comes too late fails with MESSAGING_WINDOW_CLOSED. */
  readonly template?: WhatsAppTemplate;
}

// The platform redelivers for seven days.
const DEDUPE_TTL_MS = 10 * 86_400_000;
const MAX_BODY_BYTES = 3 << 20;
const UNAVAILABLE_DELAY_MS = 2_000;
const NO_TOKEN_DELAY_MS = 30_000;
/** How long after a send its status is waited for; most come within a second, none is promised. */
const STATUS_WAIT_MS = 60_000;
const STATUS_LOOK_MS = 3_000;

/** The WhatsApp channel of one number: the Cloud API's webhooks in, `messages` out, statuses as the word on sends in doubt. */
export function createWhatsAppProvider(options: WhatsAppOptions): Provider {
  const { address, world, phoneNumberId } = options;
  const perSecond = options.messagesPerSecond ?? DEFAULT_PER_SECOND;
  const pace = new WhatsAppPace(perSecond);
  const book = new ReceiptBook();
  const typing = new TypingTimes();
  const graph: GraphOptions = {
    http: options.http,
    token: options.accessToken,
    version: options.version ?? "v25.0",
    phoneNumberId,
  };
  return {
    type: "whatsapp",
    address,
    delivery: { kind: "send", sinkClass: "B" },
    dedupeTtlMs: DEDUPE_TTL_MS,
    maxBodyBytes: MAX_BODY_BYTES,
    receive: async (request: WebhookRequest): Promise<Received> => {
      if (request.method === "GET") return answerHandshake(request, await options.verifyTokens());
      if (!isAuthentic(request, await options.appSecrets())) return { kind: "refused", reason: "signature" };
      const body = parseJson(request.body, { maxBytes: MAX_BODY_BYTES });
      const { messages, receipts } = readBatch(body, { address, phoneNumberId, nowMs: world.nowMs() });
      return { kind: "messages", messages, ...(receipts.length === 0 ? {} : { receipts }) };
    },
    noteReceipts: (receipts) => book.note(receipts),
    ...withFiles(options.openHttp, (openHttp) => ({
      isFile: isWhatsAppFile,
      fetchFile: (request) => fetchWhatsAppFile(request, { graph, openHttp }),
    })),
    project: projectWhatsApp,
    numbered: numberedWhatsApp,
    showTyping: async ({ conversation, replyTo, signal }) => {
      const nowMs = world.nowMs();
      if (replyTo === undefined || pace.readyAtMs(conversation, nowMs) > nowMs || !typing.isDue(replyTo, nowMs)) return;
      const body = { messaging_product: "whatsapp", status: "read", message_id: replyTo };
      const result = await postMessage({ ...body, typing_indicator: { type: "text" } }, { ...graph, signal });
      if (result.kind === "limited") pace.pause(world.nowMs() + result.retryAfterMs, world.nowMs());
    },
    readyAtMs: (conversation) => pace.readyAtMs(conversation, world.nowMs()),
    sendRates: (conversation) => whatsappRates(conversation, perSecond),
    send: async (payload, { idempotencyKey, conversation, signal, openFile }) => {
      const person = personOf(conversation);
      const opened = await openSent(payload, { openFile, nowMs: world.nowMs() });
      if (opened.kind === "failed" || opened.kind === "retry") return opened;
      const body = opened.kind === "file" ? {} : isJsonObject(payload) ? objectIn(payload.body) : undefined;
      if (body === undefined || person === undefined || idempotencyKey.length > MAX_CALLBACK_UNITS)
        return { kind: "failed", error: "MESSAGING_PAYLOAD_INVALID" };
      const isLate = isAfterWindow(payload, world.nowMs());
      // A template says something else than the file.
      const template = opened.kind === "file" ? undefined : options.template;
      if (isLate && template === undefined) return { kind: "failed", error: "MESSAGING_WINDOW_CLOSED" };
      const readyAtMs = await pace.awaitTurn(conversation, { world, signal });
      if (readyAtMs !== undefined) return { kind: "retry", error: "MESSAGING_RATE_LIMITED", notBeforeMs: readyAtMs };
      const post = (body: JsonObject): Promise<GraphResult> =>
        postMessage(
          {
            messaging_product: "whatsapp",
            recipient_type: "individual",
            ...person,
            biz_opaque_callback_data: idempotencyKey,
            ...body,
          },
          { ...graph, signal },
        );
      try {
        const uploaded = opened.kind === "file" ? await uploadMedia(opened.upload, { ...graph, signal }) : undefined;
        if (uploaded !== undefined && typeof uploaded !== "string")
          return settle(uploaded, { pace, conversation, nowMs: world.nowMs() });
        const said = uploaded === undefined || opened.kind !== "file" ? body : mediaBody(opened.upload, uploaded);
        const first = await post(isLate && template !== undefined ? templateBody(template, body) : said);
        const isRetriedAsTemplate = first.kind === "window-closed" && template !== undefined && !isLate;
        const result = isRetriedAsTemplate ? await post(templateBody(template, body)) : first;
        if (result.kind === "unknown") book.doubt(idempotencyKey, world.nowMs());
        return settle(result, { pace, conversation, nowMs: world.nowMs() });
      } catch (error) {
        // The token can't be had: nothing was sent, and an operator can mend it.
        const { code } = toGreenticError(error, "MESSAGING_CREDENTIAL_INVALID", "Read WhatsApp access token");
        return { kind: "retry", error: code, notBeforeMs: world.nowMs() + NO_TOKEN_DELAY_MS };
      }
    },
    readBack: (send) => Promise.resolve(readBack(send, book, world.nowMs())),
  };
}

function isAfterWindow(payload: JsonValue, nowMs: number): boolean {
  const ends = isJsonObject(payload) ? payload.windowEndsMs : undefined;
  return typeof ends === "number" && nowMs >= ends;
}

function settle(
  result: GraphResult,
  { pace, conversation, nowMs }: { readonly pace: WhatsAppPace; readonly conversation: string; readonly nowMs: number },
): SendResult {
  switch (result.kind) {
    case "ok":
      pace.sent(conversation);
      return result.id === undefined ? { kind: "sent" } : { kind: "sent", receipt: result.id };
    case "pair-limited":
      return { kind: "retry", error: "MESSAGING_RATE_LIMITED", notBeforeMs: pace.refusePair(conversation, nowMs) };
    case "limited":
      pace.pause(nowMs + result.retryAfterMs, nowMs);
      return { kind: "retry", error: "MESSAGING_RATE_LIMITED", notBeforeMs: nowMs + result.retryAfterMs };
    case "server-error":
    case "unreachable":
      return { kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE", notBeforeMs: nowMs + UNAVAILABLE_DELAY_MS };
    case "window-closed":
      return { kind: "failed", error: "MESSAGING_WINDOW_CLOSED" };
    case "unauthenticated":
      return { kind: "failed", error: "MESSAGING_PLATFORM_UNAUTHENTICATED" };
    case "refused":
      return { kind: "failed", error: "MESSAGING_PLATFORM_REFUSED" };
    case "denied":
      return { kind: "failed", error: result.code };
    case "unknown":
      break;
  }
  return { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" };
}

/** A status says that the platform had the message, even one that it gave up; no status yet says nothing. */
function readBack({ idempotencyKey, createdAtMs }: DoubtfulSend, book: ReceiptBook, nowMs: number): ReadBack {
  const receipt = book.find(idempotencyKey);
  if (receipt !== undefined)
    return { kind: "sent", ...(receipt.receipt === undefined ? {} : { receipt: receipt.receipt }) };
  const error = "MESSAGING_SEND_UNKNOWN";
  const sinceMs = book.doubtedAtMs(idempotencyKey) ?? createdAtMs;
  return nowMs < sinceMs + STATUS_WAIT_MS
    ? { kind: "unknown", error, notBeforeMs: nowMs + STATUS_LOOK_MS }
    : { kind: "unknown", error };
}
