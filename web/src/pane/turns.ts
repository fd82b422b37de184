import type { TurnEvent } from "../../../src/telemetry/turn-event.ts";

export type { TurnEvent };

/** One turn of the worker, put together from its events. */
export interface Turn {
  /** The trace that its events share. */
  readonly key: string;
  readonly flow: string | undefined;
  readonly outcome: "running" | "done" | "waiting" | "error";
  readonly durationMs: number | undefined;
  readonly errorCode: string | undefined;
  /** What happened in it, in the order heard: nodes, inner flows, sends, warnings. */
  readonly events: readonly TurnEvent[];
}

/** Turns kept; older ones leave. */
const MOST_TURNS = 50;

/** Adds an event to the turn of its trace. The first flow that starts is the turn's own; others are called by it. */
export function addEvent(turns: readonly Turn[], event: TurnEvent): readonly Turn[] {
  const key = event.ctx.traceId;
  const known = turns.find((turn) => turn.key === key);
  const turn = merge(known ?? emptyTurn(key), event);
  if (known !== undefined) return turns.map((other) => (other === known ? turn : other));
  return [...turns, turn].slice(-MOST_TURNS);
}

function emptyTurn(key: string): Turn {
  return { key, flow: undefined, outcome: "running", durationMs: undefined, errorCode: undefined, events: [] };
}

function merge(turn: Turn, event: TurnEvent): Turn {
  const events = [...turn.events, event];
  switch (event.kind) {
    case "flow.started":
      return { ...turn, events, flow: turn.flow ?? event.flow };
    case "flow.ended":
      if (turn.flow !== undefined && event.flow !== turn.flow) return { ...turn, events };
      return {
        ...turn,
        events,
        flow: event.flow,
        outcome: event.outcome,
        durationMs: event.durationMs,
        errorCode: event.errorCode,
      };
    default:
      return { ...turn, events };
  }
}

/** Writes a duration as people read it: `0.4 ms`, `12 ms`, `1.3 s`. */
export function formatDuration(durationMs: number, locale: string): string {
  const isSeconds = durationMs >= 1000;
  const amount = isSeconds ? durationMs / 1000 : durationMs;
  return new Intl.NumberFormat(locale, {
    style: "unit",
    unit: isSeconds ? "second" : "millisecond",
    unitDisplay: "short",
    maximumFractionDigits: amount < 10 ? 1 : 0,
  }).format(amount);
}
