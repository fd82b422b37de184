import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import "../styles/pane.css";
import { Icon } from "../view/icons.tsx";
import { isWide } from "../view/media.ts";
import { locale, words } from "../words/index.ts";
import type { TurnStream } from "./turn-stream.ts";
import { formatDuration } from "./turns.ts";
import type { Turn, TurnEvent } from "./turns.ts";

type NodeEnded = Extract<TurnEvent, { readonly kind: "node.ended" }>;

/** What the worker did, turn by turn and node by node: beside the conversation on a wide screen, a sheet over it on a phone. */
export function Pane({ stream, onClose }: { readonly stream: TurnStream; readonly onClose: () => void }): VNode {
  const say = words.value;
  const turns = stream.turns.value;
  const closer = useRef<HTMLButtonElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const isSheet = !isWide.value;
  const count = turns.reduce((sum, turn) => sum + turn.events.length, 0);
  useLayoutEffect(() => closer.current?.focus(), []);
  useLayoutEffect(() => scroller.current?.scrollTo({ top: scroller.current.scrollHeight }), [count]);
  return (
    <>
      {isSheet && <div class="backdrop" onClick={onClose} />}
      <section
        id="work"
        class="work"
        aria-label={say.work}
        role={isSheet ? "dialog" : "complementary"}
        aria-modal={isSheet ? true : undefined}
      >
        <header class="header">
          <h2 class="header-title">{say.work}</h2>
          <span class="grow" />
          <button
            ref={closer}
            type="button"
            class="button quiet square"
            aria-label={say.close}
            title={say.close}
            onClick={onClose}
          >
            <Icon name="close" />
          </button>
        </header>
        <div ref={scroller} class="work-scroll" tabIndex={0} role="group" aria-label={say.work}>
          {!stream.isHeard.value && turns.length > 0 && <p class="work-note">{say.workAway}</p>}
          {turns.length === 0 ? (
            <p class="work-note">{say.workEmpty}</p>
          ) : (
            <ol class="turns">
              {turns.map((turn) => (
                <TurnView key={turn.key} turn={turn} />
              ))}
            </ol>
          )}
        </div>
      </section>
    </>
  );
}

function TurnView({ turn }: { readonly turn: Turn }): VNode {
  const say = words.value;
  const longestMs = Math.max(1, ...turn.events.map((event) => (event.kind === "node.ended" ? event.durationMs : 0)));
  return (
    <li class="turn">
      <h3 class="turn-head">
        <span class={`mark ${turn.outcome}`} aria-hidden="true" />
        <span class="turn-flow">{turn.flow ?? say.flow}</span>
        <span class="turn-outcome">{say.outcome[turn.outcome]}</span>
        {turn.durationMs !== undefined && <span class="duration">{formatDuration(turn.durationMs, locale.value)}</span>}
      </h3>
      <ol class="steps">
        {turn.events.map((event, at) => (
          <Step key={at} event={event} turn={turn} longestMs={longestMs} />
        ))}
      </ol>
      {turn.errorCode !== undefined && (
        <p class="step-detail danger">
          <code>{turn.errorCode}</code>
        </p>
      )}
    </li>
  );
}

function Step(props: { readonly event: TurnEvent; readonly turn: Turn; readonly longestMs: number }): VNode | null {
  const { event, turn, longestMs } = props;
  const say = words.value;
  switch (event.kind) {
    case "node.ended":
      return <NodeStep event={event} longestMs={longestMs} />;
    case "flow.started":
      return event.flow === turn.flow ? null : <li class="step side">{`${say.flow}: ${event.flow}`}</li>;
    case "flow.ended":
      return null;
    case "message.accepted":
      return event.duplicate ? <li class="step side">{say.duplicate}</li> : null;
    case "send.ended":
      return (
        <li class={event.outcome === "sent" ? "step side" : "step side danger"}>
          <span>{say.delivery[event.outcome]}</span>
          {event.errorCode !== undefined && <code>{event.errorCode}</code>}
          <span class="duration">{formatDuration(event.durationMs, locale.value)}</span>
        </li>
      );
    case "warning":
      return (
        <li class="step side warning">
          <Icon name="alert" />
          <code>{event.code}</code>
          <span>{[event.node, event.path].filter((part) => part !== undefined).join(": ")}</span>
        </li>
      );
    default:
      // A newer host may tell more than this page knows.
      return null;
  }
}

function NodeStep({ event, longestMs }: { readonly event: NodeEnded; readonly longestMs: number }): VNode {
  const say = words.value;
  return (
    <li class="step">
      <div class="step-head">
        <span class={`mark ${event.outcome}`} aria-hidden="true" />
        <span class="step-node">{event.node}</span>
        <code class="step-kind">{event.operation}</code>
        {event.outcome !== "ok" && <span class="step-outcome">{say.outcome[event.outcome]}</span>}
        <span class="duration">{formatDuration(event.durationMs, locale.value)}</span>
      </div>
      <div class="step-bar" aria-hidden="true">
        <i style={{ inlineSize: `${Math.max(1, (event.durationMs / longestMs) * 100)}%` }} />
      </div>
      {event.target !== undefined && (
        <p class="step-detail">
          {say.tool} <code>{event.target}</code>
        </p>
      )}
      {event.wrote !== undefined && event.wrote.length > 0 && (
        <p class="step-detail">
          {say.wrote}{" "}
          {event.wrote.map((key) => (
            <code key={key}>{key}</code>
          ))}
        </p>
      )}
      {event.errorCode !== undefined && (
        <p class="step-detail danger">
          <code>{event.errorCode}</code>
        </p>
      )}
    </li>
  );
}
