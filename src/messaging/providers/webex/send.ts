import type { SendResult } from "../../../session/index.ts";
import type { ErrorCode, JsonObject, JsonValue, World } from "../../../types/index.ts";
import { isJsonObject, toGreenticError } from "../../../types/index.ts";
import type { BucketPace } from "../../bucket-pace.ts";
import { fileIn, openSent } from "../../files/outgoing.ts";
import { objectsIn, textIn } from "../../json-parts.ts";
import type { DoubtfulSend, OpenFile, ReadBack } from "../../provider.ts";
import type { WebexApi, WebexResult } from "./api.ts";
import { callWebex } from "./api.ts";
import { sendWebexFile } from "./files.ts";

/** What sending needs. */
export interface WebexSending {
  readonly api: WebexApi;
  readonly pace: BucketPace;
  readonly world: Pick<World, "nowMs" | "schedule">;
  /** Names of messages that this process knows it sent. */
  readonly known: Set<string>;
}

const UNAVAILABLE_MS = 2_000;
const CREDENTIAL_MS = 30_000;
const MAX_KNOWN = 1_000;
/** Webex' times and ours are compared by the date of its answers, which is of a whole second. */
const CLOCK_MS = 2_000;
const PAGE = 100;
const MAX_PAGES = 10;

/** Where a conversation's messages go: a room, a thread of it (`room/thread`), or a person by address or id. */
function targetOf(conversation: string): JsonObject {
  const [to = "", thread] = conversation.split("/");
  if (/^[^@\s]+@[^@\s]+$/.test(to)) return { toPersonEmail: to };
  if (Buffer.from(to, "base64").toString().includes("/PEOPLE/")) return { toPersonId: to };
  return { roomId: to, ...(thread === undefined ? {} : { parentId: thread }) };
}

/** Posts one message. */
export async function sendWebex(
  payload: JsonValue,
  {
    conversation,
    signal,
    openFile,
  }: { readonly conversation: string; readonly signal: AbortSignal; readonly openFile?: OpenFile },
  { api, pace, world, known }: WebexSending,
): Promise<SendResult> {
  if (!isJsonObject(payload)) return { kind: "failed", error: "MESSAGING_PAYLOAD_INVALID" };
  const opened = await openSent(payload, { openFile, nowMs: world.nowMs() });
  if (opened.kind === "failed" || opened.kind === "retry") return opened;
  const readyAtMs = await pace.awaitTurn(conversation, { world, signal });
  if (readyAtMs !== undefined) return { kind: "retry", error: "MESSAGING_RATE_LIMITED", notBeforeMs: readyAtMs };
  const target = targetOf(conversation);
  const result = await inWords(() =>
    opened.kind === "file"
      ? sendWebexFile(target, opened.upload, { ...api, signal })
      : callWebex("messages", { ...api, signal, body: { ...target, ...payload } }),
  );
  const nowMs = world.nowMs();
  if (typeof result === "string") return { kind: "retry", error: result, notBeforeMs: nowMs + CREDENTIAL_MS };
  if (result.kind === "limited") pace.pause("bot", nowMs + result.retryAfterMs, nowMs);
  const sent = sendResultOf(result, nowMs);
  if (sent.kind === "sent" && sent.receipt !== undefined) {
    if (known.size >= MAX_KNOWN) known.delete(known.values().next().value ?? "");
    known.add(sent.receipt);
  }
  return sent;
}

/** A call's result, or the code of why the token can't be had. */
async function inWords(call: () => Promise<WebexResult>): Promise<WebexResult | ErrorCode> {
  try {
    return await call();
  } catch (error) {
    // The token can't be had or has the wrong form: nothing was sent, and an operator can mend it.
    return toGreenticError(error, "MESSAGING_CREDENTIAL_INVALID", "Read Webex token").code;
  }
}

function sendResultOf(result: WebexResult, nowMs: number): SendResult {
  switch (result.kind) {
    case "ok": {
      const id = textIn(result.answer.id);
      return id === undefined ? { kind: "sent" } : { kind: "sent", receipt: id };
    }
    case "limited":
      return { kind: "retry", error: "MESSAGING_RATE_LIMITED", notBeforeMs: nowMs + result.retryAfterMs };
    case "busy":
    case "unreachable":
      return { kind: "retry", error: "MESSAGING_PLATFORM_UNAVAILABLE", notBeforeMs: nowMs + UNAVAILABLE_MS };
    case "unauthenticated":
      return { kind: "retry", error: "MESSAGING_PLATFORM_UNAUTHENTICATED", notBeforeMs: nowMs + CREDENTIAL_MS };
    case "missing":
    case "refused":
      return { kind: "failed", error: "MESSAGING_PLATFORM_REFUSED" };
    case "denied":
      return { kind: "failed", error: result.code };
    case "server-error":
    case "unknown":
      break;
  }
  return { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" };
}

/**
 * Looks for a message among what the worker said in a direct room since its row was made. Webex keeps no key of ours, so what says the
 * same is taken for it, unless this process knows it for another; `unsent` only once all was seen. In groups bots can't list their own.
 */
export async function readWebexBack(send: DoubtfulSend, { api, world, known }: WebexSending): Promise<ReadBack> {
  const where = directListOf(send.conversation);
  // A file comes back as an address that says nothing of it.
  const isFile = fileIn(send.payload) !== undefined;
  if (where === undefined || isFile || !isJsonObject(send.payload))
    return { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" };
  let before = "";
  for (let page = 0; page < MAX_PAGES; page++) {
    const path = `${where}&max=${PAGE}${before === "" ? "" : `&beforeMessage=${encodeURIComponent(before)}`}`;
    const result = await inWords(() => callWebex(path, { ...api, signal: send.signal }));
    const nowMs = world.nowMs();
    if (typeof result === "string") return { kind: "unknown", error: result, notBeforeMs: nowMs + CREDENTIAL_MS };
    if (result.kind !== "ok") return doubtOf(result, nowMs);
    const sinceMs = send.createdAtMs + ((result.atMs ?? nowMs) - nowMs) - CLOCK_MS;
    const said = objectsIn(result.answer.items);
    const found = said.find((message) => isSame(message, send.payload as JsonObject, { sinceMs, known }));
    if (found !== undefined) return { kind: "sent", ...(typeof found.id === "string" && { receipt: found.id }) };
    const oldest = said.at(-1);
    if (said.length < PAGE || createdMs(oldest) < sinceMs) return { kind: "unsent" };
    before = textIn(oldest?.id) ?? "";
  }
  return { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" };
}

/** The list that a direct room's messages are in, newest first. */
function directListOf(conversation: string): string | undefined {
  const { roomId, parentId, toPersonEmail, toPersonId } = targetOf(conversation);
  if (typeof toPersonEmail === "string") return `messages/direct?personEmail=${encodeURIComponent(toPersonEmail)}`;
  if (typeof toPersonId === "string") return `messages/direct?personId=${encodeURIComponent(toPersonId)}`;
  if (parentId !== undefined || typeof roomId !== "string") return undefined;
  return `messages?roomId=${encodeURIComponent(roomId)}`;
}

function isSame(
  message: JsonObject,
  { text, attachments }: JsonObject,
  { sinceMs, known }: { readonly sinceMs: number; readonly known: ReadonlySet<string> },
): boolean {
  if (message.text !== text || createdMs(message) < sinceMs || known.has(textIn(message.id) ?? "")) return false;
  return objectsIn(message.attachments).length === objectsIn(attachments).length;
}

const createdMs = (message: JsonObject | undefined): number => Date.parse(textIn(message?.created) ?? "");

function doubtOf(result: WebexResult, nowMs: number): ReadBack {
  switch (result.kind) {
    case "limited":
      return { kind: "unknown", error: "MESSAGING_RATE_LIMITED", notBeforeMs: nowMs + result.retryAfterMs };
    case "unauthenticated":
      return { kind: "unknown", error: "MESSAGING_PLATFORM_UNAUTHENTICATED", notBeforeMs: nowMs + CREDENTIAL_MS };
    // A group's room: Webex doesn't let bots see what they said there.
    case "refused":
    case "missing":
    case "denied":
      return { kind: "unknown", error: "MESSAGING_SEND_UNKNOWN" };
    default:
      return { kind: "unknown", error: "MESSAGING_PLATFORM_UNAVAILABLE", notBeforeMs: nowMs + UNAVAILABLE_MS };
  }
}
