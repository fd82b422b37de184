import { isBlobUrl } from "../../blob/index.ts";
import type { Attachment, ChannelMessageEnvelope, JsonObject, JsonValue } from "../../types/index.ts";
import { isJsonObject, toGreenticError } from "../../types/index.ts";
import type { SendResult } from "../../session/index.ts";
import type { OpenFile, OutgoingFile } from "../provider.ts";

/** A store that is away is asked again after this. */
const RETRY_MS = 2_000;

/** A kept file that is to leave: what of an attachment a row holds. */
export interface SentFile {
  readonly url: string;
  readonly name: string;
  readonly mimeType: string;
  readonly sizeBytes: number;
}

/** The files of a message that a channel takes, in order; `fits` says which. */
export function filesOf(message: ChannelMessageEnvelope, fits: (file: SentFile) => boolean): readonly SentFile[] {
  return message.attachments.flatMap((attachment) => {
    const file = fileOf(attachment);
    return file !== undefined && fits(file) ? [file] : [];
  });
}

/** A file as a row keeps it. */
export function fileToJson({ url, name, mimeType, sizeBytes }: SentFile): JsonObject {
  return { url, name, mime_type: mimeType, size_bytes: sizeBytes };
}

/** Reads what {@link fileToJson} made; undefined where a payload has none. */
export function fileIn(payload: JsonValue): SentFile | undefined {
  const file = isJsonObject(payload) ? payload["file"] : undefined;
  return file !== undefined && isJsonObject(file) ? fileOf(file as unknown as Attachment) : undefined;
}

function fileOf({ url, name, mime_type: mimeType, size_bytes: sizeBytes }: Attachment): SentFile | undefined {
  if (!isBlobUrl(url) || name === undefined || sizeBytes === undefined) return undefined;
  return { url, name, mimeType, sizeBytes };
}

/**
 * Opens the file that a payload names; without one, that there is none. Where it can't be opened nothing was sent: `retry` where the
 * store is away, `failed` where it has no such file (any more).
 */
export async function openSent(
  payload: JsonValue,
  { openFile, nowMs }: { readonly openFile: OpenFile | undefined; readonly nowMs: number },
): Promise<OpenedSend> {
  const sent = fileIn(payload);
  if (sent === undefined) return { kind: "none" };
  try {
    const file = await openFile?.(sent.url);
    return file === undefined
      ? { kind: "failed", error: "MESSAGING_FILE_UNAVAILABLE" }
      : { kind: "file", upload: { ...sent, file } };
  } catch (error) {
    const { code } = toGreenticError(error, "MESSAGING_FILE_UNAVAILABLE", "Open file");
    return { kind: "retry", error: code, notBeforeMs: nowMs + RETRY_MS };
  }
}

/** What {@link openSent} found. */
export type OpenedSend =
  | { readonly kind: "none" }
  | { readonly kind: "file"; readonly upload: Upload }
  | Extract<SendResult, { readonly kind: "failed" | "retry" }>;

/** A file that leaves, opened. */
export interface Upload extends SentFile {
  readonly file: OutgoingFile;
}
