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

/** Files of one message. */
const MAX_FILES = 8;

/** Where the person writes. While the worker waits it says what is asked and offers the answers. */
export function Composer({ conversation }: { readonly conversation: Conversation }): VNode {
  const text = useSignal("");
  const files = useSignal<readonly File[]>([]);
  const chooser = useRef<HTMLInputElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const say = words.value;
  const question = conversation.question.value;
  const asked = question !== undefined && hasText(question) ? plainText(parseMarkdown(question.text ?? "")) : undefined;

  const canFocus = matchMedia("(hover: hover) and (pointer: fine)").matches;
  useLayoutEffect(() => {
    const enter = (): void => {
      if (canFocus && document.activeElement === document.body) field.current?.focus({ preventScroll: true });
    };
    // In a panel the focus is the site's until the person comes in.
    if (window.parent === window || document.hasFocus()) enter();
    addEventListener("focus", enter);
    return () => removeEventListener("focus", enter);
  }, []);
  useLayoutEffect(() => fit(field.current), [text.value]);

  const send = (): void => {
    const said = text.value.trim();
    if (said === "" && files.value.length === 0) return;
    const sent = files.value;
    text.value = "";
    files.value = [];
    conversation.say(said, sent);
    field.current?.focus({ preventScroll: true });
  };
  const attach = (list: FileList | null | undefined): void => {
    files.value = [...files.value, ...(list ?? [])].slice(0, MAX_FILES);
  };
  return (
    <form
      class="composer"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        attach(event.dataTransfer?.files);
      }}
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
          {asked !== undefined && (
            <span class="asked-text" dir="auto">
              {asked}
            </span>
          )}
        </p>
      )}
      <ChosenFiles files={files.value} onRemove={(at) => (files.value = files.value.filter((_file, n) => n !== at))} />
      <div class="composer-row">
        <input
          ref={chooser}
          type="file"
          multiple
          hidden
          onChange={(event) => {
            attach(event.currentTarget.files);
            event.currentTarget.value = "";
            field.current?.focus({ preventScroll: true });
          }}
        />
        <button
          type="button"
          class="button square attach"
          aria-label={say.attachFiles}
          title={say.attachFiles}
          onClick={() => chooser.current?.click()}
        >
          <Icon name="clip" />
        </button>
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
          onPaste={(event) => {
            const pasted = event.clipboardData?.files;
            if (pasted === undefined || pasted.length === 0) return;
            event.preventDefault();
            attach(pasted);
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
          disabled={text.value.trim() === "" && files.value.length === 0}
        >
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}

/** What goes along with the next message. */
function ChosenFiles({
  files,
  onRemove,
}: {
  readonly files: readonly File[];
  readonly onRemove: (at: number) => void;
}): VNode | null {
  if (files.length === 0) return null;
  return (
    <ul class="chosen-files" aria-label={words.value.attachment}>
      {files.map((file, at) => (
        <li key={`${file.name} ${at}`} class="chosen-file">
          <Icon name="file" />
          <span class="file-name">{file.name}</span>
          <button
            type="button"
            class="remove"
            aria-label={words.value.removeFile(file.name)}
            onClick={() => onRemove(at)}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}

/** Grows the field with its text, up to the limit that the style sheet sets. */
function fit(field: HTMLTextAreaElement | null): void {
  if (field === null || CSS.supports("field-sizing", "content")) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}
