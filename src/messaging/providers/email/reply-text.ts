/**
 * What somebody wrote, without what their program put below: the quoted message and the signature. Careful: only what has a form that
 * nobody types is left out, and where nothing would be left, the whole text stays.
 */

const MAX_SIGNATURE_LINES = 15;
/** Lines that announce a quotation: `On …, Anna <a@b> wrote:` in any language ends with a colon and names a time or an address. */
const ANNOUNCES = /^(?=.{6,400}$)(?=.*(?:\d{1,2}[:.h]\d{2}|@|\d{4})).*[:：]$/;
const OUTLOOK = /^(?:-{2,}|_{5,})\s*(?:[\p{L}\p{M} .]{4,40}\s*-{2,})?$/u;
const HEADER_LINE = /^\*?[\p{L}][\p{L}\p{M} .-]{1,20}\*?:\*?\s*\S/u;

/** Leaves the quotation and the signature out of a text; the same text where it has neither. */
export function replyText(text: string): string {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const kept = withoutSignature(withoutQuotes(withoutForwarded(lines)));
  const reply = kept.join("\n").trim();
  return reply === "" ? text.trim() : reply;
}

const isQuote = (line: string): boolean => line.startsWith(">");
const isBlank = (line: string): boolean => line.trim() === "";

/** Outlook's: a line of dashes or underscores, then at least three header lines (From, Sent, To, Subject in any language). */
function withoutForwarded(lines: readonly string[]): readonly string[] {
  for (const [at, line] of lines.entries()) {
    if (!OUTLOOK.test(line.trim())) continue;
    const below = lines.slice(at + 1, at + 9).filter((one) => !isBlank(one));
    if (below.length >= 3 && below.slice(0, 3).every((one) => HEADER_LINE.test(one.trim()))) return lines.slice(0, at);
  }
  return lines;
}

/** Quoted lines, and the line or two above the first that announce them. */
function withoutQuotes(lines: readonly string[]): readonly string[] {
  if (!lines.some(isQuote)) return lines;
  const kept: string[] = [];
  for (const line of lines) {
    if (!isQuote(line)) kept.push(line);
    else if (kept.length > 0 && kept.at(-1) !== QUOTED) {
      dropAnnouncement(kept);
      kept.push(QUOTED);
    }
  }
  return kept.filter((line) => line !== QUOTED);
}

/** Stands for quoted lines while they are left out. */
const QUOTED = "\u0000";

function dropAnnouncement(kept: string[]): void {
  let end = kept.length;
  while (end > 0 && isBlank(kept[end - 1] ?? "")) end--;
  for (const count of [1, 2, 3]) {
    const start = end - count;
    // A longer announcement is wrapped, so that a blank line or the beginning stands before it.
    const announcement = kept.slice(Math.max(0, start), end);
    if (start < 0 || announcement.some((line) => isBlank(line) || line === QUOTED)) return;
    const isAlone = start === 0 || isBlank(kept[start - 1] ?? "") || kept[start - 1] === QUOTED;
    if (isAlone && ANNOUNCES.test(announcement.map((line) => line.trim()).join(" "))) {
      kept.length = start;
      return;
    }
  }
}

/** `-- ` alone on a line starts a signature, where it is short and near the end. @see https://www.rfc-editor.org/rfc/rfc3676#section-4.3 */
function withoutSignature(lines: readonly string[]): readonly string[] {
  const at = lines.findLastIndex((line) => line === "-- " || line === "--");
  return at > 0 && lines.length - at <= MAX_SIGNATURE_LINES ? lines.slice(0, at) : lines;
}
