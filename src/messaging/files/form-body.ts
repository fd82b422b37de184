import { hash } from "node:crypto";
import type { HttpBody, HttpHeader } from "../../http/index.ts";
import type { OutgoingFile } from "../provider.ts";

/** A file as a form's field. */
export interface FormFile {
  readonly field: string;
  readonly name: string;
  readonly mimeType: string;
  readonly file: OutgoingFile;
}

/**
 * Makes a multipart/form-data body of fields and one file that is read while it is sent.
 * @see RFC 7578; names as browsers write them: quotes and line ends percent-encoded
 */
export function formBody(
  fields: Readonly<Record<string, string>>,
  { field, name, mimeType, file }: FormFile,
): { readonly header: HttpHeader; readonly stream: HttpBody } {
  // Nothing in a file can be made to look like it without knowing the names beside it.
  const seed = JSON.stringify([fields, name, mimeType, file.sizeBytes, globalThis.crypto.randomUUID()]);
  const boundary = `greentic-${hash("sha256", seed).slice(0, 40)}`;
  const parts = Object.entries(fields).map(
    ([key, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(key)}"\r\n\r\n${value}\r\n`,
  );
  const head = Buffer.from(
    `${parts.join("")}--${boundary}\r\nContent-Disposition: form-data; name="${quoted(field)}"; filename="${quoted(name)}"\r\n` +
      `Content-Type: ${mimeType}\r\n\r\n`,
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    header: ["content-type", `multipart/form-data; boundary=${boundary}`],
    stream: {
      sizeBytes: head.byteLength + file.sizeBytes + tail.byteLength,
      read: async function* () {
        yield head;
        yield* file.read();
        yield tail;
      },
    },
  };
}

const quoted = (text: string): string =>
  text.toWellFormed().replaceAll('"', "%22").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
