import type { BlobStore } from "../../blob/index.ts";
import type { Attachment, ErrorCode, SessionKeyText } from "../../types/index.ts";
import { isGreenticError } from "../../types/index.ts";
import { readDataUrl } from "./data-url.ts";
import { safeFileName } from "./file-name.ts";
import type { FileRules } from "./rules.ts";
import { judgeFile, plainType } from "./rules.ts";
import { SNIFF_BYTES } from "./sniff.ts";

/** A file on its way in. */
export interface IncomingFile {
  readonly content: AsyncIterable<Uint8Array>;
  /** What it claims to be. */
  readonly mimeType: string;
  readonly name?: string | undefined;
}

/** Bounds files by what else their tenants keep. */
export interface FileRoom {
  /** Bytes that may be kept beside what there is, for whoever owns a session. @throws STORE_UNAVAILABLE */
  left(owner: SessionKeyText): Promise<number>;
  /** Hears what was kept. */
  taken(owner: SessionKeyText, sizeBytes: number): void;
  /** Hears of a file that there was no room for; `isOwn` as of `keep`. */
  refused(owner: SessionKeyText, file: { readonly isOwn: boolean }): void;
}

/** What keeping files needs. */
export interface FileKeeperOptions {
  readonly blobs: BlobStore;
  readonly rules: FileRules;
  /** How long a file is kept at least, by whose it is; after that as long as its session is there. */
  readonly keepMs: (owner: SessionKeyText) => number;
  readonly nowMs: () => number;
  /** Default: as much as anybody sends. */
  readonly room?: FileRoom;
}

/** Keeps files by the host's rules: what is taken is named by its attachment, what is refused says why in it. */
export class FileKeeper {
  readonly blobs: BlobStore;
  readonly rules: FileRules;
  readonly #options: FileKeeperOptions;

  constructor(options: FileKeeperOptions) {
    this.#options = options;
    this.blobs = options.blobs;
    this.rules = options.rules;
  }

  /** Until when a file that is kept now stays. */
  keepUntilMs(owner: SessionKeyText): number {
    return this.#options.nowMs() + this.#options.keepMs(owner);
  }

  /**
   * Keeps a file for a session. One that a flow itself sends (`isOwn`) is of the type that it says.
   * @throws STORE_UNAVAILABLE, STORE_READ_ONLY, and what the content throws
   */
  async keep(
    owner: SessionKeyText,
    file: IncomingFile,
    { isOwn = false }: { readonly isOwn?: boolean } = {},
  ): Promise<Attachment> {
    const { blobs, rules } = this;
    const { room } = this.#options;
    const reading = file.content[Symbol.asyncIterator]();
    let leftBytes = Number.POSITIVE_INFINITY;
    try {
      const head = await readHead(reading);
      const verdict = judgeFile(head.subarray(0, SNIFF_BYTES), { mimeType: file.mimeType, name: file.name }, rules);
      const type = isOwn ? plainType(file.mimeType) : verdict.type;
      const name = isOwn ? safeFileName(file.name, type) : verdict.name;
      if (verdict.kind === "refused" && !isOwn) return refusedFile({ name, mime_type: type }, verdict.error);
      leftBytes = (await room?.left(owner)) ?? leftBytes;
      const whole = rest(head, reading);
      const { url, sizeBytes } = await blobs.put(owner, whole, {
        maxBytes: Math.min(rules.maxBytes, leftBytes),
        keepUntilMs: this.keepUntilMs(owner),
      });
      room?.taken(owner, sizeBytes);
      return { mime_type: type, name, size_bytes: sizeBytes, url };
    } catch (error) {
      if (isGreenticError(error, "BLOB_TOO_LARGE") && leftBytes < rules.maxBytes) {
        room?.refused(owner, { isOwn });
        return refusedFile({ mime_type: file.mimeType, name: file.name }, "POLICY_QUOTA_EXCEEDED");
      }
      if (isGreenticError(error, "BLOB_TOO_LARGE") || isGreenticError(error, "HTTP_RESPONSE_TOO_LARGE"))
        return refusedFile({ mime_type: file.mimeType, name: file.name }, "MESSAGING_FILE_TOO_LARGE");
      throw error;
    } finally {
      await reading.return?.();
    }
  }

  /** Keeps the bytes of a `data:` URL for a session. @throws STORE_UNAVAILABLE, STORE_READ_ONLY */
  async keepDataUrl(
    owner: SessionKeyText,
    attachment: Attachment,
    options: { readonly isOwn?: boolean } = {},
  ): Promise<Attachment> {
    const data = readDataUrl(attachment.url ?? "");
    if (data === undefined) return refusedFile(attachment, "MESSAGING_FILE_UNREADABLE");
    const { bytes, mimeType } = data;
    const content = (async function* (): AsyncGenerator<Uint8Array, void> {
      yield bytes;
    })();
    return this.keep(owner, { content, mimeType, name: attachment.name }, options);
  }

  /** An attachment of a kept file with a name that is safe and there. */
  named(attachment: Attachment): Attachment {
    const mime_type = plainType(attachment.mime_type ?? "");
    return { ...attachment, mime_type, name: safeFileName(attachment.name, mime_type) };
  }
}

/** The attachment of a file that isn't kept: what it was, and the code of why. */
export function refusedFile(
  {
    mime_type,
    name,
    size_bytes,
  }: { readonly mime_type: string; readonly name?: string | undefined; readonly size_bytes?: number },
  error: ErrorCode,
): Attachment {
  const type = plainType(mime_type);
  return {
    mime_type: type,
    name: safeFileName(name, type),
    ...(size_bytes === undefined ? {} : { size_bytes }),
    content: { code: error },
  };
}

/** Reads what decides about a file; the rest stays to be read. */
async function readHead(reading: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (size < SNIFF_BYTES) {
    const next = await reading.next();
    if (next.done === true) break;
    chunks.push(next.value);
    size += next.value.byteLength;
  }
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, size);
}

async function* rest(head: Uint8Array, reading: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  if (head.byteLength > 0) yield head;
  for (;;) {
    const next = await reading.next();
    if (next.done === true) return;
    yield next.value;
  }
}
