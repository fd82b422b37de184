/**
 * A multipart/form-data body, part by part while it arrives:
 * delimiter CRLF headers CRLF CRLF content, again and again, and a delimiter with two dashes behind it at the end.
 * @see RFC 7578, RFC 2046 section 5.1.1
 */
import { GreenticError } from "../types/index.ts";

/** One part; what isn't read of its content before the next part is asked for is skipped. */
export interface BodyPart {
  readonly name: string | undefined;
  readonly fileName: string | undefined;
  readonly contentType: string;
  readonly content: AsyncIterable<Uint8Array>;
}

const MAX_PARTS = 32;
const MAX_HEADER_BYTES = 8_192;
const CRLF = Buffer.from("\r\n");
const HEADERS_END = Buffer.from("\r\n\r\n");

/** The boundary of a multipart/form-data content type; undefined for any other type. */
export function boundaryOf(contentType: string | undefined): string | undefined {
  const [, quoted, plain] =
    /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType ?? "") ?? [];
  return quoted ?? plain;
}

/** Reads the parts of a body, at most 32. @throws GATEWAY_MULTIPART_INVALID, and what the body throws */
export async function* readParts(body: AsyncIterable<Uint8Array>, boundary: string): AsyncGenerator<BodyPart, void> {
  const reader = new PartReader(body, boundary);
  // What stands before the first delimiter means nothing.
  for await (const _preamble of reader.untilDelimiter());
  for (let count = 0; await reader.hasPart(); count++) {
    if (count === MAX_PARTS) throw invalid(`more than ${MAX_PARTS} parts`);
    const headers = await reader.headers();
    const disposition = headers.get("content-disposition") ?? "";
    yield {
      name: parameterOf(disposition, "name"),
      fileName: fileNameOf(disposition),
      contentType: headers.get("content-type") ?? "text/plain",
      content: reader.untilDelimiter(),
    };
    // What nobody read of a part still stands before the next one.
    if (reader.isInPart) for await (const _left of reader.untilDelimiter());
  }
}

class PartReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #delimiter: Buffer;
  // The first delimiter may stand at the very beginning, without the line end that the others have.
  #buffer: Buffer = CRLF;
  /** Whether a part was begun whose delimiter wasn't taken yet. */
  isInPart = false;

  constructor(body: AsyncIterable<Uint8Array>, boundary: string) {
    this.#chunks = body[Symbol.asyncIterator]();
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
  }

  /** Gives what comes before the next delimiter, and takes that. */
  async *untilDelimiter(): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const at = this.#buffer.indexOf(this.#delimiter);
      if (at >= 0) {
        const rest = this.#buffer.subarray(0, at);
        this.#buffer = this.#buffer.subarray(at + this.#delimiter.length);
        this.isInPart = false;
        if (rest.length > 0) yield rest;
        return;
      }
      // A delimiter may have begun.
      const safe = this.#buffer.length - this.#delimiter.length + 1;
      if (safe > 0) {
        yield this.#buffer.subarray(0, safe);
        this.#buffer = this.#buffer.subarray(safe);
      }
      await this.#more();
    }
  }

  /** Whether a part follows the delimiter that was taken last. */
  async hasPart(): Promise<boolean> {
    while (this.#buffer.length < 2) await this.#more();
    if (this.#buffer.subarray(0, 2).toString("latin1") === "--") return false;
    const end = await this.#find(CRLF);
    if (!/^[ \t]*$/.test(this.#buffer.subarray(0, end).toString("latin1"))) throw invalid("text behind a delimiter");
    // The line end stays: headers are looked for behind it.
    this.#buffer = this.#buffer.subarray(end);
    return true;
  }

  async headers(): Promise<ReadonlyMap<string, string>> {
    const end = await this.#find(HEADERS_END);
    const lines = this.#buffer.subarray(0, end).toString().split("\r\n");
    this.#buffer = this.#buffer.subarray(end + HEADERS_END.length);
    this.isInPart = true;
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(":");
      if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
    }
    return headers;
  }

  async #find(mark: Buffer): Promise<number> {
    for (;;) {
      const at = this.#buffer.indexOf(mark);
      if (at >= 0) return at;
      if (this.#buffer.length > MAX_HEADER_BYTES) throw invalid(`headers of more than ${MAX_HEADER_BYTES} bytes`);
      await this.#more();
    }
  }

  async #more(): Promise<void> {
    const next = await this.#chunks.next();
    if (next.done === true) throw invalid("no delimiter at the end");
    this.#buffer = this.#buffer.length === 0 ? Buffer.from(next.value) : Buffer.concat([this.#buffer, next.value]);
  }
}

/** `filename*` counts where both are there. @see RFC 6266 section 4.3 */
function fileNameOf(disposition: string): string | undefined {
  const encoded = /;\s*filename\*\s*=\s*utf-8'[^']*'([^\s;]+)/i.exec(disposition)?.[1];
  if (encoded !== undefined) {
    try {
      return decodeURIComponent(encoded);
    } catch {
      // Then the plain one.
    }
  }
  return parameterOf(disposition, "filename");
}

/** Reads a parameter as browsers write it: quotes and line ends in names are percent-encoded, nothing else is. */
function parameterOf(disposition: string, name: string): string | undefined {
  const value = new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^\\s;"]+))`, "i").exec(disposition);
  return (value?.[1] ?? value?.[2])?.replaceAll(/%(22|0D|0A)/gi, (_all, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
}

function invalid(state: string): GreenticError {
  return new GreenticError("GATEWAY_MULTIPART_INVALID", `Read form data: ${state}`);
}
