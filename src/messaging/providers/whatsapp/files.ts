/**
 * WhatsApp's media. In: an id gives an address that lives five minutes and wants the token. Out: a file is uploaded to the number and
 * sent by the id that it gets; uploading shows nobody anything, so that it may be repeated.
 * @see https://developers.facebook.com/documentation/business-messaging/whatsapp/business-phone-numbers/media
 */
import type { HttpRequest, HttpResponse } from "../../../http/index.ts";
import type { Attachment, JsonObject } from "../../../types/index.ts";
import { isJsonObject, parseJson } from "../../../types/index.ts";
import { fetchUrl } from "../../files/fetch-url.ts";
import { formBody } from "../../files/form-body.ts";
import type { SentFile, Upload } from "../../files/outgoing.ts";
import { objectIn, textIn } from "../../json-parts.ts";
import type { FetchedFile, FileRequest } from "../../provider.ts";
import type { OpenHttp } from "../entry.ts";
import { unansweredOf } from "../reach.ts";
import type { GraphOptions, GraphResult } from "./send.ts";
import { GRAPH_ORIGIN } from "./send.ts";

/** Where media are: the only host beside the Graph API's that gets the token. */
const MEDIA_ORIGIN = "https://lookaside.fbsbx.com";
const TIMEOUT_MS = 20_000;
const UPLOAD_MS = 40_000;
const OFFICE =
  /^application\/(?:pdf|msword|vnd\.ms-(?:excel|powerpoint)|vnd\.openxmlformats-officedocument\.(?:wordprocessingml\.document|spreadsheetml\.sheet|presentationml\.presentation))$/;

/** What the platform takes: by type, and how large. */
const KINDS: readonly { readonly kind: string; readonly types: RegExp; readonly maxBytes: number }[] = [
  { kind: "image", types: /^image\/(?:jpeg|png)$/, maxBytes: 5 << 20 },
  { kind: "audio", types: /^audio\/(?:aac|amr|mpeg|mp4|ogg)$/, maxBytes: 16 << 20 },
  { kind: "video", types: /^video\/(?:mp4|3gpp)$/, maxBytes: 16 << 20 },
  { kind: "document", types: new RegExp(`${OFFICE.source}|^text/plain$`), maxBytes: 100 << 20 },
];

/** Whether an attachment is media by their id. */
export function isWhatsAppFile({ content }: Attachment): boolean {
  return isJsonObject(content ?? null) && textIn((content as JsonObject)["media_id"]) !== undefined;
}

/** Fetches media by their id. */
export async function fetchWhatsAppFile(
  { file, maxBytes, signal }: FileRequest,
  { graph, openHttp }: { readonly graph: GraphOptions; readonly openHttp: OpenHttp },
): Promise<FetchedFile> {
  const id = textIn(objectIn(file.content)?.["media_id"]) ?? "";
  if (!/^\d{1,40}$/.test(id)) return { kind: "refused", error: "MESSAGING_FILE_UNREADABLE" };
  const found = await ask(
    { method: "GET", path: `${id}?phone_number_id=${graph.phoneNumberId}` },
    { ...graph, signal },
  );
  if (found.kind === "refused") {
    const isUnknown = found.status === 401 || found.status === 403;
    return { kind: "refused", error: isUnknown ? "MESSAGING_PLATFORM_UNAUTHENTICATED" : "MESSAGING_FILE_UNAVAILABLE" };
  }
  if (found.kind === "failed") return { kind: "retry", error: "MESSAGING_FILE_UNAVAILABLE" };
  const { url, mime_type: mimeType, file_size: size } = found.answer;
  if (typeof url !== "string") return { kind: "refused", error: "MESSAGING_FILE_UNREADABLE" };
  if (Number(size) > maxBytes) return { kind: "refused", error: "MESSAGING_FILE_TOO_LARGE" };
  const headers = [["authorization", `Bearer ${found.bearer}`]] as const;
  const fetched = await fetchUrl({ url, origins: [MEDIA_ORIGIN], headers }, { openHttp, maxBytes, signal });
  if (fetched.kind !== "fetched") return fetched;
  return { kind: "fetched", content: fetched.content, ...(typeof mimeType === "string" ? { mimeType } : {}) };
}

/** Whether WhatsApp takes a file. */
export function isWhatsAppSized(file: SentFile): boolean {
  return kindOf(file) !== undefined;
}

/** The message of a file that was uploaded. */
export function mediaBody(file: SentFile, id: string): JsonObject {
  const kind = kindOf(file) ?? "document";
  return { type: kind, [kind]: { id, ...(kind === "document" ? { filename: file.name } : {}) } };
}

/** Uploads a file; gives its id, or how the call ended. @throws whatever the token's source throws */
export async function uploadMedia(
  upload: Upload,
  options: GraphOptions & { readonly signal: AbortSignal },
): Promise<string | GraphResult> {
  const { name, mimeType, file } = upload;
  const { header, stream } = formBody(
    { messaging_product: "whatsapp", type: mimeType },
    { field: "file", name, mimeType, file },
  );
  const path = `${options.phoneNumberId}/media`;
  const done = await ask({ method: "POST", path, headers: [header], stream, timeoutMs: UPLOAD_MS }, options);
  if (done.kind === "failed") return { kind: "unreachable" };
  if (done.kind === "refused") return { kind: done.status === 401 ? "unauthenticated" : "refused" };
  const id = textIn(done.answer["id"]);
  return id === undefined ? { kind: "refused" } : id;
}

type Asked =
  | { readonly kind: "ok"; readonly answer: JsonObject; readonly bearer: string }
  | { readonly kind: "refused"; readonly status: number }
  | { readonly kind: "failed" };

async function ask(
  {
    path,
    headers = [],
    ...request
  }: Pick<HttpRequest, "method" | "stream" | "timeoutMs"> & {
    readonly path: string;
    readonly headers?: HttpRequest["headers"];
  },
  { http, token, version, signal }: GraphOptions & { readonly signal: AbortSignal },
): Promise<Asked> {
  const bearer = await token();
  if (!/^[\x21-\x7e]+$/.test(bearer)) return { kind: "refused", status: 401 };
  let response: HttpResponse;
  try {
    response = await http(
      {
        timeoutMs: TIMEOUT_MS,
        ...request,
        url: `${GRAPH_ORIGIN}/${version}/${path}`,
        headers: [...headers, ["authorization", `Bearer ${bearer}`]],
        origins: [GRAPH_ORIGIN],
        followRedirects: false,
      },
      { signal },
    );
  } catch (error) {
    return unansweredOf(error).kind === "denied" ? { kind: "refused", status: 403 } : { kind: "failed" };
  }
  if (response.status === 429 || response.status >= 500) return { kind: "failed" };
  if (response.status !== 200) return { kind: "refused", status: response.status };
  try {
    const answer = parseJson(response.body, { maxBytes: 1 << 18 });
    return isJsonObject(answer) ? { kind: "ok", answer, bearer } : { kind: "failed" };
  } catch {
    return { kind: "failed" };
  }
}

function kindOf({ mimeType, sizeBytes }: SentFile): string | undefined {
  return KINDS.find(({ types, maxBytes }) => types.test(mimeType) && sizeBytes > 0 && sizeBytes <= maxBytes)?.kind;
}
