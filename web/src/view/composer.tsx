import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Conversation } from "../conversation/store.ts";
import { hasText } from "../conversation/message.ts";
import { parseMarkdown } from "../markdown/parse.ts";
import { plainText } from "../markdown/plain-text.ts";
import { words } from "../words/index.ts";
import { Chips } from "./chips.tsx";
import { Icon } from "./icons.tsx";

/** Where the person writes. While the worker waits it says what is asked and offers the answers. */
export function Composer({ conversation }: { readonly conversation: Conversation }): VNode {
  const text = useSignal("");
  const field = useRef<HTMLTextAreaElement>(null);
  const say = words.value;
  const question = conversation.question.value;
  const asked = question !== undefined && hasText(question) ? plainText(parseMarkdown(question.text ?? "")) : undefined;

  const canFocus = matchMedia("(hover: hover) and (pointer: fine)").matches;
  useLayoutEffect(() => {
    if (canFocus) field.current?.focus({ preventScroll: true });
  }, []);
  useLayoutEffect(() => fit(field.current), [text.value]);

  const send = (): void => {
    const said = text.value.trim();
    if (said === "") return;
    text.value = "";
    conversation.say(said);
    field.current?.focus({ preventScroll: true });
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <Chips
        chips={conversation.chips.value}
        label={say.replies}
        onPress={(chip) => {
          conversation.press(chip);
          // The pressed chip is gone: keyboard focus must land somewhere, but a phone's keyboard shouldn't open.
          if (canFocus || document.activeElement?.matches(":focus-visible") === true)
            field.current?.focus({ preventScroll: true });
        }}
      />
      {question !== undefined && (
        <p class="asked" id="asked">
          <span class="asked-dot" aria-hidden="true" />
          <span class="asked-label">{say.waitingForYou}</span>
          {asked !== undefined && <span class="asked-text">{asked}</span>}
        </p>
      )}
      <div class="composer-row">
        <textarea
          ref={field}
          class="field"
          rows={1}
          value={text.value}
          aria-label={say.message}
          aria-describedby={question === undefined ? undefined : "asked"}
          placeholder={say.writeMessage}
          enterkeyhint="send"
          maxLength={16_000}
          onInput={(event) => {
            text.value = event.currentTarget.value;
          }}
          onKeyDown={(event) => {
            // While an input method is composing, Enter chooses a word.
            if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
            event.preventDefault();
            send();
          }}
        />
        <button
          type="submit"
          class="button primary square send"
          aria-label={say.send}
          title={say.send}
          disabled={text.value.trim() === ""}
        >
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}

/** Grows the field with its text, up to the limit that the style sheet sets. */
function fit(field: HTMLTextAreaElement | null): void {
  if (field === null || CSS.supports("field-sizing", "content")) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}
