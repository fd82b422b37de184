const SKIPPED = new Set([
  "script",
  "style",
  "head",
  "title",
  "template",
  "noscript",
  "svg",
  "math",
  "object",
  "iframe",
]);
const BLOCKS = new Set(
  "address article aside blockquote body center dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr html li main nav ol p pre section table tbody tfoot thead tr ul".split(
    " ",
  ),
);
const PARAGRAPHS = new Set(["p", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "ul", "table", "pre"]);
// Code points 160 to 255, in their order.
const LATIN =
  "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml".split(
    " ",
  );
const ENTITIES = new Map<string, string>([
  ...LATIN.map((name, at): [string, string] => [name, String.fromCharCode(160 + at)]),
  ..."amp:& lt:< gt:> quot:\" apos:' hellip:… ndash:– mdash:— lsquo:‘ rsquo:’ sbquo:‚ ldquo:“ rdquo:” bdquo:„ bull:• euro:€ trade:™"
    .split(" ")
    .map((pair): [string, string] => [pair.slice(0, pair.indexOf(":")), pair.slice(pair.indexOf(":") + 1)]),
]);

/**
 * Reads a page's text: blocks are lines, items have a dot, quotations a `>` before each line; scripts, styles and everything that isn't
 * text is left out. One pass, whatever the page.
 */
export function htmlToText(html: string): string {
  const out = new TextOut();
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf("<", at);
    const end = open < 0 ? html.length : open;
    if (end > at) out.text(decodeEntities(html.slice(at, end)));
    if (open < 0) break;
    at = readTag(html, open, out);
  }
  return out.end();
}

/** Reads what starts with `<`; gives back where it ends. */
function readTag(html: string, open: number, out: TextOut): number {
  if (html.startsWith("<!--", open)) {
    const end = html.indexOf("-->", open + 4);
    return end < 0 ? html.length : end + 3;
  }
  const match = /^<(\/?)([A-Za-z][A-Za-z0-9:-]{0,31})/.exec(html.slice(open, open + 36));
  if (match === null) {
    // Declarations end with a bracket; any other bracket is text.
    const next = html[open + 1];
    if (next !== "!" && next !== "?" && next !== "/") {
      out.text("<");
      return open + 1;
    }
  }
  const end = html.indexOf(">", open);
  if (end < 0) return html.length;
  const name = match?.[2]?.toLowerCase() ?? "";
  const isClosing = match?.[1] === "/";
  if (SKIPPED.has(name) && !isClosing && html[end - 1] !== "/") return skipElement(html, name, end + 1);
  out.tag(name, isClosing);
  return end + 1;
}

function skipElement(html: string, name: string, from: number): number {
  const closing = new RegExp(`</${name}[\\s>]`, "gi");
  closing.lastIndex = from;
  const found = closing.exec(html);
  if (found === null) return html.length;
  const end = html.indexOf(">", found.index);
  return end < 0 ? html.length : end + 1;
}

/** Lines as they are found. Pieces of a line are joined once, at its end: a page may be one line of a million pieces. */
class TextOut {
  readonly #lines: string[] = [];
  #pieces: string[] = [];
  /** Whether anything but white space is in the line, and whether it ends with a space. */
  #hasText = false;
  #isSpaced = true;
  #quotes = 0;
  #pre = 0;

  text(text: string): void {
    if (this.#pre > 0) {
      const [first = "", ...rest] = text.split(/\r?\n/);
      this.#add(first);
      for (const line of rest) {
        this.#break();
        this.#add(line);
      }
      return;
    }
    // Spaces that don't break stand for themselves only within a line.
    const spaced = text.replaceAll(/[\s\u00a0\u200b\ufeff]+/g, " ");
    this.#add(this.#isSpaced ? spaced.replace(/^ /, "") : spaced);
  }

  tag(name: string, isClosing: boolean): void {
    if (name === "br") return this.#break();
    if (name === "td" || name === "th") return this.text(" ");
    if (!BLOCKS.has(name)) return undefined;
    if (this.#hasText) this.#break();
    if (PARAGRAPHS.has(name) && /[^> ]/.test(this.#lines.at(-1) ?? "")) this.#break();
    if (name === "blockquote") this.#quotes = Math.min(20, Math.max(0, this.#quotes + (isClosing ? -1 : 1)));
    if (name === "pre") this.#pre = Math.max(0, this.#pre + (isClosing ? -1 : 1));
    if (name === "li" && !isClosing) {
      this.#clear();
      this.#add("• ");
    }
    return undefined;
  }

  end(): string {
    if (this.#hasText) this.#break();
    return this.#lines
      .join("\n")
      .replaceAll(/\n{3,}/g, "\n\n")
      .replace(/^\n+/, "")
      .trimEnd();
  }

  #add(piece: string): void {
    if (piece === "") return;
    this.#pieces.push(piece);
    this.#hasText ||= piece.trim() !== "";
    this.#isSpaced = piece.endsWith(" ");
  }

  #break(): void {
    const line = this.#pieces.join("").trimEnd();
    this.#lines.push(this.#quotes === 0 ? line : `${">".repeat(this.#quotes)} ${line}`.trimEnd());
    this.#clear();
  }

  #clear(): void {
    this.#pieces = [];
    this.#hasText = false;
    this.#isSpaced = true;
  }
}

function decodeEntities(text: string): string {
  return text.replaceAll(/&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,8});?/g, (whole, name: string) => {
    if (!name.startsWith("#")) return ENTITIES.get(name) ?? whole;
    const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) ? String.fromCodePoint(code) : "\ufffd";
  });
}
