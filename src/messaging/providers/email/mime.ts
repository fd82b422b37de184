import type { OpenFile } from "../../provider.ts";
import type { MailPayload } from "./project.ts";
import { oneLine } from "./parse-mail.ts";

/** What a mail's head says beside its payload. */
export interface MailHead {
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
  /** With its brackets. */
  readonly messageId: string;
  /** What the thread hangs together by, first among the references. */
  readonly anchor: string | undefined;
  readonly dateMs: number;
}

/** A mail's bytes, or why there are none. */
export type ComposedMail =
  | { readonly kind: "composed"; readonly bytes: Uint8Array }
  | { readonly kind: "too-large" }
  | { readonly kind: "no-file" };

/**
 * Writes a mail: text and HTML as alternatives, files beside them. The same row gives the same bytes but for the date.
 * @see https://www.rfc-editor.org/rfc/rfc3834#section-5 for what marks it as a program's
 */
export async function composeMail(
  payload: MailPayload,
  head: MailHead,
  { openFile, maxBytes }: { readonly openFile?: OpenFile | undefined; readonly maxBytes: number },
): Promise<ComposedMail> {
  const files = await readFiles(payload.files, { openFile, maxBytes });
  if (!Array.isArray(files)) return { kind: files };
  const { default: MailComposer } = await import("nodemailer/lib/mail-composer");
  const bytes = await new MailComposer({
    from: { name: oneLine(head.fromName), address: head.from },
    to: { name: "", address: head.to },
    subject: oneLine(payload.subject),
    messageId: head.messageId,
    date: new Date(head.dateMs),
    ...(payload.inReplyTo === undefined ? {} : { inReplyTo: payload.inReplyTo }),
    references: [
      ...(head.anchor === undefined ? [] : [head.anchor]),
      ...payload.references.filter((name) => name !== head.anchor),
    ],
    headers: {
      "Auto-Submitted": payload.inReplyTo === undefined ? "auto-generated" : "auto-replied",
      "X-Auto-Response-Suppress": "All",
    },
    text: payload.text,
    html: payload.html,
    attachments: files,
    baseBoundary: head.messageId.replaceAll(/[^A-Za-z0-9]/g, "").slice(0, 40),
    disableFileAccess: true,
    disableUrlAccess: true,
  })
    .compile()
    .build();
  return bytes.byteLength > maxBytes ? { kind: "too-large" } : { kind: "composed", bytes };
}

interface ReadFile {
  readonly filename: string;
  readonly content: Buffer;
  readonly contentType: string;
  readonly contentDisposition: "attachment";
}

async function readFiles(
  files: MailPayload["files"],
  { openFile, maxBytes }: { readonly openFile?: OpenFile | undefined; readonly maxBytes: number },
): Promise<ReadFile[] | "too-large" | "no-file"> {
  const read: ReadFile[] = [];
  let total = 0;
  for (const [at, { url, type, name }] of files.entries()) {
    const content = url.startsWith("data:") ? dataOf(url) : await blobOf(url, openFile, maxBytes - total);
    if (typeof content === "string") return content;
    total += content.byteLength;
    if (total > maxBytes) return "too-large";
    const contentType = /^[\w.+-]+\/[\w.+-]+$/.test(type) ? type : "application/octet-stream";
    read.push({ filename: name ?? `file-${at + 1}`, content, contentType, contentDisposition: "attachment" });
  }
  return read;
}

async function blobOf(
  url: string,
  openFile: OpenFile | undefined,
  maxBytes: number,
): Promise<Buffer | "too-large" | "no-file"> {
  const file = await openFile?.(url);
  if (file === undefined) return "no-file";
  if (file.sizeBytes > maxBytes) return "too-large";
  const chunks: Uint8Array[] = [];
  for await (const chunk of file.read()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function dataOf(url: string): Buffer | "no-file" {
  const match = /^data:[^,]{0,200}?(;base64)?,/.exec(url);
  if (match === null) return "no-file";
  const body = url.slice(match[0].length);
  if (match[1] !== undefined) return Buffer.from(body, "base64");
  try {
    return Buffer.from(decodeURIComponent(body));
  } catch {
    return "no-file";
  }
}
