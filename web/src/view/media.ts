import { signal } from "@preact/signals";

const wide = matchMedia("(min-width: 64rem)");

/** Whether there is room for the pane beside the conversation; the same width as in `pane.css`. */
export const isWide = signal(wide.matches);
wide.addEventListener("change", () => (isWide.value = wide.matches));
