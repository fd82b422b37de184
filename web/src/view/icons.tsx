import type { VNode } from "preact";

const PATHS = {
  send: "M4 12h15M13 6l6 6-6 6",
  close: "M6 6l12 12M18 6L6 18",
  work: "M4 6a2 2 0 1 0 4 0 2 2 0 1 0-4 0M4 18a2 2 0 1 0 4 0 2 2 0 1 0-4 0M6 8v8M12 6h8M12 18h8",
  down: "M12 5v14M6 13l6 6 6-6",
  clip: "M20 11.5l-8 8a5.5 5.5 0 0 1-7.8-7.8l8.5-8.4a3.7 3.7 0 0 1 5.2 5.2l-8.4 8.4a1.8 1.8 0 0 1-2.6-2.6l7.7-7.7",
  file: "M7 3h7l4 4v14H7zM14 3v5h4",
  outside: "M9 5H5v14h14v-4M13 5h6v6M19 5l-9 9",
  done: "M5 12.5l4.5 4.5L19 7.5",
  alert: "M12 7v6M12 16.5v.5M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
  clock: "M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
} as const;

/** Draws one of the page's signs; the control or text beside it carries the name. */
export function Icon({ name }: { readonly name: keyof typeof PATHS }): VNode {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
