import { useComputed, useSignal } from "@preact/signals";
import type { ComponentType, VNode } from "preact";
import { useEffect } from "preact/hooks";
import type { Conversation } from "../conversation/store.ts";
import { SITE_TOKEN_REFUSED } from "../directline/index.ts";
import type { PageOptions } from "../page-options.ts";
import type { TurnStream } from "../pane/turn-stream.ts";
import type { WebConfig } from "../web-config.ts";
import { words } from "../words/index.ts";
import { Composer } from "./composer.tsx";
import { Empty } from "./empty.tsx";
import { Header } from "./header.tsx";
import { Log } from "./log.tsx";
import { isWide } from "./media.ts";
import { Notice } from "./notice.tsx";

/** The page: header, conversation, composer, and in dev the pane of steps. */
export function App(props: {
  readonly options: PageOptions;
  readonly config: WebConfig | undefined;
  readonly conversation: Conversation;
  readonly turns: TurnStream | undefined;
  readonly onClose: (() => void) | undefined;
}): VNode {
  const { options, config, conversation, turns, onClose } = props;
  const isWorkOpen = useSignal(false);
  const pane = useSignal<ComponentType<{ stream: TurnStream; onClose: () => void }> | undefined>(undefined);
  const title = config?.worker.title ?? "Greentic";
  const state = conversation.connection.value;
  const isEmpty = useComputed(() => conversation.messages.value.length === 0);
  const isOver = conversation.hasEnded.value || state.kind === "expired" || state.kind === "failed";

  const toggleWork = (isOpen: boolean): void => {
    isWorkOpen.value = isOpen;
    if (!isOpen) document.querySelector<HTMLElement>("#work-toggle")?.focus();
    else if (pane.value === undefined) void import("../pane/pane.tsx").then((module) => (pane.value = module.Pane));
  };
  useEffect(() => {
    const escape = (event: KeyboardEvent): void => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      if (isWorkOpen.value) toggleWork(false);
      else onClose?.();
    };
    addEventListener("keydown", escape);
    return () => removeEventListener("keydown", escape);
  }, []);

  const Pane = pane.value;
  return (
    <div class={isWorkOpen.value ? "page with-work" : "page"}>
      <main class="talk" inert={isWorkOpen.value && !isWide.value}>
        <Header
          config={config}
          title={title}
          work={
            turns === undefined ? undefined : { isOpen: isWorkOpen.value, toggle: () => toggleWork(!isWorkOpen.value) }
          }
          onClose={onClose}
        />
        <div class="connection" role="status">
          {state.kind === "reconnecting" && <p class="connection-bar">{words.value.reconnecting}</p>}
        </div>
        <Log conversation={conversation} name={title}>
          {isOver ? (
            <Ended conversation={conversation} />
          ) : isEmpty.value ? (
            config === undefined ? (
              <p class="connecting">{words.value.connecting}</p>
            ) : (
              <Empty config={config} greeting={options.greeting} conversation={conversation} />
            )
          ) : null}
        </Log>
        {!isOver && <Composer conversation={conversation} />}
      </main>
      {turns !== undefined && isWorkOpen.value && Pane !== undefined && (
        <Pane stream={turns} onClose={() => toggleWork(false)} />
      )}
    </div>
  );
}

function Ended({ conversation }: { readonly conversation: Conversation }): VNode {
  const say = words.value;
  const state = conversation.connection.value;
  const again = (label: string): VNode => (
    <button type="button" class="button primary" onClick={() => conversation.restart()}>
      {label}
    </button>
  );
  if (state.kind === "failed" && state.code === SITE_TOKEN_REFUSED)
    return (
      <Notice tone="calm" title={say.signInTitle} help={say.signInHelp}>
        {again(say.tryAgain)}
      </Notice>
    );
  if (state.kind === "failed")
    return (
      <Notice tone="danger" title={say.failedTitle} help={helpOf(state.status)} code={state.code}>
        {again(say.tryAgain)}
      </Notice>
    );
  if (state.kind === "expired")
    return (
      <Notice tone="calm" title={say.expiredTitle} help={say.expiredHelp}>
        {again(say.startAgain)}
      </Notice>
    );
  return (
    <Notice tone="calm" title={say.endedTitle} help={say.endedHelp}>
      {again(say.startAgain)}
    </Notice>
  );
}

function helpOf(status: number): string {
  if (status === 404) return words.value.unknownTenantHelp;
  return status === 401 || status === 403 ? words.value.refusedHelp : words.value.failedHelp;
}
