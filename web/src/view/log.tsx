import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Conversation } from "../conversation/store.ts";
import { hasText } from "../conversation/message.ts";
import type { Message } from "../conversation/message.ts";
import { Markdown } from "../markdown/markdown.tsx";
import { locale, words } from "../words/index.ts";
import { Attachments } from "./attachments.tsx";
import { Icon } from "./icons.tsx";
import { Notice } from "./notice.tsx";

/** Messages of one speaker closer together than this are one group. */
const GROUP_MS = 5 * 60_000;
const NEAR_END_PX = 80;

/** The conversation so far. Follows the newest message unless the person has scrolled away from it. */
export function Log(props: {
  readonly conversation: Conversation;
  readonly name: string;
  readonly children?: VNode | null;
}): VNode {
  const { conversation, name, children } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const isFollowing = useRef(true);
  const lastTop = useRef(0);
  const hasUnseen = useSignal(false);
  const messages = conversation.messages.value;
  const isTyping = conversation.isTyping.value;
  const groups = groupMessages(messages);

  const toEnd = (): void => scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  useLayoutEffect(() => {
    if (messages.at(-1)?.isMine === true) isFollowing.current = true;
    if (isFollowing.current) toEnd();
    else if (messages.length > 0) hasUnseen.value = true;
  }, [messages.length]);
  // Cards, pictures and the composer change heights after the fact.
  useLayoutEffect(() => {
    const inner = scroller.current?.firstElementChild;
    if (scroller.current === null || inner === null || inner === undefined) return undefined;
    const observer = new ResizeObserver(() => isFollowing.current && toEnd());
    observer.observe(inner);
    observer.observe(scroller.current);
    return () => observer.disconnect();
  }, []);

  return (
    <div class="log-frame">
      <div
        ref={scroller}
        class="log"
        role="log"
        aria-live="polite"
        aria-label={words.value.conversation}
        tabIndex={0}
        onScroll={(event) => {
          const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
          // Only going up leaves the end: a card that grows moves the end away from under a scroll that was on its way there.
          if (scrollHeight - scrollTop - clientHeight < NEAR_END_PX) isFollowing.current = true;
          else if (scrollTop < lastTop.current) isFollowing.current = false;
          lastTop.current = scrollTop;
          if (isFollowing.current) hasUnseen.value = false;
        }}
      >
        <div class="log-inner">
          {groups.map((group) => (
            <Group key={group[0]?.key} group={group} name={name} conversation={conversation} />
          ))}
          {isTyping && (
            <p class="typing" role="status">
              <span class="typing-dots" aria-hidden="true">
                <i />
                <i />
                <i />
              </span>
              <span class="unseen">{words.value.typing(name)}</span>
            </p>
          )}
          {children}
        </div>
      </div>
      {hasUnseen.value && (
        <button type="button" class="button to-end" onClick={toEnd}>
          <Icon name="down" />
          {words.value.newMessages}
        </button>
      )}
    </div>
  );
}

function groupMessages(messages: readonly Message[]): readonly (readonly Message[])[] {
  const groups: Message[][] = [];
  for (const message of messages) {
    const group = groups.at(-1);
    const last = group?.at(-1);
    if (last !== undefined && last.isMine === message.isMine && message.atMs - last.atMs < GROUP_MS)
      group?.push(message);
    else groups.push([message]);
  }
  return groups;
}

function Group(props: {
  readonly group: readonly Message[];
  readonly name: string;
  readonly conversation: Conversation;
}): VNode {
  const { group, name, conversation } = props;
  const isMine = group[0]?.isMine === true;
  const last = group.at(-1);
  return (
    <article class={isMine ? "group mine" : "group"}>
      <h2 class="unseen">{isMine ? words.value.you : name}</h2>
      {group.map((message) => (
        <Said key={message.key} message={message} conversation={conversation} />
      ))}
      {last !== undefined && <Time atMs={last.atMs} />}
    </article>
  );
}

function Said({ message, conversation }: { readonly message: Message; readonly conversation: Conversation }): VNode {
  const { activity, delivery } = message;
  const error = activity.channelData?.error;
  if (error !== undefined && !message.isMine)
    return (
      <Notice
        tone="danger"
        title={words.value.turnFailedTitle}
        help={error.help ?? error.message ?? words.value.turnFailedHelp}
        code={error.code}
      />
    );
  const text = hasText(activity) ? activity.text : activity.value === undefined ? undefined : submittedText(message);
  const isPlain = message.isMine || activity.textFormat === "plain";
  return (
    <div class={`said ${delivery.kind}`}>
      {text !== undefined && (
        <div class="bubble" dir="auto">
          {isPlain ? <p class="plain">{text}</p> : <Markdown source={text} />}
        </div>
      )}
      <Attachments activity={activity} conversation={conversation} />
      {message.isMine && <DeliveryNote message={message} conversation={conversation} />}
    </div>
  );
}

function submittedText(message: Message): string {
  return message.activity.channelData?.displayText || words.value.formSent;
}

function DeliveryNote({
  message,
  conversation,
}: {
  readonly message: Message;
  readonly conversation: Conversation;
}): VNode | null {
  const { delivery } = message;
  switch (delivery.kind) {
    case "sent":
      return null;
    case "sending":
      return <p class="delivery late">{words.value.sending}</p>;
    case "waiting":
      return <p class="delivery">{words.value.sendsWhenBack}</p>;
    default:
      return (
        <p class="delivery danger">
          <Icon name="alert" />
          <span>
            {words.value.notSent} <code>{delivery.code}</code>
          </span>
          <button type="button" class="link" onClick={() => conversation.retry(message)}>
            {words.value.retry}
          </button>
        </p>
      );
  }
}

function Time({ atMs }: { readonly atMs: number }): VNode {
  const at = new Date(atMs);
  return (
    <time class="time" dateTime={at.toISOString()}>
      {new Intl.DateTimeFormat(locale.value, { hour: "numeric", minute: "2-digit" }).format(at)}
    </time>
  );
}
