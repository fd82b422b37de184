import type { Attachment, ChannelMessageEnvelope, JsonObject } from "../../../types/index.ts";
import { isJsonObject } from "../../../types/index.ts";
import type { CardAction } from "../../cards/card-to-text.ts";
import { filesToText } from "../../cards/files-to-text.ts";
import { cardsOf } from "../../cards/find-card.ts";
import { messageToText, unsaid } from "../../cards/message-to-text.ts";
import { objectIn, objectsIn, textIn } from "../../json-parts.ts";
import { shortenText, splitText } from "../../split-text.ts";
import type { NoteFinding } from "../../findings.ts";
import type { CardLooks } from "./card-html.ts";
import { cardHtml } from "./card-html.ts";
import { htmlToText } from "./html-to-text.ts";
import { actionsHtml, flatTitle, pageHtml, paragraphsHtml, printable } from "./html.ts";
import { DEFAULT_MEGABYTES, MAX_REFERENCES, MAX_SUBJECT_UNITS, MAX_TEXT_UNITS } from "./limits.ts";
import { namesIn, oneLine } from "./parse-mail.ts";

/** How a channel writes. */
export interface EmailLooks extends CardLooks {
  /** Of what answers nothing; without one the text's first line. */
  readonly subject?: string | undefined;
  /** What one mail may weigh. Default 25 MB. */
  readonly maxBytes?: number;
}

/** What is sent as one mail, as the outbox keeps it. */
export interface MailPayload {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** The Message-ID that it answers. */
  readonly inReplyTo?: string;
  readonly references: readonly string[];
  /** Kept files: a `blob:` url, or the bytes as a `data:` url of the pack's own. */
  readonly files: readonly { readonly url: string; readonly type: string; readonly name?: string }[];
}

const MAX_UNTITLED_UNITS = 78;
/** Files are written as base64 in lines, and a text stands beside them. */
const FILE_SHARE = 0.7;

/**
 * Projects a message to mails: a text with numbered choices and spelled-out links, and the same as HTML. A longer text than one mail
 * should have goes on in further ones, of which the last has the choices.
 */
export function projectEmail(
  message: ChannelMessageEnvelope,
  looks: EmailLooks,
  note?: NoteFinding,
): readonly JsonObject[] {
  const { text, actions } = messageToText(message, withoutImages(note, looks));
  const sent = sendable(message, looks.maxBytes ?? DEFAULT_MEGABYTES * 1_000_000);
  const files = sent.map(fileOf);
  const links = linksOf(message, sent, note);
  const said = printable([text, links, actionsText(actions)].filter((part) => part.trim() !== "").join("\n\n"));
  if (said === "" && files.length === 0) return [];
  const parts = said === "" ? [""] : splitText(said, MAX_TEXT_UNITS);
  const scope = message.reply_scope;
  const subject = subjectOf(message, looks, said || (files[0]?.name ?? ""));
  const inReplyTo = namesIn(scope?.reply_to ?? "").at(0);
  const references = namesIn(scope?.thread ?? "").slice(-MAX_REFERENCES);
  const locale = /^[A-Za-z0-9-]{2,35}$/.exec(message.metadata["locale"] ?? "")?.[0];
  return parts.map((part, at) => ({
    subject,
    text: part,
    html: pageHtml(
      parts.length === 1
        ? bodyHtml(message, { text, links, actions, looks: { ...looks, note } })
        : [paragraphsHtml(part)],
      locale,
    ),
    ...(inReplyTo === undefined ? {} : { inReplyTo }),
    references,
    files: at === parts.length - 1 ? files : [],
  }));
}

/** Pictures that are shown are no finding of the text beside them; those that aren't, `cardHtml` notes. */
function withoutImages(note: NoteFinding | undefined, { hasImages }: EmailLooks): NoteFinding | undefined {
  if (note === undefined || !hasImages) return note;
  return (finding) => {
    if (finding.element !== "Image") note(finding);
  };
}

/** The values that a projection offers by number: who answers `2` means the second. */
export function numberedEmail(message: ChannelMessageEnvelope): readonly string[] {
  return messageToText(message).actions.flatMap((action) => (action.kind === "submit" ? [action.value] : []));
}

function actionsText(actions: readonly CardAction[]): string {
  let number = 0;
  const opens = actions.flatMap((action) =>
    action.kind === "open" ? [`${flatTitle(action.title)}: ${action.url}`] : [],
  );
  const submits = actions.flatMap((action) =>
    action.kind === "submit" ? [`${++number}. ${flatTitle(action.title)}`] : [],
  );
  return [opens.join("\n"), submits.join("\n")].filter((part) => part !== "").join("\n\n");
}

function bodyHtml(
  message: ChannelMessageEnvelope,
  {
    text,
    links,
    actions,
    looks,
  }: {
    readonly text: string;
    readonly links: string;
    readonly actions: readonly CardAction[];
    readonly looks: EmailLooks;
  },
): readonly string[] {
  const cards = cardsOf(message).map((card) => cardHtml(card, looks));
  const shown = cards.map(htmlToText).join("\n");
  const blocks = [paragraphsHtml(shown === "" ? (message.text ?? "") : unsaid(message.text ?? "", shown)), ...cards];
  // Whatever a card says that its HTML doesn't show stands below it.
  const missing = unsaid(text, htmlToText(blocks.join("\n")));
  return [...blocks, paragraphsHtml(missing), paragraphsHtml(links), actionsHtml(actions)];
}

/** Attachments that don't go along: their names, with their address where they have one. */
function linksOf(message: ChannelMessageEnvelope, sent: readonly Attachment[], note: NoteFinding | undefined): string {
  const attachments = message.attachments.filter((one) => !sent.includes(one));
  return filesToText({ ...message, attachments }, note).join("\n");
}

/** The files that one mail has room for, the first ones first: those whose bytes are at hand. */
function sendable(message: ChannelMessageEnvelope, maxBytes: number): readonly Attachment[] {
  let room = Math.floor(maxBytes * FILE_SHARE);
  return message.attachments.filter(({ url = "", size_bytes: size }) => {
    const isKept = url.startsWith("blob:");
    const bytes = isKept ? (size ?? 0) : url.length;
    if (!(isKept || url.startsWith("data:")) || bytes > room) return false;
    room -= bytes;
    return true;
  });
}

function fileOf({ url = "", mime_type: type, name }: Attachment): MailPayload["files"][number] {
  return { url, type, ...(name === undefined ? {} : { name: oneLine(name) }) };
}

function subjectOf(message: ChannelMessageEnvelope, looks: EmailLooks, said: string): string {
  const own = textIn(objectIn(message.extensions?.channel_data)?.subject);
  if (own !== undefined) return shortenText(oneLine(own), MAX_SUBJECT_UNITS);
  const scope = message.reply_scope;
  if (scope?.reply_to === undefined) {
    const first = said.split("\n").find((line) => line.trim() !== "") ?? "";
    return looks.subject ?? shortenText(oneLine(first), MAX_UNTITLED_UNITS);
  }
  const answered = oneLine(scope.correlation ?? "");
  return shortenText(/^re\s*:/i.test(answered) ? answered : `Re: ${answered}`.trimEnd(), MAX_SUBJECT_UNITS);
}

/** Reads what an outbox row holds; undefined where it isn't what this channel projects. */
export function readPayload(payload: unknown): MailPayload | undefined {
  const row = isJsonObject(payload) ? payload : undefined;
  if (row === undefined) return undefined;
  const { subject, text, html, inReplyTo, references } = row;
  if (typeof subject !== "string" || typeof text !== "string" || typeof html !== "string") return undefined;
  const names = Array.isArray(references) ? references.filter((name) => typeof name === "string") : [];
  return {
    subject: oneLine(subject),
    text,
    html,
    ...(typeof inReplyTo === "string" && namesIn(inReplyTo)[0] === inReplyTo ? { inReplyTo } : {}),
    references: names.flatMap((name) => (namesIn(name)[0] === name ? [name] : [])),
    files: objectsIn(row.files).flatMap(({ url, type, name }) =>
      typeof url === "string" && typeof type === "string"
        ? [{ url, type, ...(typeof name === "string" ? { name: oneLine(name) } : {}) }]
        : [],
    ),
  };
}
