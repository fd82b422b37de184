import type { JsonObject, JsonValue } from "../../../types/index.ts";
import { isJsonObject, parseJson } from "../../../types/index.ts";
import { cardToText, webUrl } from "../../cards/card-to-text.ts";
import type { CardAction } from "../../cards/card-to-text.ts";
import { CHOICE_TOKEN_KEY, choiceToken } from "../../choice.ts";
import { objectIn, textIn } from "../../json-parts.ts";
import { shortenText } from "../../split-text.ts";
import { MAX_CARD_VERSION, MAX_ROW_ACTIONS } from "./limits.ts";

const ELEMENTS = new Set(
  (
    "TextBlock RichTextBlock TextRun Image ImageSet Media MediaSource FactSet Fact " +
    "Container ColumnSet Column ActionSet Table TableRow TableCell AdaptiveCard " +
    "Input.Text Input.Number Input.Date Input.Time Input.Toggle Input.ChoiceSet Input.Choice"
  ).split(" "),
);
const ACTIONS = new Set([
  "Action.Submit",
  "Action.Execute",
  "Action.OpenUrl",
  "Action.ShowCard",
  "Action.ToggleVisibility",
]);
const CHILD_LISTS = ["body", "items", "columns", "rows", "cells", "images", "inlines"] as const;
const MAX_DEPTH = 64;
/** A title on an action of ours: no published limit; what is longer is spelled out beside it. */
export const MAX_TITLE_UNITS = 128;
/** What an action of ours carries itself; a longer value travels as its token. */
const MAX_VALUE_UNITS = 4_000;

/**
 * Makes a card one that Teams shows: at most version 1.5, elements that it doesn't know as their text and actions, more than six
 * actions in rows of six, links only to the web, and texts of actions as messages (Teams takes objects only).
 */
export function fitCard(card: JsonObject): JsonObject {
  const version = Number.parseFloat(textIn(card.version) ?? "") <= 1.5 ? (card.version ?? "") : MAX_CARD_VERSION;
  return { ...fitRows(card, 0), type: "AdaptiveCard", version };
}

/** A card, or one within a card, whose actions are more than a row below what else it has. */
function fitRows(card: JsonObject, depth: number): JsonObject {
  const { actions, ...rest } = fitElement(card, depth);
  const list = Array.isArray(actions) ? (actions as readonly JsonValue[]) : [];
  if (list.length <= MAX_ROW_ACTIONS) return list.length === 0 ? rest : { ...rest, actions: list };
  const body = Array.isArray(rest.body) ? (rest.body as readonly JsonValue[]) : [];
  return { ...rest, body: [...body, ...rowsOf(list)] };
}

/** Makes a card of actions that have no card of their own. */
export function cardOfActions(actions: readonly CardAction[]): JsonObject {
  return { type: "AdaptiveCard", version: "1.4", body: rowsOf(actions.map(actionOf)) };
}

function rowsOf(actions: readonly JsonValue[]): readonly JsonObject[] {
  const rows: JsonObject[] = [];
  for (let at = 0; at < actions.length; at += MAX_ROW_ACTIONS)
    rows.push({ type: "ActionSet", actions: actions.slice(at, at + MAX_ROW_ACTIONS) });
  return rows;
}

/** An action whose value is what the worker gets: fields come back as a submit, a text as a message that shows the title. */
function actionOf(action: CardAction): JsonObject {
  const title = shortenText(action.title.trim() === "" ? "→" : action.title.trim(), MAX_TITLE_UNITS);
  if (action.kind === "open") return { type: "Action.OpenUrl", title, url: action.url };
  if (action.value.length > MAX_VALUE_UNITS)
    return {
      type: "Action.Submit",
      title,
      data: { ...saying(title, title), [CHOICE_TOKEN_KEY]: choiceToken(action.value) },
    };
  const fields = fieldsIn(action.value);
  return { type: "Action.Submit", title, data: fields ?? saying(action.value, title) };
}

const saying = (text: string, title: string): JsonObject => ({
  msteams: { type: "messageBack", text, displayText: title },
});

function fieldsIn(value: string): JsonObject | undefined {
  if (!value.startsWith("{")) return undefined;
  try {
    const parsed = parseJson(value);
    return isJsonObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function fitElement(element: JsonObject, depth: number): JsonObject {
  const fitted: Record<string, JsonValue> = { ...element };
  for (const list of CHILD_LISTS) {
    const children = element[list];
    if (Array.isArray(children)) fitted[list] = fitChildren(children as readonly JsonValue[], depth);
  }
  for (const name of ["selectAction", "inlineAction"] as const) {
    const action = objectIn(element[name]);
    if (action !== undefined) fitted[name] = fitAction(action, depth);
  }
  if (Array.isArray(element.actions)) {
    const actions = (element.actions as readonly JsonValue[]).filter(isJsonObject);
    fitted.actions = actions.map((action) => fitAction(action, depth));
  }
  return fitted;
}

function fitChildren(children: readonly JsonValue[], depth: number): readonly JsonValue[] {
  return children.flatMap((child): readonly JsonValue[] => {
    const element = objectIn(child);
    if (element === undefined) return [child];
    const type = textIn(element.type) ?? "";
    if (depth >= MAX_DEPTH || (type !== "" && !ELEMENTS.has(type))) return degraded(element);
    const fitted = fitElement(element, depth + 1);
    if (type !== "ActionSet") return [fitted];
    return rowsOf(fitted.actions as readonly JsonValue[]).map((row) => ({ ...fitted, ...row }));
  });
}

/** An element of a later version, as its text and its actions. */
function degraded(element: JsonObject): readonly JsonObject[] {
  const { text, actions } = cardToText(element);
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return [...lines.map((line) => ({ type: "TextBlock", text: line, wrap: true })), ...rowsOf(actions.map(actionOf))];
}

function fitAction(action: JsonObject, depth: number): JsonObject {
  const type = textIn(action.type) ?? "";
  const title = textIn(action.title) ?? textIn(action.tooltip) ?? "";
  const card = objectIn(action.card);
  if (type === "Action.ShowCard" && card !== undefined && depth < MAX_DEPTH)
    return { ...action, card: fitRows(card, depth + 1) };
  if (type === "Action.OpenUrl" || (!ACTIONS.has(type) && textIn(action.url) !== undefined)) {
    const url = textIn(action.url) ?? "";
    // What could run something is said, not opened.
    return webUrl(url) === ""
      ? { type: "Action.Submit", title: title === "" ? url : `${title}: ${url}`, data: saying(title, title) }
      : { ...action, type: "Action.OpenUrl" };
  }
  const known = ACTIONS.has(type) ? action : { ...action, type: "Action.Submit" };
  const { data, ...rest } = known;
  if (typeof data === "string" && data !== "") return { ...rest, data: saying(data, title) };
  if (objectIn(data) !== undefined) return known;
  return type === "Action.Execute" || type === "Action.ToggleVisibility"
    ? rest
    : { ...rest, data: saying(title, title) };
}
