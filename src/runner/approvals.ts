import { hash } from "node:crypto";
import type { ChannelMessageEnvelope, JsonObject } from "../types/index.ts";
import { isJsonObject, parseSessionKey } from "../types/index.ts";
import { requestOf } from "./own-envelope.ts";
import { cardValue } from "./submitted-values.ts";

/** What is asked, and of whom; kept by the approval's own session, which its code leads to. */
export interface OpenApproval {
  /** Key of the session whose flow waits. */
  readonly session: string;
  /** `channel:user` or `user`; where there are none, whoever writes in one of the conversations that were asked. */
  readonly users: readonly string[];
  readonly conversations: readonly { readonly channel: string; readonly id: string }[];
  readonly untilMs: number;
}

/** Who decided what. */
export interface Decision {
  readonly decision: "approved" | "rejected";
  readonly by: { readonly channel: string; readonly user: string; readonly name?: string };
  readonly atMs: number;
}

/** A person's word on an approval, and where it was said. */
export interface Verdict extends Decision {
  readonly conversation: string;
}

const WORD = /^(approve|reject):([\w-]{22})$/;

/** Makes what a button of an approval stands for. */
export function wordOf(verb: "approve" | "reject", code: string): string {
  return `${verb}:${code}`;
}

/** Reads a message as somebody's word on an approval: a button of it, or its words typed. */
export function spokenWord(
  message: ChannelMessageEnvelope | undefined,
): { readonly code: string; readonly decision: Decision["decision"] } | undefined {
  if (message === undefined) return undefined;
  const value = cardValue(message) ?? null;
  const said = typeof value === "string" ? value : isJsonObject(value) ? value["approval"] : undefined;
  const [, verb, code] = WORD.exec((typeof said === "string" ? said : (message.text ?? "")).trim()) ?? [];
  if (code === undefined) return undefined;
  return { code, decision: verb === "approve" ? "approved" : "rejected" };
}

/** The conversation of an approval's own session: whoever has the code finds it, and nobody else. */
export function conversationOfApproval(code: string): string {
  return `approval-${hash("sha256", code, "hex").slice(0, 32)}`;
}

/** What a message says to an approval's own session. */
export type ApprovalNote =
  | { readonly kind: "open"; readonly open: OpenApproval }
  | { readonly kind: "verdict"; readonly code: string; readonly verdict: Verdict };

/** Reads a message to an approval's own session; undefined for every other message. */
export function noteOf(message: ChannelMessageEnvelope | undefined): ApprovalNote | undefined {
  const note = requestOf(message)["approval"];
  return note !== undefined && isJsonObject(note) ? (note as unknown as ApprovalNote) : undefined;
}

/** Reads the decision that a message brings to the session that waits for it; undefined for every other message. */
export function decisionOf(
  message: ChannelMessageEnvelope | undefined,
): (Decision & { readonly code: string }) | undefined {
  const decision = requestOf(message)["decision"];
  return decision !== undefined && isJsonObject(decision)
    ? (decision as unknown as Decision & { readonly code: string })
    : undefined;
}

/** Tells whether somebody may decide: who is named, else who was asked; whoever asks decides only where they are named. */
export function mayDecide(open: OpenApproval, { by, conversation }: Verdict): boolean {
  const { channel, user } = by;
  if (open.users.length > 0) return open.users.includes(user) || open.users.includes(`${channel}:${user}`);
  const asker = parseSessionKey(open.session);
  if (asker.channel === channel && asker.user === user) return false;
  return open.conversations.some((asked) => asked.channel === channel && asked.id === conversation);
}

/** A decision as a flow sees it. */
export function outputOf(decision: Decision | undefined): JsonObject {
  if (decision === undefined) return { decision: "expired", by: null, at: null };
  const { by, atMs } = decision;
  return { decision: decision.decision, by: { ...by }, at: new Date(atMs).toISOString() };
}
