import type { Block, Inline } from "./parse.ts";

/** Writes a tree as HTML for the card renderer, which takes nothing else: our tags, everything else escaped. */
export function toHtml(blocks: readonly Block[]): string {
  return blocks.map(blockToHtml).join("");
}

function blockToHtml(block: Block): string {
  switch (block.kind) {
    case "paragraph":
      return `<p>${inlinesToHtml(block.inlines)}</p>`;
    case "heading":
      return `<p><strong>${inlinesToHtml(block.inlines)}</strong></p>`;
    case "list": {
      const items = block.items.map((item) => `<li>${item.map(itemToHtml).join("")}</li>`).join("");
      return block.isOrdered ? `<ol start="${block.start}">${items}</ol>` : `<ul>${items}</ul>`;
    }
    case "quote":
      return `<blockquote>${block.blocks.map(blockToHtml).join("")}</blockquote>`;
    case "code":
      return `<pre><code>${escape(block.text)}</code></pre>`;
    default:
      return "<hr>";
  }
}

function itemToHtml(block: Block): string {
  return block.kind === "paragraph" ? inlinesToHtml(block.inlines) : blockToHtml(block);
}

function inlinesToHtml(inlines: readonly Inline[]): string {
  return inlines.map(inlineToHtml).join("");
}

function inlineToHtml(inline: Inline): string {
  switch (inline.kind) {
    case "text":
      return escape(inline.text);
    case "break":
      return "<br>";
    case "code":
      return `<code>${escape(inline.text)}</code>`;
    case "strong":
      return `<strong>${inlinesToHtml(inline.inlines)}</strong>`;
    case "emphasis":
      return `<em>${inlinesToHtml(inline.inlines)}</em>`;
    case "strike":
      return `<s>${inlinesToHtml(inline.inlines)}</s>`;
    default:
      return `<a href="${escape(inline.url)}" target="_blank" rel="noopener noreferrer">${inlinesToHtml(inline.inlines)}</a>`;
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign] ?? "");
}
