import type { Cursor, InboxEntry, SessionRecord, Step, Timer } from "../session/index.ts";
import type { ChannelMessageEnvelope, JsonValue } from "../types/index.ts";
import { isJsonObject } from "../types/index.ts";
import type { Turn } from "./turn.ts";

/**
 * How much of each turn the store keeps for operators. `turns`: what ran and how it ended, no texts. `replay`: also the message, what
 * effects answered and what was said, so that the session can be replayed against another version of its pack.
 */
export type JournalMode = "off" | "turns" | "replay";

/** What operators are shown of one turn. */
export interface TurnJournal {
  readonly by: "message" | "timer";
  readonly traceId: string;
  readonly pack: string;
  readonly packHash: string;
  /** Where the session stood; absent where no flow was running. */
  readonly from?: Cursor;
  readonly status: "done" | "waiting" | "error";
  readonly waitingAt?: string;
  readonly errorCode?: string;
  /** The nodes in the order in which they ended. */
  readonly steps: readonly JournalStep[];
  /** Messages that it said. */
  readonly said: number;
  readonly replay?: ReplayRecord;
}

export interface JournalStep {
  readonly flow: string;
  readonly node: string;
  readonly kind: string;
  readonly outcome: string;
}

/** What it takes to run a turn again; holds people's texts. */
export interface ReplayRecord {
  readonly trigger: ReplayTrigger;
  /** What effects left, in the order of the journal. */
  readonly effects: readonly Step[];
  readonly messages: readonly ChannelMessageEnvelope[];
  /** The session as it was before, where no flow was running: where a replay can begin. */
  readonly before?: { readonly session?: SessionRecord; readonly state: readonly (readonly [string, JsonValue])[] };
}

type ReplayTrigger =
  /** `isLater`: the session had kept it for this turn. */
  | { readonly kind: "message"; readonly entry: InboxEntry; readonly isLater?: boolean }
  | { readonly kind: "timer"; readonly timer: Timer };

/** Makes a finished turn's journal entry. */
export function journalOf(turn: Turn): JsonValue {
  const { trigger, error, lease, env } = turn;
  const { session } = lease;
  const top = turn.stack.at(-1);
  const journal: TurnJournal = {
    by: trigger.kind,
    traceId: turn.traceId,
    pack: turn.loaded?.name ?? session?.pack ?? "",
    packHash: turn.loaded?.packHash ?? session?.packHash ?? "",
    ...(session?.cursor === undefined ? {} : { from: session.cursor }),
    status: error !== undefined ? "error" : top === undefined ? "done" : "waiting",
    ...(top === undefined ? {} : { waitingAt: top.node }),
    ...(error === undefined ? {} : { errorCode: error.code }),
    steps: (turn.steps ?? []).map(({ flow, node, kind, outcome }) => ({ flow, node, kind, outcome })),
    said: turn.messages.length,
    ...(env.journal === "replay" ? { replay: replayOf(turn) } : {}),
  };
  return journal as unknown as JsonValue;
}

function replayOf({ trigger, lease, messages, journaled = [] }: Turn): ReplayRecord {
  const { session, state } = lease;
  const before = { ...(session === undefined ? {} : { session }), state: [...state] };
  return {
    trigger,
    effects: [...journaled].sort((a, b) => a.seq - b.seq),
    messages,
    ...(session?.cursor === undefined ? { before } : {}),
  };
}

/** Reads a journal entry back; undefined for what was made elsewhere. */
export function readTurnJournal(turn: JsonValue): TurnJournal | undefined {
  return isJsonObject(turn) && Array.isArray(turn["steps"]) ? (turn as unknown as TurnJournal) : undefined;
}
