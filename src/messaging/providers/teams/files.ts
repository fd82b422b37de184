/**
 * Teams' files. In: what people attach in personal chats has an address of its own in the organisation's SharePoint, which wants no
 * token; pictures in the text lie at the connector and want the app's. Out: pictures in the message itself.
 * @see https://learn.microsoft.com/microsoftteams/platform/bots/how-to/bots-filesv4
 */
import type { Attachment, JsonObject } from "../../../types/index.ts";
import { isJsonObject } from "../../../types/index.ts";
import { fetchUrl } from "../../files/fetch-url.ts";
import type { SentFile, Upload } from "../../files/outgoing.ts";
import { objectIn, textIn } from "../../json-parts.ts";
import type { FetchedFile, FileRequest } from "../../provider.ts";
import type { OpenHttp } from "../entry.ts";
import type { AppToken } from "./app-token.ts";
import type { ServiceUrls } from "./service-url.ts";

const DOWNLOAD_INFO = "application/vnd.microsoft.teams.file.download.info";
/** Where organisations keep files, in the clouds that the connector's hosts are of. */
const SHAREPOINT_ORIGINS = ["https://*.sharepoint.com", "https://*.sharepoint.us", "https://*.sharepoint-df.com"];
/** A picture in a message. */
const MAX_PICTURE_BYTES = 1 << 20;

/** Whether an attachment is a file or a picture that has an address. */
export function isTeamsFile({ mime_type, content }: Attachment): boolean {
  if (!isJsonObject(content ?? null)) return false;
  const { downloadUrl, content_url: url } = content as JsonObject;
  return mime_type === DOWNLOAD_INFO
    ? typeof downloadUrl === "string"
    : mime_type.startsWith("image/") && typeof url === "string";
}

/** Fetches a file from SharePoint without any credential of ours, a picture from the connector with the app's token. */
export async function fetchTeamsFile(
  { file, maxBytes, signal }: FileRequest,
  { token, urls, openHttp }: { readonly token: AppToken; readonly urls: ServiceUrls; readonly openHttp: OpenHttp },
): Promise<FetchedFile> {
  const content = objectIn(file.content) ?? {};
  if (file.mime_type === DOWNLOAD_INFO) {
    const url = textIn(content["downloadUrl"]) ?? "";
    const address = { url, origins: SHAREPOINT_ORIGINS, followRedirects: true };
    return fetchUrl(address, { openHttp, maxBytes, signal });
  }
  const url = textIn(content["content_url"]) ?? "";
  if (!urls.isHost(url)) return { kind: "refused", error: "MESSAGING_FILE_HOST_REFUSED" };
  const bearer = await token.get().catch(() => undefined);
  if (typeof bearer !== "string") return { kind: "retry", error: "MESSAGING_PLATFORM_UNAUTHENTICATED" };
  const headers = [["authorization", `Bearer ${bearer}`]] as const;
  return fetchUrl({ url, origins: [new URL(url).origin], headers }, { openHttp, maxBytes, signal });
}

/** Whether Teams shows a file in a message: anything but small pictures it wants the person's consent or an organisation's store for. */
export function isTeamsPicture({ mimeType, sizeBytes }: SentFile): boolean {
  return /^image\/(?:png|jpeg|gif)$/.test(mimeType) && sizeBytes > 0 && sizeBytes <= MAX_PICTURE_BYTES;
}

/** The activity of a picture. */
export async function pictureActivity({ name, mimeType, file }: Upload): Promise<JsonObject> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of file.read()) chunks.push(chunk);
  const contentUrl = `data:${mimeType};base64,${Buffer.concat(chunks).toString("base64")}`;
  return { type: "message", attachments: [{ contentType: mimeType, contentUrl, name }] };
}

/** What stands for a picture that Teams didn't take. */
export function pictureText({ name }: SentFile): JsonObject {
  return { type: "message", text: name, textFormat: "plain" };
}
