import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { keepLocal } from "../cards/keep-local.ts";
import type { RenderedCard, renderCard } from "../cards/render-card.ts";
import type { Conversation } from "../conversation/store.ts";
import type { Activity } from "../directline/index.ts";
import { locale, words } from "../words/index.ts";

interface CardProps {
  readonly card: unknown;
  readonly activity: Activity;
  readonly conversation: Conversation;
}

/** Microsoft's renderer is six times the page, so the first card fetches it. */
const renderer = signal<typeof renderCard | "loading" | "broken" | undefined>(undefined);

/** Shows a card, fetching the renderer where this is the first. */
export function lazyCard(props: CardProps): VNode {
  return <Card {...props} />;
}

function Card({ card, activity, conversation }: CardProps): VNode {
  const frame = useRef<HTMLDivElement>(null);
  const rendered = useRef<RenderedCard | undefined>(undefined);
  const render = renderer.value;
  const submitted = activity.id === undefined ? undefined : conversation.submissions.value.get(activity.id);

  useLayoutEffect(() => {
    if (typeof render !== "function") {
      void load();
      return;
    }
    const local = keepLocal(card, (host) => words.peek().fromElsewhere(host));
    rendered.current = render(local, {
      locale: locale.peek(),
      submitted,
      onSubmit: (value, title) => {
        if (typeof value === "string") conversation.say(value);
        else conversation.submit(value, { title, replyToId: activity.id });
      },
    });
    if (rendered.current === undefined) return;
    frame.current?.replaceChildren(rendered.current.element);
    rendered.current.setLocked(submitted !== undefined);
  }, [render]);
  useLayoutEffect(() => rendered.current?.setLocked(submitted !== undefined), [submitted !== undefined]);

  if (render === "broken") return <p class="card-note">{words.value.cardBroken}</p>;
  return (
    <div class="card">
      <div ref={frame} class="card-frame">
        {typeof render !== "function" && (
          <p class="card-note" role="status">
            {words.value.cardLoading}
          </p>
        )}
      </div>
    </div>
  );
}

async function load(): Promise<void> {
  if (renderer.peek() !== undefined) return;
  renderer.value = "loading";
  try {
    renderer.value = (await import("../cards/render-card.ts")).renderCard;
  } catch {
    renderer.value = "broken";
  }
}
