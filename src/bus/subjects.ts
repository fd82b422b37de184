import { parseSessionKey } from "../types/index.ts";
import type { ChannelId, EnvId, SessionKeyText, TeamId, TenantId } from "../types/index.ts";

/** A full subject, made only here from checked ids: it can't hold a wildcard or a token too many. */
export type Subject = string & { readonly __subject: true };
/** What to subscribe to: a subject, or all below a prefix of whole tokens (`….>`). */
export type SubjectPattern = string & { readonly __subjectPattern: true };

/** What a wake-up is about: messages in, rows to send, new entries of a conversation's log, events that flows published, what platforms say of sends, turns that take a while. */
export type SubjectKind = "ingress" | "egress" | "log" | "event" | "receipt" | "typing";

/** The place that a subject names. */
export interface SubjectPlace {
  readonly env: EnvId;
  readonly tenant: TenantId;
  readonly team: TeamId;
  readonly channel: ChannelId;
}

const ROOT: Readonly<Record<SubjectKind, string>> = {
  ingress: "greentic.messaging.ingress",
  egress: "greentic.messaging.egress",
  log: "greentic.log",
  event: "greentic.event",
  receipt: "greentic.receipt",
  typing: "greentic.typing",
};

/** Makes `greentic.messaging.ingress.{env}.{tenant}.{team}.{channel}` and its like. */
export function subjectOf(kind: SubjectKind, place: SubjectPlace): Subject {
  return `${ROOT[kind]}.${place.env}.${place.tenant}.${place.team}.${place.channel}` as Subject;
}

/** Whether a message died on its way in or out. */
export type DeadLetterStage = "ingress" | "egress";

/** Makes `dlq.{tenant}.{stage}`, where dead letters are announced. */
export function deadLetterSubject(tenant: TenantId, stage: DeadLetterStage): Subject {
  return `dlq.${tenant}.${stage}` as Subject;
}

/** Makes the pattern of all dead letters, or one tenant's. */
export function deadLettersOf(tenant?: TenantId): SubjectPattern {
  return (tenant === undefined ? "dlq.>" : `dlq.${tenant}.>`) as SubjectPattern;
}

/** Makes the subject of a session's channel. @throws TYPES_KEY_INVALID, TYPES_ID_INVALID */
export function subjectOfSession(kind: SubjectKind, key: SessionKeyText): Subject {
  return subjectOf(kind, parseSessionKey(key));
}

/** Makes the pattern of everything of one kind below a place; deeper parts only together with those above them. */
export function subjectsBelow(
  kind: SubjectKind,
  place: { readonly env?: EnvId; readonly tenant?: TenantId; readonly team?: TeamId } = {},
): SubjectPattern {
  const tokens: string[] = [ROOT[kind]];
  for (const id of [place.env, place.tenant, place.team]) {
    if (id === undefined) break;
    tokens.push(id);
  }
  if (place.tenant !== undefined && place.env === undefined)
    throw new TypeError("Make subject pattern: tenant without env");
  if (place.team !== undefined && place.tenant === undefined)
    throw new TypeError("Make subject pattern: team without tenant");
  return `${tokens.join(".")}.>` as SubjectPattern;
}

/** Uses one subject as a pattern that matches only it. */
export function exactly(subject: Subject): SubjectPattern {
  return subject as string as SubjectPattern;
}

/** Tells whether a pattern matches a subject. */
export function matchesSubject(pattern: SubjectPattern, subject: Subject): boolean {
  if (!pattern.endsWith(".>")) return (pattern as string) === subject;
  return subject.startsWith(pattern.slice(0, -1));
}

/** Tells whether a subject, or everything that a pattern matches, is a wake-up for a group: these keep until somebody has taken them. */
export function isStreamed(subject: Subject | SubjectPattern): boolean {
  return subject.startsWith("greentic.messaging.");
}
