import type { ChannelMessageEnvelope, JsonValue } from "../types/index.ts";
import { isJsonObject, parseSessionKey } from "../types/index.ts";
import type { ApprovalNote, OpenApproval, Verdict } from "./approvals.ts";
import { mayDecide, noteOf, spokenWord } from "./approvals.ts";
import type { Turn } from "./turn.ts";

/** Where an approval's own session keeps what is asked and what was decided. */
const OPEN = { prefix: "approval", key: "open" };

/**
 * Takes a turn that is about an approval and not about the session's flow: a word that somebody speaks on one goes to the approval's
 * own session, and there it is judged. Turns of that session follow one another, so that one word counts.
 * @returns false where the turn is about something else
 */
export function takeApprovalTurn(turn: Turn): boolean {
  const note = noteOf(turn.message);
  if (note !== undefined) {
    judge(turn, note);
    turn.close();
    return true;
  }
  const word = spokenWord(turn.message);
  if (word === undefined || turn.message === undefined) return false;
  const { channel, conversation, user } = parseSessionKey(turn.lease.key);
  const { from } = turn.message;
  const verdict: Verdict = {
    decision: word.decision,
    by: { channel, user, ...(from?.name === undefined ? {} : { name: from.name }) },
    atMs: turn.nowMs,
    conversation,
  };
  turn.relayed.push({ kind: "verdict", code: word.code, verdict, reply: replyTo(turn.message) });
  turn.ignore();
  return true;
}

function judge(turn: Turn, note: ApprovalNote): void {
  if (note.kind === "open") {
    turn.working.set(OPEN, note.open as unknown as JsonValue, { isLetIn: true });
    return;
  }
  const { verdict, code } = note;
  const kept = turn.working.get(OPEN) ?? null;
  const open = isJsonObject(kept) ? (kept as unknown as OpenApproval) : undefined;
  if (open === undefined || verdict.atMs > open.untilMs) return tell(turn, verdict, "greentic.approval.over");
  if (!mayDecide(open, verdict)) return tell(turn, verdict, "greentic.approval.not_yours");
  turn.working.delete(OPEN);
  const { conversation: _from, ...decision } = verdict;
  turn.relayed.push({ kind: "decision", session: open.session, decision: { ...decision, code } });
  return tell(turn, verdict, `greentic.approval.${verdict.decision}`);
}

/** Answers whoever spoke, where they did. */
function tell(turn: Turn, { by, conversation }: Verdict, key: string): void {
  const reply = turn.message?.extensions?.["greentic.reply"] ?? {};
  const { env, tenant, team } = turn.ctx;
  const message: ChannelMessageEnvelope = {
    ...(reply as unknown as Partial<ChannelMessageEnvelope>),
    id: `${turn.turnId}-told`,
    tenant: { env, tenant, team },
    channel: by.channel,
    session_id: conversation,
    text: turn.t(key),
    attachments: [],
    metadata: { locale: turn.locale },
  };
  turn.relayed.push({ kind: "message", channel: by.channel, conversation, message });
}

function replyTo(message: ChannelMessageEnvelope): Pick<ChannelMessageEnvelope, "reply_scope" | "to"> {
  return {
    ...(message.reply_scope === undefined ? {} : { reply_scope: message.reply_scope }),
    ...(message.from === undefined ? {} : { to: [{ id: message.from.id }] }),
  };
}
