/** A fenced block of a page: its language, and the path that stands behind it where it is a file. */
export interface DocBlock {
  readonly language: string;
  readonly path: string;
  readonly text: string;
}

/** The fenced blocks of a page that begin at the line's start, in order. */
export function blocksOf(markdown: string): readonly DocBlock[] {
  return [...markdown.matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
    ([, language = "", path = "", text = ""]) => ({ language, path, text }),
  );
}
