/**
 * Files of web chat's conversations, below Direct Line's `conversations/{id}`:
 * POST upload                    what a person sends: one file as the body, or form data with files and an activity
 * GET attachments/{sha256}/{name} what was said with it, for who may read the conversation: by its token, or by the ticket of a link
 * A file is served as a picture, sound or film only where its own first bytes say that it is one; anything else is a download.
 * @see https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-direct-line-3-0-send-activity#send-by-upload
 */
import { isBlobUrl } from "../blob/index.ts";
import type { OpenBlob } from "../blob/index.ts";
import type { FileKeeper, PostedActivity, Provider } from "../messaging/index.ts";
import { isDataUrl, parseActivity, safeFileName, sniff, SNIFF_BYTES } from "../messaging/index.ts";
import { conversationOf } from "../session/index.ts";
import type { Attachment, JsonObject, JsonValue } from "../types/index.ts";
import { GreenticError, isJsonObject, parseJson } from "../types/index.ts";
import { logKeyOf, sessionKeyOf } from "./log-key.ts";
import type { ConversationClaims, ConversationTokens } from "./conversation-tokens.ts";
import type { GatewayAnswer, GatewayRequest } from "./exchange.ts";
import { boundaryOf, readParts } from "./multipart.ts";

/** A conversation, and where its files are. */
export interface Conversation {
  readonly claims: ConversationClaims;
  readonly provider: Provider;
  readonly files: FileKeeper;
}

/** What an upload brought. */
export interface Uploaded {
  /** The activity that it is for; empty where none came along. */
  readonly activity: JsonObject;
  readonly files: readonly Attachment[];
}

const ACTIVITY_TYPE = "application/vnd.microsoft.activity";
const MAX_ACTIVITY_BYTES = 262_144;
/** What an upload may hold beside its largest file. */
const REST_BYTES = 1 << 20;
/** What browsers may show by themselves: nothing that could run. */
const SHOWN: Readonly<Record<string, string>> = {
  "image/png": "image/png",
  "image/jpeg": "image/jpeg",
  "image/gif": "image/gif",
  "image/webp": "image/webp",
  "audio/mpeg": "audio/mpeg",
  "audio/wav": "audio/wav",
  "audio/flac": "audio/flac",
  "application/ogg": "audio/ogg",
  "video/mp4": "video/mp4",
  "video/webm": "video/webm",
};

/** Reads an upload and keeps its files for whoever speaks. @throws GATEWAY_BODY_TOO_LARGE, GATEWAY_MULTIPART_INVALID, STORE_… */
export async function takeUpload(
  request: GatewayRequest,
  { claims, provider, files }: Conversation,
): Promise<Uploaded> {
  const owner = sessionKeyOf(claims, provider);
  const body = request.stream(files.rules.maxBytes + REST_BYTES);
  const type = request.header("content-type");
  const boundary = boundaryOf(type);
  if (boundary === undefined) {
    const name = /filename\s*=\s*"?([^";]+)/i.exec(request.header("content-disposition") ?? "")?.[1];
    return { activity: {}, files: [await files.keep(owner, { content: body, mimeType: type ?? "", name })] };
  }
  let activity: JsonObject = {};
  const kept: Attachment[] = [];
  for await (const part of readParts(body, boundary)) {
    if (part.contentType.toLowerCase().startsWith(ACTIVITY_TYPE) || part.name === "activity") {
      activity = await readActivity(part.content);
      continue;
    }
    const { content, contentType, fileName } = part;
    kept.push(await files.keep(owner, { content, mimeType: contentType, name: fileName }));
  }
  return { activity, files: kept };
}

/** Answers a request for a file of a conversation. @throws GATEWAY_ROUTE_UNKNOWN where it has none of that name */
export async function serveFile(
  { name, hash }: { readonly name: string; readonly hash: string },
  { claims, provider, files }: Conversation,
): Promise<GatewayAnswer> {
  const url = `blob:${hash}`;
  const owners = await files.blobs.owners(claims, url);
  const isOurs = owners.some((owner) => conversationOf(owner) === logKeyOf(claims, provider));
  const blob = isOurs ? await files.blobs.open(claims, url) : undefined;
  if (blob === undefined) throw new GreenticError("GATEWAY_ROUTE_UNKNOWN", "Find file: none of this conversation");
  const shown = await shownType(blob);
  const safe = safeFileName(name, shown ?? "");
  return {
    status: 200,
    headers: {
      "content-type": shown ?? "application/octet-stream",
      "content-disposition": `${shown === undefined ? "attachment" : "inline"}; filename*=UTF-8''${encodeRfc5987(safe)}`,
      "content-security-policy": "sandbox; default-src 'none'",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cache-control": "private, max-age=3600, immutable",
    },
    body: blob,
  };
}

/** Gives the kept files of activities addresses that who reads them can fetch for as long as a token lives. */
export async function linkFiles(
  activities: readonly JsonObject[],
  {
    claims,
    tokens,
    base,
  }: { readonly claims: ConversationClaims; readonly tokens: ConversationTokens; readonly base: string },
): Promise<readonly JsonObject[]> {
  if (!activities.some((activity) => attachmentsOf(activity).some(isKept))) return activities;
  const ticket = await tokens.issueFileTicket(claims);
  const path = `/v1/messaging/webchat/${claims.tenant}/v3/directline/conversations/${claims.conversation}/attachments`;
  const link = (attachment: JsonObject): JsonObject => {
    const { contentUrl, name } = attachment;
    if (typeof contentUrl !== "string" || !isBlobUrl(contentUrl)) return attachment;
    const last = encodeURIComponent(typeof name === "string" ? name : "file");
    return { ...attachment, contentUrl: `${base}${path}/${contentUrl.slice("blob:".length)}/${last}?t=${ticket}` };
  };
  return activities.map((activity) => {
    const attachments = attachmentsOf(activity);
    return attachments.some(isKept) ? { ...activity, attachments: attachments.map(link) } : activity;
  });
}

/** The activity of an upload, with its files. @throws MESSAGING_ACTIVITY_INVALID */
export function activityOfUpload({ activity, files }: Uploaded): PostedActivity {
  const { attachments: _bytes, ...said } = activity;
  const posted = parseActivity({ type: "message", ...said });
  return posted.kind === "said" ? { ...posted, attachments: files } : posted;
}

/** Keeps the files that stand in an activity itself, as `data:` URLs, so that neither inbox nor log hold them. @throws STORE_… */
export async function keepInline(
  activity: PostedActivity,
  { claims, provider, files }: Conversation,
): Promise<PostedActivity> {
  if (activity.kind !== "said" || !activity.attachments.some(({ url }) => isDataUrl(url))) return activity;
  const owner = sessionKeyOf(claims, provider);
  const attachments: Attachment[] = [];
  for (const one of activity.attachments)
    attachments.push(isDataUrl(one.url) ? await files.keepDataUrl(owner, one) : one);
  return { ...activity, attachments };
}

function attachmentsOf({ attachments }: JsonObject): readonly JsonObject[] {
  return Array.isArray(attachments) ? (attachments as readonly JsonValue[]).filter((one) => isJsonObject(one)) : [];
}

const isKept = ({ contentUrl }: JsonObject): boolean => typeof contentUrl === "string" && isBlobUrl(contentUrl);

async function readActivity(content: AsyncIterable<Uint8Array>): Promise<JsonObject> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of content) {
    size += chunk.byteLength;
    if (size > MAX_ACTIVITY_BYTES) throw new GreenticError("GATEWAY_BODY_TOO_LARGE", "Read activity: too large");
    chunks.push(chunk);
  }
  const activity = parseJson(Buffer.concat(chunks, size), { maxBytes: MAX_ACTIVITY_BYTES });
  return isJsonObject(activity) ? activity : {};
}

async function shownType(blob: OpenBlob): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of blob.read()) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size >= SNIFF_BYTES) break;
  }
  const sniffed = sniff(Buffer.concat(chunks, size).subarray(0, SNIFF_BYTES));
  return sniffed.kind === "type" ? SHOWN[sniffed.type] : undefined;
}

function encodeRfc5987(text: string): string {
  return encodeURIComponent(text).replaceAll(/['()*!]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
