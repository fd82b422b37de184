import type { Block, Inline } from "./parse.ts";

/** Reads a tree's words alone, on one line. */
export function plainText(blocks: readonly Block[]): string {
  return blocks.map(ofBlock).join(" ").replaceAll(/\s+/g, " ").trim();
}

function ofBlock(block: Block): string {
  switch (block.kind) {
    case "paragraph":
    case "heading":
      return ofInlines(block.inlines);
    case "list":
      return block.items.map(plainText).join(", ");
    case "quote":
      return plainText(block.blocks);
    case "code":
      return block.text;
    default:
      return "";
  }
}

function ofInlines(inlines: readonly Inline[]): string {
  return inlines
    .map((inline) => ("inlines" in inline ? ofInlines(inline.inlines) : inline.kind === "break" ? " " : inline.text))
    .join("");
}
