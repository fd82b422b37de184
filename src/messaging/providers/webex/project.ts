import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../../../types/index.ts";
import type { CardAction } from "../../cards/card-to-text.ts";
import { cardToText, webUrl } from "../../cards/card-to-text.ts";
import { filesToText } from "../../cards/files-to-text.ts";
import { ADAPTIVE_CARD_TYPE, cardsOf } from "../../cards/find-card.ts";
import { cardsOfActions, fitCard, longTitles, suggestedActions } from "../../cards/fit-card.ts";
import { noteUnsaid } from "../../cards/message-to-text.ts";
import type { NoteFinding, ProjectionFinding } from "../../findings.ts";
import { noteElement } from "../../findings.ts";
import { fileIn, filesOf, fileToJson } from "../../files/outgoing.ts";
import { objectIn, objectsIn, textIn } from "../../json-parts.ts";
import { isWebexSized } from "./files.ts";
import { MAX_CARD_BYTES, MAX_TEXT_BYTES, WEBEX_CARDS } from "./limits.ts";
import { printable, splitBytes } from "./text.ts";

/** Actions of one card that we make. */
const MAX_CARD_ACTIONS = 25;

/**
 * Projects a message to payloads of `{text, attachments?}` and `{file}`: one card each, as it is as far as Webex shows it, else text and actions;
 * suggested replies become a card. The text goes as text, never as markdown, so that nothing in it formats, mentions or links.
 */
export function projectWebex(message: ChannelMessageEnvelope, note?: NoteFinding): readonly JsonObject[] {
  const cards = cardsOf(message);
  const suggested = suggestedActions(message);
  const said = cards.length === 0 ? (message.text ?? "") : "";
  const payloads = [...saysAll([said, ...filesToText(message, note, isWebexSized)], [])];
  for (const file of filesOf(message, isWebexSized)) payloads.push({ file: fileToJson(file) });
  if (cards.length === 0) payloads.push(...saysAll([], suggested));
  for (const [n, card] of cards.entries())
    payloads.push(...cardPayloads(card, { text: message.text ?? "", note, path: `cards[${n}]` }));
  noteUnsaid(message, cards, note);
  if (cards.length > 0) payloads.push(...saysAll([], suggested));
  return payloads;
}

function cardPayloads(
  card: JsonObject,
  { text, note, path }: { readonly text: string; readonly note: NoteFinding | undefined; readonly path: string },
): readonly JsonObject[] {
  const findings: ProjectionFinding[] = [];
  const own = note && ((finding: ProjectionFinding) => void findings.push(finding));
  // Fitted as it came: a long value's token is that of what the flow said.
  const fitted = wellFormed(fitCard(card, { rules: WEBEX_CARDS, note: own, path }));
  if (bytesOf(fitted) <= MAX_CARD_BYTES) {
    for (const finding of findings) note?.(finding);
    return [withCard(fitted, text.trim() === "" ? cardToText(card).text : text)];
  }
  noteElement(note, "card.degraded", { type: "AdaptiveCard", path });
  // As it came: a long value's token is that of what the flow said.
  const degraded = cardToText(card, { note, path });
  return saysAll([degraded.text], degraded.actions);
}

/** Texts, and actions under the last of them. */
function saysAll(texts: readonly string[], actions: readonly CardAction[]): readonly JsonObject[] {
  const all = [...texts, longTitles(actions)];
  const text = printable(all.filter((part) => part.trim() !== "").join("\n\n"));
  const payloads: JsonObject[] = splitBytes(text, MAX_TEXT_BYTES).map((part) => ({ text: part }));
  // Where a card is shown its text isn't, so that what is said stands above it, in a message of its own.
  for (const card of ofActions(actions)) payloads.push(withCard(card, actionTitles(card)));
  return payloads;
}

/** A message that shows a card; `fallback` is for readers without cards and for lists of messages. */
function withCard(card: JsonObject, fallback: string): JsonObject {
  const [text = "…"] = splitBytes(printable(fallback), MAX_TEXT_BYTES);
  return { text, attachments: [{ contentType: ADAPTIVE_CARD_TYPE, content: card }] };
}

function actionTitles(card: JsonObject): string {
  const titles = objectsIn(card.body).flatMap(({ actions }) => objectsIn(actions).map(({ title }) => textIn(title)));
  return titles.filter((title) => title !== undefined).join(" | ");
}

const ofActions = (actions: readonly CardAction[]): readonly JsonObject[] =>
  cardsOfActions(actions, WEBEX_CARDS, {
    maxActions: MAX_CARD_ACTIONS,
    isTooLarge: (card) => bytesOf(card) > MAX_CARD_BYTES,
  }).map(wellFormed);

const bytesOf = (value: JsonValue): number => Buffer.byteLength(JSON.stringify(value));

function wellFormed(card: JsonObject): JsonObject {
  const replace = (_name: string, value: unknown): unknown =>
    typeof value === "string" ? value.toWellFormed() : value;
  return JSON.parse(JSON.stringify(card, replace)) as JsonObject;
}

/** Says what in a projected payload breaks Webex' limits; empty where nothing does. */
export function checkWebexSend(payload: JsonObject): readonly string[] {
  const problems: string[] = [];
  if (fileIn(payload) !== undefined) return problems;
  const { text, attachments, ...others } = payload;
  if (typeof text !== "string" || text.trim() === "" || Buffer.byteLength(text) > MAX_TEXT_BYTES) problems.push("text");
  if (Object.keys(others).length > 0) problems.push("fields that format");
  if (/\\ud[89a-f]/.test(JSON.stringify(payload))) problems.push("a lone surrogate");
  const cards = objectsIn(attachments);
  if (attachments !== undefined && cards.length !== 1) problems.push("number of cards");
  for (const { content, contentType } of cards) {
    if (contentType !== ADAPTIVE_CARD_TYPE) problems.push("content type");
    if (bytesOf(content ?? null) > MAX_CARD_BYTES) problems.push("card is too large");
    checkCard(objectIn(content) ?? {}, problems);
  }
  return problems;
}

function checkCard(card: JsonObject, problems: string[]): void {
  if (card.type !== "AdaptiveCard" || !(Number(card.version) <= 1.3)) problems.push("card version");
  const look = (element: JsonObject): void => {
    const type = textIn(element.type) ?? "";
    if (type !== "" && !WEBEX_CARDS.elements.has(type)) problems.push("element type");
    const actions = objectsIn(element.actions);
    if (actions.length > WEBEX_CARDS.maxRowActions) problems.push("too many actions in a row");
    for (const { type: kind, data, url, card: shown } of actions) {
      if (!WEBEX_CARDS.actions.has(textIn(kind) ?? "")) problems.push("action type");
      if (data !== undefined && objectIn(data) === undefined) problems.push("action data is no object");
      if (kind === "Action.OpenUrl" && webUrl(url) === "") problems.push("action url");
      const inner = objectIn(shown);
      if (inner !== undefined) look(inner);
    }
    for (const list of ["body", "items", "columns", "inlines"]) objectsIn(element[list]).forEach(look);
  };
  look(card);
}
