/** A place in a text; both count from 1. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

/**
 * Finds where the tables and keys of a TOML text stand, which its parser doesn't tell: JSON of the key path → position. Keys of
 * inline tables are not found; the key around them is.
 */
export function tomlPositions(text: string): ReadonlyMap<string, TextPosition> {
  const positions = new Map<string, TextPosition>();
  let table: readonly string[] = [];
  let openString: string | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    // Lines inside a multi-line string hold no keys.
    if (openString !== undefined) {
      if (line.includes(openString)) openString = undefined;
      continue;
    }
    const header = /^(\s*)\[\[?\s*(.+?)\s*\]\]?\s*(?:#.*)?$/.exec(line);
    const assignment =
      /^(\s*)((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=(.*)$/.exec(line);
    const found = assignment ?? header;
    if (found === null) continue;
    const path = keyPath(found[2] ?? "");
    const full = assignment === null ? path : [...table, ...path];
    const position = {
      line: index + 1,
      column: (found[1]?.length ?? 0) + 1 + (assignment === null ? (line.trimStart().startsWith("[[") ? 2 : 1) : 0),
    };
    for (let length = 1; length <= full.length; length++) {
      const key = JSON.stringify(full.slice(0, length));
      if (!positions.has(key)) positions.set(key, position);
    }
    if (assignment === null) table = path;
    else openString = opensString(assignment[3] ?? "");
  }
  return positions;
}

function keyPath(text: string): readonly string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? "",
  );
}

/** Tells the quotes of a multi-line string that a value opens and doesn't close. */
function opensString(value: string): string | undefined {
  for (const quotes of ['"""', "'''"]) {
    if (value.split(quotes).length % 2 === 0) return quotes;
  }
  return undefined;
}
