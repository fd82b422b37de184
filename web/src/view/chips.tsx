import type { VNode } from "preact";
import type { Chip } from "../conversation/message.ts";
import { Icon } from "./icons.tsx";

/** Replies that one tap gives. */
export function Chips(props: {
  readonly chips: readonly Chip[];
  readonly label: string;
  readonly onPress: (chip: Chip) => void;
}): VNode | null {
  const { chips, label, onPress } = props;
  if (chips.length === 0) return null;
  return (
    <ul class="chips" aria-label={label}>
      {chips.map((chip) => (
        <li key={chip.title}>
          <button type="button" class="chip" onClick={() => onPress(chip)}>
            {chip.title}
            {chip.kind === "open" && <Icon name="outside" />}
          </button>
        </li>
      ))}
    </ul>
  );
}
