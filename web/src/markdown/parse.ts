/**
 * The part of Markdown that conversations use, as a tree. What isn't understood stays text; there is no raw HTML, and a link's
 * address is http, https, mailto or tel or the link is text, so whatever renders the tree is safe by construction.
 */
export type Block =
  | { readonly kind: "paragraph"; readonly inlines: readonly Inline[] }
  | { readonly kind: "heading"; readonly inlines: readonly Inline[] }
  | {
      readonly kind: "list";
      readonly isOrdered: boolean;
      readonly start: number;
      readonly items: readonly (readonly Block[])[];
    }
  | { readonly kind: "quote"; readonly blocks: readonly Block[] }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "rule" };

export type Inline =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "break" }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "strong" | "emphasis" | "strike"; readonly inlines: readonly Inline[] }
  | { readonly kind: "link"; readonly url: string; readonly inlines: readonly Inline[] };

/** Deeper quotes, lists and emphasis stay text, so that no message can exhaust the stack. */
const MAX_DEPTH = 6;
/** Marks further apart than this aren't a pair, so that marks that never close can't cost the square of a message's length. */
const MAX_SPAN = 1000;
const ITEM = /^( {0,3})(?:([-*+])|(\d{1,9})[.)])[ \t]+(?=\S)/;
const FENCE = /^ {0,3}(`{3,}|~{3,})[^`]*$/;
const HEADING = /^ {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*$/;
const RULE = /^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const QUOTE = /^ {0,3}> ?/;

/** Parses a message's Markdown. */
export function parseMarkdown(source: string): readonly Block[] {
  return parseBlocks(source.replaceAll(/\r\n?/g, "\n").split("\n"), 0);
}

function parseBlocks(lines: readonly string[], depth: number): readonly Block[] {
  const blocks: Block[] = [];
  let paragraph: string[] = [];
  const flush = (): void => {
    if (paragraph.length > 0) blocks.push({ kind: "paragraph", inlines: parseInlines(paragraph.join("\n"), depth) });
    paragraph = [];
  };
  for (let i = 0; i < lines.length;) {
    const line = lines[i] ?? "";
    const fence = FENCE.exec(line)?.[1];
    const heading = HEADING.exec(line);
    if (line.trim() === "") {
      flush();
      i++;
    } else if (fence !== undefined) {
      flush();
      const end = lines.findIndex(
        (next, at) => at > i && next.trim().startsWith(fence) && next.trim() === fence[0]?.repeat(next.trim().length),
      );
      const last = end < 0 ? lines.length : end;
      blocks.push({ kind: "code", text: lines.slice(i + 1, last).join("\n") });
      i = last + 1;
    } else if (heading !== null) {
      flush();
      blocks.push({ kind: "heading", inlines: parseInlines(heading[1] ?? "", depth) });
      i++;
    } else if (RULE.test(line)) {
      flush();
      blocks.push({ kind: "rule" });
      i++;
    } else if (depth < MAX_DEPTH && QUOTE.test(line)) {
      flush();
      const from = i;
      while (i < lines.length && QUOTE.test(lines[i] ?? "")) i++;
      blocks.push({
        kind: "quote",
        blocks: parseBlocks(
          lines.slice(from, i).map((next) => next.replace(QUOTE, "")),
          depth + 1,
        ),
      });
    } else if (depth < MAX_DEPTH && ITEM.test(line)) {
      flush();
      const list = parseList(lines, { from: i, depth });
      blocks.push(list.block);
      i = list.next;
    } else {
      paragraph.push(line.trim());
      i++;
    }
  }
  flush();
  return blocks;
}

/** Items of one kind (numbered or not) until a line that is neither an item, indented below one, nor blank before such a line. */
function parseList(
  lines: readonly string[],
  at: { readonly from: number; readonly depth: number },
): { readonly block: Block; readonly next: number } {
  const first = ITEM.exec(lines[at.from] ?? "");
  const isOrdered = first?.[3] !== undefined;
  const items: (readonly Block[])[] = [];
  let i = at.from;
  while (i < lines.length) {
    const marker = ITEM.exec(lines[i] ?? "");
    if (marker === null || (marker[3] !== undefined) !== isOrdered) break;
    const content = [(lines[i] ?? "").slice(marker[0].length)];
    const isInside = (line: string): boolean => /^(?: {2,}|\t)/.test(line);
    for (i++; i < lines.length; i++) {
      const line = lines[i] ?? "";
      if (line.trim() === "" && !isInside(lines[i + 1] ?? "") && !ITEM.test(lines[i + 1] ?? "")) break;
      if (line.trim() !== "" && !isInside(line)) break;
      content.push(line.replace(/^(?: {2,4}|\t)/, ""));
    }
    items.push(parseBlocks(content, at.depth + 1));
  }
  return { block: { kind: "list", isOrdered, start: Number(first?.[3] ?? 1), items }, next: i };
}

const ESCAPABLE = /[!-/:-@[-`{-~]/;
const AUTOLINK = /^https?:\/\/[^\s<>"'`]+/i;

function parseInlines(source: string, depth: number): readonly Inline[] {
  const inlines: Inline[] = [];
  let text = "";
  const push = (inline: Inline): void => {
    if (text !== "") inlines.push({ kind: "text", text });
    text = "";
    inlines.push(inline);
  };
  for (let i = 0; i < source.length;) {
    const found = depth < MAX_DEPTH ? parseOne(source, i, depth) : undefined;
    if (found !== undefined) {
      push(found.inline);
      i = found.next;
    } else if (source[i] === "\\" && ESCAPABLE.test(source[i + 1] ?? "")) {
      text += source[i + 1];
      i += 2;
    } else if (source[i] === "\n") {
      push({ kind: "break" });
      i++;
    } else {
      text += source[i];
      i++;
    }
  }
  if (text !== "") inlines.push({ kind: "text", text });
  return inlines;
}

interface Found {
  readonly inline: Inline;
  readonly next: number;
}

function parseOne(source: string, at: number, depth: number): Found | undefined {
  switch (source[at]) {
    case "`":
      return parseCode(source, at);
    case "[":
      return parseLink(source, at, depth);
    case "*":
    case "_":
    case "~":
      return parseDelimited(source, at, depth);
    case "h":
    case "H":
      return parseAutolink(source, at);
    default:
      return undefined;
  }
}

function parseCode(source: string, at: number): Found | undefined {
  const ticks = /^`+/.exec(source.slice(at, at + 8))?.[0] ?? "`";
  const rest = source.slice(at + ticks.length, at + MAX_SPAN);
  const end = rest.indexOf(ticks);
  if (end <= 0) return undefined;
  return { inline: { kind: "code", text: rest.slice(0, end) }, next: at + end + 2 * ticks.length };
}

function parseLink(source: string, at: number, depth: number): Found | undefined {
  const match = /^\[([^[\]\n]{1,500})\]\(\s*<?([^\s<>]{1,2000}?)>?(?:\s+"[^"\n]*")?\s*\)/.exec(
    source.slice(at, at + 2600),
  );
  const url = safeUrl(match?.[2]);
  if (match === null || url === undefined) return undefined;
  return {
    inline: { kind: "link", url, inlines: parseInlines(match[1] ?? "", depth + 1) },
    next: at + match[0].length,
  };
}

function parseDelimited(source: string, at: number, depth: number): Found | undefined {
  const sign = source[at] ?? "";
  const isDouble = source[at + 1] === sign;
  if (sign === "~" && !isDouble) return undefined;
  const mark = isDouble ? sign + sign : sign;
  const from = at + mark.length;
  // snake_case and 2*3*4 are words, not emphasis.
  if (sign === "_" && /\w/.test(source[at - 1] ?? "")) return undefined;
  if (/\s/.test(source[from] ?? " ")) return undefined;
  const rest = source.slice(from, from + MAX_SPAN);
  for (let end = rest.indexOf(mark, 1); end > 0; end = rest.indexOf(mark, end + 1)) {
    const after = rest[end + mark.length] ?? "";
    if (isSpace(rest[end - 1])) continue;
    if (!isDouble && after === sign) {
      end++;
      continue;
    }
    if (sign === "_" && !isSpace(after) && /\w/.test(after)) continue;
    const kind = sign === "~" ? "strike" : isDouble ? "strong" : "emphasis";
    return { inline: { kind, inlines: parseInlines(rest.slice(0, end), depth + 1) }, next: from + end + mark.length };
  }
  return undefined;
}

function isSpace(sign: string | undefined): boolean {
  return sign === " " || sign === "\n" || sign === "\t";
}

function parseAutolink(source: string, at: number): Found | undefined {
  if (/\w/.test(source[at - 1] ?? "")) return undefined;
  const match = AUTOLINK.exec(source.slice(at, at + 2000))?.[0].replace(/[.,:;!?)\]}*_~]+$/, "");
  const url = safeUrl(match);
  if (match === undefined || url === undefined) return undefined;
  return { inline: { kind: "link", url, inlines: [{ kind: "text", text: match }] }, next: at + match.length };
}

/** Returns an address that is safe to follow, undefined for any other scheme and for relative ones. */
export function safeUrl(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  try {
    const url = new URL(address);
    return ["http:", "https:", "mailto:", "tel:"].includes(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;
  }
}
