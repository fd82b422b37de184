/**
 * Telegram's files. In: `getFile` gives a path that is fetched with the token in its address, so that neither leaves this folder.
 * Out: `sendPhoto` and `sendDocument` as forms.
 * @see https://core.telegram.org/bots/api#getfile
 * @see https://core.telegram.org/bots/api#sending-files
 */
import type { Attachment, JsonObject } from "../../../types/index.ts";
import { isJsonObject } from "../../../types/index.ts";
import { fetchUrl } from "../../files/fetch-url.ts";
import type { SentFile, Upload } from "../../files/outgoing.ts";
import { objectIn, textIn } from "../../json-parts.ts";
import type { FetchedFile, FileRequest } from "../../provider.ts";
import type { OpenHttp } from "../entry.ts";
import type { BotApiOptions, BotApiResult } from "./bot-api.ts";
import { callBotApi, callBotApiWithFile, TELEGRAM_ORIGIN } from "./bot-api.ts";

/** What a bot may fetch. */
const MAX_FETCHED_BYTES = 20_000_000;
/** What a bot may send: pictures that are shown, and other files. */
const MAX_PHOTO_BYTES = 10_000_000;
const MAX_DOCUMENT_BYTES = 50_000_000;
const FILE_PATH = /^[\w-]+(?:[./][\w-]+)*$/;

/** Whether an attachment is a file by its id. */
export function isTelegramFile({ content }: Attachment): boolean {
  return isJsonObject(content ?? null) && textIn((content as JsonObject)["file_id"]) !== undefined;
}

/** Fetches a file by its id. */
export async function fetchTelegramFile(
  { file, maxBytes, signal }: FileRequest,
  { api, openHttp }: { readonly api: BotApiOptions; readonly openHttp: OpenHttp },
): Promise<FetchedFile> {
  if ((file.size_bytes ?? 0) > MAX_FETCHED_BYTES) return { kind: "refused", error: "MESSAGING_FILE_TOO_LARGE" };
  let found: BotApiResult;
  let token: string;
  try {
    token = await api.token();
    found = await callBotApi("getFile", { file_id: objectIn(file.content)?.["file_id"] ?? "" }, { ...api, signal });
  } catch {
    return { kind: "retry", error: "MESSAGING_PLATFORM_UNAUTHENTICATED" };
  }
  if (found.kind === "rejected") {
    const isUnknown = found.status === 401 || found.status === 404;
    return { kind: "refused", error: isUnknown ? "MESSAGING_PLATFORM_UNAUTHENTICATED" : "MESSAGING_FILE_UNAVAILABLE" };
  }
  if (found.kind !== "ok") return { kind: "retry", error: "MESSAGING_FILE_UNAVAILABLE" };
  const path = textIn(objectIn(found.result)?.["file_path"]) ?? "";
  if (!FILE_PATH.test(path)) return { kind: "refused", error: "MESSAGING_FILE_UNREADABLE" };
  const url = `${TELEGRAM_ORIGIN}/file/bot${token}/${path}`;
  const fetched = await fetchUrl({ url, origins: [TELEGRAM_ORIGIN] }, { openHttp, maxBytes, signal });
  // It calls everything application/octet-stream; what the message said is better.
  return fetched.kind === "fetched" ? { kind: "fetched", content: fetched.content } : fetched;
}

/** Whether Telegram takes a file. */
export function isTelegramSized({ sizeBytes }: SentFile): boolean {
  return sizeBytes > 0 && sizeBytes <= MAX_DOCUMENT_BYTES;
}

/** Sends a file: a picture as one, unless Telegram finds it unfit, anything else as a document. @throws as `callBotApi` */
export async function sendTelegramFile(
  target: JsonObject,
  upload: Upload,
  options: BotApiOptions & { readonly signal: AbortSignal },
): Promise<BotApiResult> {
  const fields = Object.fromEntries(Object.entries(target).map(([name, value]) => [name, JSON.stringify(value)]));
  const { name, mimeType, sizeBytes, file } = upload;
  const part = { name, mimeType, file };
  if (/^image\/(?:jpeg|png)$/.test(mimeType) && sizeBytes <= MAX_PHOTO_BYTES) {
    const result = await callBotApiWithFile("sendPhoto", fields, { ...part, field: "photo" }, options);
    // Its sides or their proportion may be more than it shows: nothing was sent then.
    if (result.kind !== "rejected" || result.status !== 400) return result;
  }
  return callBotApiWithFile("sendDocument", fields, { ...part, field: "document" }, options);
}
