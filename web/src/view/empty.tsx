import type { VNode } from "preact";
import type { Conversation } from "../conversation/store.ts";
import type { WebConfig } from "../web-config.ts";
import { words } from "../words/index.ts";

/** What stands where nothing was said yet: who this is, and three things to try. */
export function Empty(props: {
  readonly config: WebConfig;
  readonly greeting: string | undefined;
  readonly conversation: Conversation;
}): VNode {
  const { config, greeting, conversation } = props;
  const { title, description, suggestions } = config.worker;
  return (
    <section class="empty">
      <h2 class="empty-title">{title}</h2>
      {(greeting ?? description) !== "" && <p class="empty-text">{greeting ?? description}</p>}
      {suggestions.length > 0 && (
        <>
          <h3 class="empty-label" id="try">
            {words.value.tryThese}
          </h3>
          <ul class="tries" aria-labelledby="try">
            {suggestions.map((suggestion) => (
              <li key={suggestion.value}>
                <button
                  type="button"
                  class="try"
                  onClick={() => {
                    conversation.say(suggestion.value);
                    document.querySelector<HTMLElement>(".field")?.focus({ preventScroll: true });
                  }}
                >
                  {suggestion.title}
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
