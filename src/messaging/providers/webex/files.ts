/**
 * Webex' files. In: their address with the bot's token, from Webex' own host alone; while one is scanned for malware it is locked (423).
 * Out: the message as a form, one file each.
 * @see https://developer.webex.com/docs/api/basics#message-attachments
 */
import type { Attachment, JsonObject } from "../../../types/index.ts";
import { fetchUrl } from "../../files/fetch-url.ts";
import type { SentFile, Upload } from "../../files/outgoing.ts";
import { objectIn, textIn } from "../../json-parts.ts";
import type { FetchedFile, FileRequest } from "../../provider.ts";
import type { OpenHttp } from "../entry.ts";
import type { WebexApi, WebexResult } from "./api.ts";
import { bearerOf, postWebexForm, WEBEX_ORIGIN } from "./api.ts";

/** What Webex takes. */
const MAX_FILE_BYTES = 100_000_000;
const CONTENTS = `${WEBEX_ORIGIN}/v1/contents/`;

/** Whether an attachment is a file of Webex. */
export function isWebexFile({ content }: Attachment): boolean {
  return textIn(objectIn(content)?.content_url)?.startsWith(CONTENTS) === true;
}

/** Fetches a file with the bot's token. */
export async function fetchWebexFile(
  { file, maxBytes, signal }: FileRequest,
  { api, openHttp }: { readonly api: WebexApi; readonly openHttp: OpenHttp },
): Promise<FetchedFile> {
  const url = textIn(objectIn(file.content)?.content_url) ?? "";
  let bearer: string;
  try {
    bearer = await bearerOf(api.token);
  } catch {
    return { kind: "retry", error: "MESSAGING_PLATFORM_UNAUTHENTICATED" };
  }
  const address = { url, origins: [WEBEX_ORIGIN], headers: [["authorization", `Bearer ${bearer}`]] as const };
  return fetchUrl(address, { openHttp, maxBytes, signal });
}

/** Whether Webex takes a file. */
export function isWebexSized({ sizeBytes }: SentFile): boolean {
  return sizeBytes > 0 && sizeBytes <= MAX_FILE_BYTES;
}

/** Posts a file as a message. @throws as `callWebex` */
export async function sendWebexFile(
  target: JsonObject,
  { name, mimeType, file }: Upload,
  options: WebexApi & { readonly signal: AbortSignal },
): Promise<WebexResult> {
  const fields = Object.entries(target).flatMap(([key, value]) => (typeof value === "string" ? [[key, value]] : []));
  return postWebexForm("messages", {
    ...options,
    fields: Object.fromEntries(fields) as Record<string, string>,
    file: { field: "files", name, mimeType, file },
  });
}
