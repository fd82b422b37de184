import { hash } from "node:crypto";
import { readAddress } from "./address.ts";
import { htmlToText } from "./html-to-text.ts";
import { MAX_READ_UNITS } from "./limits.ts";
import { replyText } from "./reply-text.ts";

/** One header line, unfolded. */
export interface MailHeader {
  /** In lower case. */
  readonly name: string;
  readonly value: string;
}

/** A file within a message. */
export interface MailFile {
  readonly name: string | undefined;
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** A message as it came, read. */
export interface ParsedMail {
  readonly headers: readonly MailHeader[];
  /** The first header of a name, in lower case. */
  readonly header: (name: string) => string | undefined;
  /** As `readAddress` gives it. */
  readonly from: string;
  readonly fromName: string;
  readonly subject: string;
  /** With its brackets; absent where the message has none that is well formed. */
  readonly messageId?: string;
  /** What it answers, the closest first. */
  readonly answers: readonly string[];
  /** What the person wrote, without quotation and signature. */
  readonly text: string;
  /** All of it, where that is more. */
  readonly wholeText?: string;
  readonly isShortened: boolean;
  readonly files: readonly MailFile[];
  /** The same for every copy of the message, by whatever way it came. */
  readonly dedupeKey: string;
}

const MAX_DEPTH = 32;
const MAX_HEADER_BYTES = 512 << 10;
const MAX_NAMES = 100;
const MAX_FILES = 100;
/** A From header, in UTF-16 units; one name and address are far shorter. */
const MAX_SENDER_UNITS = 2_000;

/**
 * Reads a message. Undefined where it can't be: it has no one sender, or is built so that it can't be read within bounds. Never throws,
 * whatever the bytes.
 */
export async function parseMail(raw: Uint8Array): Promise<ParsedMail | undefined> {
  const { default: PostalMime } = await import("postal-mime");
  const parsed = await PostalMime.parse(raw, { maxNestingDepth: MAX_DEPTH, maxHeadersSize: MAX_HEADER_BYTES }).catch(
    () => undefined,
  );
  if (parsed === undefined) return undefined;
  const headers = parsed.headers.map(({ key, value }) => ({ name: key, value }));
  const header = (name: string): string | undefined => headers.find((one) => one.name === name)?.value;
  // Several From headers, or several people in one, mean something else to every reader (RFC 7489 6.6.1).
  if (headers.filter(({ name }) => name === "from").length !== 1) return undefined;
  const from = readAddress(parsed.from?.address);
  if (from === undefined || isSeveral(header("from") ?? "")) return undefined;
  const messageId = namesIn(header("message-id") ?? "").at(0);
  const whole = plain(parsed.text?.trim() ? parsed.text : htmlToText(parsed.html ?? ""));
  const text = replyText(whole);
  return {
    headers,
    header,
    from,
    fromName: oneLine(parsed.from?.name ?? ""),
    subject: oneLine(parsed.subject ?? ""),
    ...(messageId === undefined ? {} : { messageId }),
    answers: [
      ...new Set([
        ...namesIn(header("in-reply-to") ?? "").toReversed(),
        ...namesIn(header("references") ?? "").toReversed(),
      ]),
    ],
    text: text.slice(0, MAX_READ_UNITS).toWellFormed(),
    ...(text === whole ? {} : { wholeText: whole.slice(0, MAX_READ_UNITS).toWellFormed() }),
    isShortened: whole.length > MAX_READ_UNITS,
    files: parsed.attachments.slice(0, MAX_FILES).map(({ filename, mimeType, content }) => ({
      name: filename === null ? undefined : oneLine(filename).slice(0, 255) || undefined,
      type: /^[\w.+-]+\/[\w.+-]+$/.test(mimeType) ? mimeType : "application/octet-stream",
      bytes: typeof content === "string" ? Buffer.from(content) : bytesOf(content),
    })),
    dedupeKey: dedupeKeyOf(raw, messageId ?? `${from}\n${header("date") ?? ""}\n${header("subject") ?? ""}`),
  };
}

/** The Message-IDs in a header, at most 100. */
export function namesIn(value: string): readonly string[] {
  return (value.slice(0, 65_536).match(/<[\x21-\x3b\x3d\x3f-\x7e]{1,250}>/g) ?? []).slice(0, MAX_NAMES);
}

/** A text on one line, without control characters. */
export function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
}

/**
 * Message-ID and body: servers on the way add headers, nobody touches the body, and who takes another's Message-ID for a text of their
 * own doesn't keep the other's away.
 */
function dedupeKeyOf(raw: Uint8Array, name: string): string {
  const buffer = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  const end = buffer.indexOf("\r\n\r\n");
  const body = end < 0 ? buffer.subarray(Math.max(0, buffer.indexOf("\n\n"))) : buffer.subarray(end);
  return `mail:${hash("sha256", `${name}\n${hash("sha256", body, "hex")}`, "base64url")}`;
}

function isSeveral(value: string): boolean {
  if (value.length > MAX_SENDER_UNITS) return true;
  // What stands within quotes and comments isn't a separator.
  const bare = value.replaceAll(/"(?:[^"\\]|\\.)*"/g, "").replaceAll(/\([^()]*\)/g, "");
  return /[,;]/.test(bare) || (bare.match(/</g)?.length ?? 0) > 1;
}

const plain = (text: string): string =>
  text.replaceAll("\r\n", "\n").replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, "");

const bytesOf = (content: ArrayBuffer | Uint8Array): Uint8Array =>
  content instanceof Uint8Array ? content : new Uint8Array(content);
