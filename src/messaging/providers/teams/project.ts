import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../../../types/index.ts";
import type { CardAction } from "../../cards/card-to-text.ts";
import { cardToText, webUrl } from "../../cards/card-to-text.ts";
import { cardsOfActions, fitCard, longTitles, suggestedActions } from "../../cards/fit-card.ts";
import { filesToText } from "../../cards/files-to-text.ts";
import { ADAPTIVE_CARD_TYPE, cardsOf } from "../../cards/find-card.ts";
import { noteUnsaid } from "../../cards/message-to-text.ts";
import { fileIn, filesOf, fileToJson } from "../../files/outgoing.ts";
import type { NoteFinding, ProjectionFinding } from "../../findings.ts";
import { noteElement } from "../../findings.ts";
import { objectIn, objectsIn, textIn } from "../../json-parts.ts";
import { shortenText, splitText } from "../../split-text.ts";
import { isTeamsPicture } from "./files.ts";
import { MAX_ACTIVITY_UNITS, MAX_ROW_ACTIONS, MAX_TEXT_UNITS, TEAMS_CARDS } from "./limits.ts";

const MAX_SUMMARY_UNITS = 1_000;
/** Actions of one card that we make. */
const MAX_CARD_ACTIONS = 30;

/**
 * Projects a message to payloads of `{activity, serviceUrl?}`, pictures to `{file, serviceUrl?}`. Cards go as they are where Teams shows them, else as text and
 * actions; suggested replies become a card, since Teams shows suggestions to one person alone. Text is plain: nothing in it formats or mentions.
 */
export function projectTeams(message: ChannelMessageEnvelope, note?: NoteFinding): readonly JsonObject[] {
  const cards = cardsOf(message);
  const suggested = suggestedActions(message);
  const said = cards.length === 0 ? (message.text ?? "") : "";
  const activities = [
    ...saysAll([said, ...filesToText(message, note, isTeamsPicture)], cards.length === 0 ? suggested : []),
  ];
  const summary =
    cards.length === 0 ? undefined : textIn(shortenText(printable(message.text ?? ""), MAX_SUMMARY_UNITS));
  for (const [n, card] of cards.entries())
    activities.push(...cardActivities(card, { summary, note, path: `cards[${n}]` }));
  noteUnsaid(message, cards, note);
  if (cards.length > 0) activities.push(...saysAll([], suggested));
  const serviceUrl = textIn(message.reply_scope?.correlation);
  const via = serviceUrl === undefined ? {} : { serviceUrl };
  const pictures = filesOf(message, isTeamsPicture).map((file) => ({ file: fileToJson(file), ...via }));
  const sends = activities.map((activity) => ({ activity, ...via }));
  return cards.length + suggested.length === 0 ? [...sends, ...pictures] : [...pictures, ...sends];
}

function cardActivities(
  card: JsonObject,
  {
    summary,
    note,
    path,
  }: { readonly summary: string | undefined; readonly note: NoteFinding | undefined; readonly path: string },
): readonly JsonObject[] {
  const findings: ProjectionFinding[] = [];
  const activity = {
    type: "message",
    ...(summary === undefined ? {} : { summary }),
    attachments: [
      attachmentOf(
        // Fitted as it came: a long value's token is that of what the flow said.
        wellFormed(
          fitCard(card, { rules: TEAMS_CARDS, note: note && ((finding) => void findings.push(finding)), path }),
        ),
      ),
    ],
  };
  if (sizeOf(activity) <= MAX_ACTIVITY_UNITS) {
    for (const finding of findings) note?.(finding);
    return [activity];
  }
  noteElement(note, "card.degraded", { type: "AdaptiveCard", path });
  const { text, actions } = cardToText(card, { note, path });
  return saysAll([text], actions);
}

/** Texts, and actions under the last of them. */
function saysAll(texts: readonly string[], actions: readonly CardAction[]): readonly JsonObject[] {
  const all = [...texts, longTitles(actions)];
  const text = printable(all.filter((part) => part.trim() !== "").join("\n\n"));
  const activities: JsonObject[] = splitText(text, MAX_TEXT_UNITS).map((part) => ({
    type: "message",
    text: part,
    textFormat: "plain",
  }));
  for (const card of ofActions(actions)) {
    const last = activities.at(-1) ?? { type: "message" };
    const joined = { ...last, attachments: [attachmentOf(card)] };
    const fits = last.attachments === undefined && sizeOf(joined) <= MAX_ACTIVITY_UNITS;
    if (fits) activities.splice(-1, 1, joined);
    else activities.push({ type: "message", attachments: [attachmentOf(card)] });
  }
  return activities;
}

const ofActions = (actions: readonly CardAction[]): readonly JsonObject[] =>
  cardsOfActions(actions, TEAMS_CARDS, {
    maxActions: MAX_CARD_ACTIONS,
    isTooLarge: (card) => sizeOf(card) > MAX_ACTIVITY_UNITS - 500,
  }).map(wellFormed);

const attachmentOf = (content: JsonObject): JsonObject => ({ contentType: ADAPTIVE_CARD_TYPE, content });
const sizeOf = (value: JsonValue): number => JSON.stringify(value).length;

/** Lone surrogates would make the request invalid, control characters would show as boxes. */
function printable(text: string): string {
  return text.toWellFormed().replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, "");
}

function wellFormed(card: JsonObject): JsonObject {
  const replace = (_name: string, value: unknown): unknown =>
    typeof value === "string" ? value.toWellFormed() : value;
  return JSON.parse(JSON.stringify(card, replace)) as JsonObject;
}

/** Says what in a projected payload breaks Teams' limits; empty where nothing does. */
export function checkTeamsSend(send: JsonObject): readonly string[] {
  if (fileIn(send) !== undefined) return [];
  const { activity } = send;
  const problems: string[] = [];
  const { text, textFormat, attachments } = objectIn(activity) ?? {};
  if (sizeOf(activity ?? null) > MAX_ACTIVITY_UNITS) problems.push("activity is too large");
  if (text === undefined && objectsIn(attachments).length === 0) problems.push("activity is empty");
  if (text !== undefined && (typeof text !== "string" || text.trim() === "" || text.length > MAX_TEXT_UNITS))
    problems.push("text");
  if (text !== undefined && textFormat !== "plain") problems.push("text has markup");
  if (/\\ud[89a-f]/.test(JSON.stringify(activity))) problems.push("activity has a lone surrogate");
  for (const { content } of objectsIn(attachments)) checkCard(objectIn(content) ?? {}, problems);
  return problems;
}

function checkCard(card: JsonObject, problems: string[]): void {
  if (card.type !== "AdaptiveCard" || !(Number(card.version) <= 1.5)) problems.push("card version");
  const look = (element: JsonObject): void => {
    const actions = objectsIn(element.actions);
    if (actions.length > MAX_ROW_ACTIONS) problems.push("too many actions in a row");
    for (const { type, data, url, card: shown } of actions) {
      if (!/^Action\.(?:Submit|Execute|OpenUrl|ShowCard|ToggleVisibility)$/.test(textIn(type) ?? ""))
        problems.push("action type");
      if (data !== undefined && objectIn(data) === undefined) problems.push("action data is no object");
      if (type === "Action.OpenUrl" && webUrl(url) === "") problems.push("action url");
      const inner = objectIn(shown);
      if (inner !== undefined) look(inner);
    }
    for (const list of ["body", "items", "columns", "rows", "cells"]) objectsIn(element[list]).forEach(look);
  };
  look(card);
}
