const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/**
 * Splits a text into parts of at most `maxUnits` UTF-16 units: at blank lines where that fills at least half a part, else at line
 * ends, sentence ends, spaces, and last between graphemes. Nothing but the white space at the cuts is lost; an empty text has no parts.
 */
export function splitText(text: string, maxUnits: number): readonly string[] {
  if (!(maxUnits >= 2)) throw new RangeError("splitText: a part needs room for at least one code point");
  const parts: string[] = [];
  let rest = text.trim();
  while (rest.length > maxUnits) {
    const cut = cutOf(rest, maxUnits);
    const part = rest.slice(0, cut).trimEnd();
    if (part !== "") parts.push(part);
    rest = rest.slice(cut).trimStart();
  }
  if (rest !== "") parts.push(rest);
  return parts;
}

const BREAKS: readonly RegExp[] = [/\n\s*\n/g, /\n/g, /[.!?…。！？](?=\s)/g, /\s/g];

function cutOf(text: string, maxUnits: number): number {
  // One unit of look-ahead, so that a break exactly at the limit counts.
  const window = text.slice(0, maxUnits + 1);
  for (const pattern of BREAKS) {
    let best = 0;
    for (const match of window.matchAll(pattern)) {
      const end = /\s/.test(match[0]) ? match.index : match.index + match[0].length;
      if (end <= maxUnits) best = end;
    }
    if (best >= maxUnits / 2) return best;
  }
  return graphemeCut(text, maxUnits);
}

function graphemeCut(text: string, maxUnits: number): number {
  let cut = 0;
  for (const { index, segment } of graphemes.segment(text.slice(0, maxUnits + 64))) {
    if (index + segment.length > maxUnits) break;
    cut = index + segment.length;
  }
  if (cut > 0) return cut;
  // One grapheme longer than a whole part: cut between code points, never inside a surrogate pair.
  const code = text.charCodeAt(maxUnits - 1);
  return code >= 0xd800 && code <= 0xdbff ? maxUnits - 1 : maxUnits;
}

/** Shortens a text to `maxUnits` UTF-16 units at a grapheme boundary, with an ellipsis where something is missing. */
export function shortenText(text: string, maxUnits: number): string {
  if (text.length <= maxUnits) return text;
  return `${text.slice(0, graphemeCut(text, maxUnits - 1)).trimEnd()}…`;
}
