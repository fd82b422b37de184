import type { Step } from "../session/index.ts";
import type { JsonValue } from "../types/index.ts";
import type { LoadedNode } from "./loaded-pack.ts";
import { LATER_TIMER } from "./trigger.ts";
import type { Turn } from "./turn.ts";
import type { TurnBase } from "./turn-base.ts";
import { TurnAborted } from "./turn-aborted.ts";

/**
 * Names an effect's place in its turn for the journal. A part's name has its path; a timer's turn says which timer, so that the
 * same one is served first when the turn runs again.
 */
export function stepName(turn: Turn, node: LoadedNode): string {
  const place = `${turn.stack.at(-1)?.flow.id ?? ""}/${node.id}${pathOf(turn)}`;
  const { trigger } = turn;
  if (trigger.kind === "timer") return `${place}@${trigger.timer.onceKey}`;
  return trigger.isLater === true ? `${place}@${LATER_TIMER}` : place;
}

function pathOf(turn: TurnBase): string {
  return turn.part === undefined ? "" : `${pathOf(turn.part.whole)}~${turn.part.path}`;
}

/**
 * Journals an outcome; the first one that was journaled counts. What is a part of an effect is told to no replay: the effect's own
 * outcome says all of it. @throws TurnAborted where the store can't
 */
export async function recordStep(
  turn: Turn,
  {
    node,
    inputHash,
    outcome,
    isPart = false,
  }: {
    readonly node: string;
    readonly inputHash: string;
    readonly outcome: JsonValue;
    readonly isPart?: boolean;
  },
): Promise<Step> {
  const step: Step = { turn: turn.revision, seq: turn.nextSeq(), node, inputHash, outcome };
  try {
    const recorded = await turn.env.store.record(turn.lease, step);
    if (!isPart) turn.journaled?.push(recorded);
    return recorded;
  } catch (error) {
    throw new TurnAborted(error);
  }
}
