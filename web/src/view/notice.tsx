import type { ComponentChildren, VNode } from "preact";
import { words } from "../words/index.ts";

/** Says that something stands in the way or is over, and what to do. */
export function Notice(props: {
  readonly tone: "calm" | "danger";
  readonly title: string;
  readonly help: string;
  readonly code?: string | undefined;
  readonly children?: ComponentChildren;
}): VNode {
  const { tone, title, help, code, children } = props;
  return (
    <section class={`notice ${tone}`}>
      <h2 class="notice-title">{title}</h2>
      <p>{help}</p>
      {code !== undefined && (
        <p class="notice-code">
          {words.value.code}: <code>{code}</code>
        </p>
      )}
      {children}
    </section>
  );
}
