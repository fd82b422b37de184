/**
 * Slack's files. In: `url_private_download` with the bot's token, from Slack's own host alone. Out: `files.getUploadURLExternal`, the
 * bytes, `files.completeUploadExternal`, which alone makes a message; what came before may be repeated. Needs `files:read` and
 * `files:write`.
 * @see https://docs.slack.dev/messaging/working-with-files
 */
import { hash } from "node:crypto";
import type { Attachment, JsonObject, JsonValue } from "../../../types/index.ts";
import { isJsonObject } from "../../../types/index.ts";
import { fetchUrl } from "../../files/fetch-url.ts";
import type { SentFile, Upload } from "../../files/outgoing.ts";
import { objectIn, objectsIn, textIn } from "../../json-parts.ts";
import type { FetchedFile, FileRequest } from "../../provider.ts";
import type { OpenHttp } from "../entry.ts";
import { unansweredOf } from "../reach.ts";
import type { SlackApi, SlackResult } from "./web-api.ts";
import { callSlack } from "./web-api.ts";

const FILES_ORIGIN = "https://files.slack.com";
/** Slack takes a gigabyte; what a send has time for is less. */
const MAX_FILE_BYTES = 100_000_000;
const UPLOAD_MS = 40_000;

/** Whether an attachment is a file by its id. */
export function isSlackFile({ content }: Attachment): boolean {
  return isJsonObject(content ?? null) && textIn((content as JsonObject)["file_id"]) !== undefined;
}

/** Fetches a file with the bot's token. */
export async function fetchSlackFile(
  { file, maxBytes, signal }: FileRequest,
  { api, openHttp }: { readonly api: SlackApi; readonly openHttp: OpenHttp },
): Promise<FetchedFile> {
  const content = objectIn(file.content) ?? {};
  let token: string;
  let url = textIn(content["url"]);
  try {
    token = await api.token();
    // Shared channels' files come without their address.
    if (url === undefined) {
      const info = await callSlack("files.info", { file: content["file_id"] ?? "" }, { ...api, signal });
      if (info.kind === "refused") return { kind: "refused", error: "MESSAGING_FILE_UNAVAILABLE" };
      if (info.kind !== "ok") return { kind: "retry", error: "MESSAGING_FILE_UNAVAILABLE" };
      url = textIn(objectIn(info.answer["file"])?.["url_private_download"]);
    }
  } catch {
    return { kind: "retry", error: "MESSAGING_PLATFORM_UNAUTHENTICATED" };
  }
  if (url === undefined) return { kind: "refused", error: "MESSAGING_FILE_UNREADABLE" };
  const address = { url, origins: [FILES_ORIGIN], headers: [["authorization", `Bearer ${token}`]] as const };
  const fetched = await fetchUrl(address, { openHttp, maxBytes, signal });
  // Without the scope Slack answers with a page to log in on.
  const isPage = fetched.kind === "fetched" && /^text\/html/i.test(fetched.mimeType ?? "");
  return isPage && !file.mime_type.startsWith("text/html")
    ? { kind: "refused", error: "MESSAGING_PLATFORM_UNAUTHENTICATED" }
    : fetched;
}

/** Whether Slack takes a file. */
export function isSlackSized({ sizeBytes }: SentFile): boolean {
  return sizeBytes > 0 && sizeBytes <= MAX_FILE_BYTES;
}

/** Uploads a file and shares it as a message. Until the last step nobody sees anything, so that only it can be in doubt. */
export async function shareSlackFile(
  upload: Upload,
  {
    channel,
    thread,
    idempotencyKey,
  }: { readonly channel: string; readonly thread?: string | undefined; readonly idempotencyKey: string },
  options: SlackApi & { readonly signal: AbortSignal },
): Promise<SlackResult> {
  const length = upload.sizeBytes;
  const place = await callSlack(
    "files.getUploadURLExternal",
    { filename: keyedName(upload.name, idempotencyKey), length },
    options,
  );
  if (place.kind !== "ok") return place.kind === "unknown" ? { kind: "unreachable" } : place;
  const { upload_url: url, file_id: id } = place.answer;
  if (typeof url !== "string" || typeof id !== "string" || URL.parse(url)?.origin !== FILES_ORIGIN)
    return { kind: "denied", code: "MESSAGING_FILE_HOST_REFUSED" };
  const status = await put(url, upload, options);
  if (status === undefined || status >= 500) return { kind: "unreachable" };
  if (status !== 200) return { kind: "refused", error: `http_${status}` };
  const files = [{ id, title: upload.name }];
  const body: JsonObject = { files, channel_id: channel, ...(thread === undefined ? {} : { thread_ts: thread }) };
  return callSlack("files.completeUploadExternal", body, options);
}

/** Whether a message of the history is what a row's file became: by its name, which holds the row's key. */
export function hasSharedFile(message: JsonValue, { name }: SentFile, idempotencyKey: string): boolean {
  const files = isJsonObject(message) ? objectsIn(message["files"]) : [];
  return files.some((file) => file["name"] === keyedName(name, idempotencyKey));
}

async function put(
  url: string,
  { file }: Upload,
  { http, signal }: SlackApi & { readonly signal: AbortSignal },
): Promise<number | undefined> {
  try {
    const { status } = await http(
      {
        method: "POST",
        url,
        headers: [["content-type", "application/octet-stream"]],
        stream: file,
        timeoutMs: UPLOAD_MS,
        origins: [FILES_ORIGIN],
        followRedirects: false,
      },
      { signal },
    );
    return status;
  } catch (error) {
    return unansweredOf(error).kind === "denied" ? 403 : undefined;
  }
}

/** A file's name with a mark of the row that it is of: people see the title, which has none. */
function keyedName(name: string, idempotencyKey: string): string {
  const mark = hash("sha256", idempotencyKey).slice(0, 8);
  const dot = name.lastIndexOf(".");
  return dot > 0 ? `${name.slice(0, dot)}-${mark}${name.slice(dot)}` : `${name}-${mark}`;
}
