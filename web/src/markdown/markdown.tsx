import type { VNode } from "preact";
import { parseMarkdown } from "./parse.ts";
import type { Block, Inline } from "./parse.ts";

/** Shows a message's Markdown. */
export function Markdown({ source }: { readonly source: string }): VNode {
  return <>{parseMarkdown(source).map(block)}</>;
}

function block(node: Block): VNode {
  switch (node.kind) {
    case "paragraph":
      return <p>{node.inlines.map(inline)}</p>;
    case "heading":
      return (
        <p class="md-heading">
          <strong>{node.inlines.map(inline)}</strong>
        </p>
      );
    case "list": {
      const items = node.items.map((item) => (
        <li>{item.map((b) => (b.kind === "paragraph" ? b.inlines.map(inline) : block(b)))}</li>
      ));
      return node.isOrdered ? <ol start={node.start}>{items}</ol> : <ul>{items}</ul>;
    }
    case "quote":
      return <blockquote>{node.blocks.map(block)}</blockquote>;
    case "code":
      return (
        <pre tabIndex={0}>
          <code>{node.text}</code>
        </pre>
      );
    default:
      return <hr />;
  }
}

function inline(node: Inline): VNode | string {
  switch (node.kind) {
    case "text":
      return node.text;
    case "break":
      return <br />;
    case "code":
      return <code>{node.text}</code>;
    case "strong":
      return <strong>{node.inlines.map(inline)}</strong>;
    case "emphasis":
      return <em>{node.inlines.map(inline)}</em>;
    case "strike":
      return <s>{node.inlines.map(inline)}</s>;
    default:
      return (
        <a href={node.url} target="_blank" rel="noopener noreferrer">
          {node.inlines.map(inline)}
        </a>
      );
  }
}
