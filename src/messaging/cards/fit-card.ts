import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../../types/index.ts";
import { isJsonObject, parseJson } from "../../types/index.ts";
import { CHILD_LISTS, cardToText, webUrl } from "./card-to-text.ts";
import type { CardAction } from "./card-to-text.ts";
import { CHOICE_TOKEN_KEY, choiceToken } from "../choice.ts";
import type { NoteFinding } from "../findings.ts";
import { noteElement } from "../findings.ts";
import { objectIn, textIn } from "../json-parts.ts";
import { shortenText } from "../split-text.ts";

/** What a platform shows of Adaptive Cards. */
export interface CardRules {
  /** The newest version that it shows, `1.5`. */
  readonly maxVersion: string;
  readonly elements: ReadonlySet<string>;
  readonly actions: ReadonlySet<string>;
  /** Actions of one row; more become further rows. */
  readonly maxRowActions: number;
  /** The data of an action that says a text; `title` is what the person sees of it. */
  readonly saying: (text: string, title: string) => JsonObject;
}

/** The elements of version 1.3. */
export const ELEMENTS_1_3: readonly string[] = (
  "TextBlock RichTextBlock TextRun Image ImageSet FactSet Fact " +
  "Container ColumnSet Column ActionSet AdaptiveCard " +
  "Input.Text Input.Number Input.Date Input.Time Input.Toggle Input.ChoiceSet Input.Choice"
).split(" ");
/** The actions of version 1.3. */
export const ACTIONS_1_3: readonly string[] = [
  "Action.Submit",
  "Action.OpenUrl",
  "Action.ShowCard",
  "Action.ToggleVisibility",
];
const MAX_DEPTH = 64;
/** A title on an action of ours: no published limit; what is longer is spelled out beside it. */
const MAX_TITLE_UNITS = 128;
/** What an action of ours carries itself; a longer value travels as its token. */
const MAX_VALUE_UNITS = 4_000;

/** Where a part of a card stands, and who hears of what isn't shown as it is. */
interface Place {
  readonly rules: CardRules;
  readonly note: NoteFinding | undefined;
  readonly path: string;
  readonly depth: number;
}

const below = (at: Place, step: string): Place => ({ ...at, path: `${at.path}.${step}`, depth: at.depth + 1 });

/**
 * Makes a card one that a platform shows: its version at most, elements that it doesn't know as their text and actions, more actions
 * than a row holds in rows, links only to the web, and texts of actions as objects (platforms take nothing else).
 */
export function fitCard(
  card: JsonObject,
  { rules, note, path }: { readonly rules: CardRules; readonly note: NoteFinding | undefined; readonly path: string },
): JsonObject {
  const given = Number.parseFloat(textIn(card.version) ?? "");
  const version = given <= Number(rules.maxVersion) ? (card.version ?? "") : rules.maxVersion;
  return { ...fitRows(card, { rules, note, path, depth: 0 }), type: "AdaptiveCard", version };
}

/** A card, or one within a card, whose actions are more than a row below what else it has. */
function fitRows(card: JsonObject, at: Place): JsonObject {
  const { actions, ...rest } = fitElement(card, at);
  const list = Array.isArray(actions) ? (actions as readonly JsonValue[]) : [];
  if (list.length <= at.rules.maxRowActions) return list.length === 0 ? rest : { ...rest, actions: list };
  const body = Array.isArray(rest.body) ? (rest.body as readonly JsonValue[]) : [];
  return { ...rest, body: [...body, ...rowsOf(list, at.rules)] };
}

/** Gives a message's suggested replies as actions of a card, for platforms that have no suggestions of their own. */
export function suggestedActions({ extensions }: Pick<ChannelMessageEnvelope, "extensions">): readonly CardAction[] {
  return (extensions?.suggested_actions ?? []).map(({ title, value }) => ({ kind: "submit", title, value }));
}

/** Makes a card of actions that have no card of their own. */
function cardOfActions(actions: readonly CardAction[], rules: CardRules): JsonObject {
  const version = Number(rules.maxVersion) < 1.4 ? rules.maxVersion : "1.4";
  const made = actions.map((action) => actionOf(action, rules));
  return { type: "AdaptiveCard", version, body: rowsOf(made, rules) };
}

function rowsOf(actions: readonly JsonValue[], { maxRowActions }: CardRules): readonly JsonObject[] {
  const rows: JsonObject[] = [];
  for (let at = 0; at < actions.length; at += maxRowActions)
    rows.push({ type: "ActionSet", actions: actions.slice(at, at + maxRowActions) });
  return rows;
}

/** Makes as many cards of actions as it takes for none to have too many or to be too large. */
export function cardsOfActions(
  actions: readonly CardAction[],
  rules: CardRules,
  { maxActions, isTooLarge }: { readonly maxActions: number; readonly isTooLarge: (card: JsonObject) => boolean },
): readonly JsonObject[] {
  const cards: JsonObject[] = [];
  let some: CardAction[] = [];
  const end = (): void => {
    if (some.length > 0) cards.push(cardOfActions(some, rules));
    some = [];
  };
  for (const action of actions) {
    if (some.length >= maxActions || isTooLarge(cardOfActions([...some, action], rules))) end();
    some.push(action);
  }
  end();
  return cards;
}

/** Titles that an action of ours has no room for, a line for each, to stand beside them; empty where there are none. */
export function longTitles(actions: readonly CardAction[]): string {
  const long = actions.map(({ title }) => title.trim()).filter((title) => title.length > MAX_TITLE_UNITS);
  return long.map((title) => `• ${title}`).join("\n");
}

/** An action whose value is what the worker gets: fields come back as a submit, a text as a message that shows the title. */
function actionOf(action: CardAction, { saying }: CardRules): JsonObject {
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

function fieldsIn(value: string): JsonObject | undefined {
  if (!value.startsWith("{")) return undefined;
  try {
    const parsed = parseJson(value);
    return isJsonObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function fitElement(element: JsonObject, at: Place): JsonObject {
  const fitted: Record<string, JsonValue> = { ...element };
  for (const list of CHILD_LISTS) {
    const children = element[list];
    if (!Array.isArray(children)) continue;
    fitted[list] = (children as readonly JsonValue[]).flatMap((child, n) =>
      fitChild(child, below(at, `${list}[${n}]`)),
    );
  }
  for (const name of ["selectAction", "inlineAction"] as const) {
    const action = objectIn(element[name]);
    if (action !== undefined) fitted[name] = fitAction(action, below(at, name));
  }
  if (Array.isArray(element.actions)) {
    fitted.actions = (element.actions as readonly JsonValue[]).flatMap((action, n) => {
      const place = below(at, `actions[${n}]`);
      if (isJsonObject(action)) return [fitAction(action, place)];
      noteElement(place.note, "action.dropped", { type: "", path: place.path });
      return [];
    });
  }
  return fitted;
}

function fitChild(child: JsonValue, at: Place): readonly JsonValue[] {
  const element = objectIn(child);
  if (element === undefined) return [child];
  const type = textIn(element.type) ?? "";
  if (at.depth > MAX_DEPTH || (type !== "" && !at.rules.elements.has(type))) {
    const fallback = objectIn(element.fallback);
    noteElement(at.note, "element.told", { type, path: at.path });
    return fallback === undefined || at.depth > MAX_DEPTH
      ? degraded(element, at)
      : fitChild(fallback, below(at, "fallback"));
  }
  const fitted = fitElement(element, at);
  if (type !== "ActionSet") return [fitted];
  return rowsOf(fitted.actions as readonly JsonValue[], at.rules).map((row) => ({ ...fitted, ...row }));
}

/** An element of a later version, as its text and its actions. */
function degraded(element: JsonObject, at: Place): readonly JsonObject[] {
  const { text, actions } = cardToText(element, at);
  const lines = `${text}\n${longTitles(actions)}`.split("\n").filter((line) => line.trim() !== "");
  return [
    ...lines.map((line) => ({ type: "TextBlock", text: line, wrap: true })),
    ...rowsOf(
      actions.map((action) => actionOf(action, at.rules)),
      at.rules,
    ),
  ];
}

function fitAction(action: JsonObject, at: Place): JsonObject {
  const { actions, saying } = at.rules;
  const type = textIn(action.type) ?? "";
  const title = textIn(action.title) ?? textIn(action.tooltip) ?? "";
  const card = objectIn(action.card);
  if (type === "Action.ShowCard" && card !== undefined && at.depth < MAX_DEPTH)
    return { ...action, card: fitRows(card, below(at, "card")) };
  if (type === "Action.OpenUrl" || (!actions.has(type) && textIn(action.url) !== undefined)) {
    const url = textIn(action.url) ?? "";
    if (webUrl(url) !== "") return { ...action, type: "Action.OpenUrl" };
    // What could run something is said, not opened.
    noteElement(at.note, "action.told", { type, path: at.path });
    return { type: "Action.Submit", title: title === "" ? url : `${title}: ${url}`, data: saying(title, title) };
  }
  const known = actions.has(type) ? action : submitOf(action);
  const { data, ...rest } = known;
  if (typeof data === "string" && data !== "") return { ...rest, data: saying(data, title) };
  if (objectIn(data) !== undefined) return known;
  return known.type === "Action.Execute" || known.type === "Action.ToggleVisibility"
    ? rest
    : { ...rest, data: saying(title, title) };
}

/** The submit that stands for an action which isn't known: what `Action.Execute` does goes along as the field `action`. */
function submitOf({ verb, ...action }: JsonObject): JsonObject {
  const submit = { ...action, type: "Action.Submit" };
  const does = textIn(verb);
  return does === undefined ? submit : { ...submit, data: { action: does, ...objectIn(action.data) } };
}
