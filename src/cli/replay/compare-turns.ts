import type { TurnJournal } from "../../runner/index.ts";
import type { Step } from "../../session/index.ts";
import type { ChannelMessageEnvelope } from "../../types/index.ts";

/** One decision that the other version takes differently. */
export interface Difference {
  /** The turn, by the session's revision that it committed when it was recorded. */
  readonly revision: number;
  /** `turn`: it doesn't run at all; `nodes`: other nodes or outcomes; `effect`: something is called otherwise; else what the turn came to. */
  readonly what: "turn" | "nodes" | "effect" | "status" | "waiting_at" | "error" | "messages";
  readonly expected: string;
  readonly got: string;
}

/** Finds every decision in which two runs of one turn differ. */
export function compareTurns(revision: number, expected: TurnJournal, got: TurnJournal): readonly Difference[] {
  const found: Difference[] = [];
  const compare = (what: Difference["what"], a: string, b: string): void => {
    if (a !== b) found.push({ revision, what, expected: a, got: b });
  };
  compare("nodes", nodesOf(expected), nodesOf(got));
  compare("status", expected.status, got.status);
  compare("waiting_at", expected.waitingAt ?? "nowhere", got.waitingAt ?? "nowhere");
  compare("error", expected.errorCode ?? "none", got.errorCode ?? "none");
  compare("messages", saidIn(expected), saidIn(got));
  const before = expected.replay?.effects ?? [];
  const after = got.replay?.effects ?? [];
  for (const effect of before) {
    if (!after.some((other) => isSame(effect, other)))
      found.push({ revision, what: "effect", expected: effect.node, got: calledAt(effect, after) });
  }
  for (const effect of after) {
    if (!before.some(({ node }) => node === effect.node))
      found.push({ revision, what: "effect", expected: "none", got: effect.node });
  }
  return found;
}

function nodesOf({ steps }: TurnJournal): string {
  return steps.map(({ flow, node, outcome }) => `${flow}/${node} ${outcome}`).join(", ");
}

/** What a person would see; ids and times are another matter. */
function saidIn({ replay }: TurnJournal): string {
  const seen = ({ text, attachments, extensions }: ChannelMessageEnvelope): object => ({
    text,
    ...(attachments.length === 0 ? {} : { attachments }),
    ...(extensions === undefined ? {} : { extensions }),
  });
  return JSON.stringify((replay?.messages ?? []).map(seen));
}

function isSame(a: Step, b: Step): boolean {
  return a.node === b.node && a.inputHash === b.inputHash;
}

function calledAt(effect: Step, after: readonly Step[]): string {
  return after.some(({ node }) => node === effect.node) ? `${effect.node} with other input` : "nothing called";
}
