/**
 * Adaptive Card → text and buttons, for channels that can't show cards.
 * Text elements become lines, facts "title: value", images their alternative text, inputs their label; every action becomes a button.
 * What can be hidden or folded is shown, since nobody could unfold it. Elements of unknown type are read for what they contain, or
 * for what their author gives in their place. What gets lost, or is told by words, is noted.
 * @see https://adaptivecards.io/explorer (schema 1.6)
 */
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { isJsonObject } from "../../types/index.ts";
import type { FindingCode, NoteFinding } from "../findings.ts";
import { noteElement } from "../findings.ts";
import { firstSaid } from "../json-parts.ts";

/** Something that a person can press. */
export type CardAction =
  | { readonly kind: "open"; readonly title: string; readonly url: string }
  | { readonly kind: "submit"; readonly title: string; readonly value: string };

/** A card without its looks. */
export interface DegradedCard {
  readonly text: string;
  readonly actions: readonly CardAction[];
}

interface Degrading {
  readonly lines: string[];
  readonly actions: CardAction[];
  readonly note: NoteFinding | undefined;
}

/** Where an element stands. */
interface Place {
  readonly path: string;
  readonly depth: number;
}

// parseJson bounds what comes from outside to 64; cards made inside a flow are held to the same.
const MAX_DEPTH = 64;
/** The lists of elements within elements; a table's `columns` are widths. */
export const CHILD_LISTS = ["body", "items", "columns", "rows", "cells", "images", "pages", "inlines"] as const;

/** Where the part of a message stands that is read, and who hears of what is lost. */
export interface Reading {
  readonly note?: NoteFinding | undefined;
  /** Default `cards[0]`. */
  readonly path?: string;
}

/** Degrades a card, or one element of it; what isn't there any more, or only in words, is noted. */
export function cardToText(card: JsonObject, { note, path = "cards[0]" }: Reading = {}): DegradedCard {
  const out: Degrading = { lines: [], actions: [], note };
  readElement(card, out, { path, depth: 0 });
  const { text, actions } = degradedOf(out);
  return text === "" && actions.length === 0 ? { text: textOf(card.fallbackText), actions } : { text, actions };
}

/** Degrades one action: to something that can be pressed, or to text where it can't be. */
export function actionToText(action: JsonValue, { note, path = "" }: Reading = {}): DegradedCard {
  const out: Degrading = { lines: [], actions: [], note };
  readAction(action, out, { path, depth: 0 });
  return degradedOf(out);
}

function degradedOf({ lines, actions }: Degrading): DegradedCard {
  const text = lines
    .join("\n")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim();
  return { text, actions };
}

function readElement(element: JsonObject, out: Degrading, at: Place): void {
  const type = textOf(element.type);
  const tell = (code: FindingCode): void => noteElement(out.note, code, { type, path: at.path });
  if (at.depth > MAX_DEPTH) return tell("element.dropped");
  const instead = insteadOf(element, type);
  if (instead !== undefined) {
    tell(instead === "drop" ? "element.dropped" : "element.told");
    if (instead !== "drop") readElement(instead, out, { path: `${at.path}.fallback`, depth: at.depth + 1 });
    return;
  }
  const before = out.lines.length + out.actions.length;
  switch (type) {
    case "TextBlock":
    case "TextRun":
      addLine(out, textOf(element.text));
      break;
    case "RichTextBlock":
      addLine(out, listOf(element.inlines).map(inlineText).join(""));
      for (const [n, inline] of listOf(element.inlines).entries())
        if (isJsonObject(inline))
          readActions([inline.selectAction ?? null], out, { ...at, path: `${at.path}.inlines[${n}].selectAction` });
      readActions([element.selectAction ?? null], out, { ...at, path: `${at.path}.selectAction` });
      return;
    case "Image":
      addLine(out, textOf(element.altText));
      tell(out.lines.length + out.actions.length > before ? "element.told" : "element.dropped");
      break;
    case "Media":
      addLine(out, textOf(element.altText));
      for (const source of objectsOf(element.sources)) addLine(out, webUrl(source.url));
      tell(out.lines.length + out.actions.length > before ? "element.told" : "element.dropped");
      break;
    case "FactSet":
      for (const fact of objectsOf(element.facts)) addLine(out, labelled(textOf(fact.title), textOf(fact.value)));
      break;
    case "TableRow":
      readRow(element, out, at);
      return;
    case "CodeBlock":
      addLine(out, textOf(element.codeSnippet));
      break;
    default:
      if (type.startsWith("Input.")) {
        readInput(element, type, out);
        tell(out.lines.length + out.actions.length > before ? "element.told" : "element.dropped");
      } else if (!CHILD_LISTS.some((list) => element[list] !== undefined)) addLine(out, textOf(element.text));
  }
  readChildren(element, out, at);
  if (type === "ActionSet" || type === "Container" || at.depth === 0) out.lines.push("");
  const isUnread = !isContainer(type) && out.lines.length + out.actions.length === before;
  if (isUnread && type !== "" && !isSaid(type)) tell("element.dropped");
}

/** What its author gives in place of an element that nobody knows, or that it is to be left out. */
function insteadOf({ fallback }: JsonObject, type: string): JsonObject | "drop" | undefined {
  if (fallback === undefined || type === "" || isRead(type)) return undefined;
  return fallback === "drop" || isJsonObject(fallback) ? fallback : undefined;
}

const isContainer = (type: string): boolean =>
  /^(?:AdaptiveCard|Container|ColumnSet|Column|ActionSet|ImageSet|Table|TableCell|Carousel|CarouselPage)$/.test(type);
/** Elements of texts, which are read whole, and those whose findings are told where they are read. */
const isSaid = (type: string): boolean => /^(?:TextBlock|TextRun|FactSet|CodeBlock|Image|Media|Input\..*)$/.test(type);

const isRead = (type: string): boolean =>
  isContainer(type) || isSaid(type) || /^(?:RichTextBlock|TableRow|Badge)$/.test(type);
const isPressed = (type: string): boolean =>
  /^(?:|Action\.(?:Submit|Execute|OpenUrl|ShowCard|ToggleVisibility))$/.test(type);

function readChildren(element: JsonObject, out: Degrading, { path, depth }: Place): void {
  for (const list of CHILD_LISTS) {
    if (list === "columns" && element.type === "Table") continue;
    for (const [n, child] of listOf(element[list]).entries()) {
      const at = { path: `${path}.${list}[${n}]`, depth: depth + 1 };
      if (isJsonObject(child)) readElement(child, out, at);
      else noteElement(out.note, "element.dropped", { type: "", path: at.path });
    }
  }
  for (const name of ["selectAction", "inlineAction"] as const)
    readActions([element[name] ?? null], out, { path: `${path}.${name}`, depth });
  readActions(listOf(element.actions), out, { path: `${path}.actions`, depth });
  // What a client does by itself, or before it shows anything.
  for (const name of ["refresh", "authentication"] as const)
    if (isJsonObject(element[name] ?? null))
      noteElement(out.note, "action.dropped", { type: name, path: `${path}.${name}` });
}

function readRow(row: JsonObject, out: Degrading, { path, depth }: Place): void {
  const cells = objectsOf(row.cells).map((cell, n) => {
    const inner: Degrading = { lines: [], actions: [], note: out.note };
    readElement(cell, inner, { path: `${path}.cells[${n}]`, depth: depth + 1 });
    out.actions.push(...inner.actions);
    return inner.lines.filter((line) => line !== "").join(" ");
  });
  addLine(out, cells.join(" | "));
}

function readInput(input: JsonObject, type: string, out: Degrading): void {
  const label = firstSaid(input.label, input.title, input.placeholder);
  const choices = objectsOf(input.choices);
  addLine(out, label);
  const id = textOf(input.id);
  if (type === "Input.ChoiceSet") {
    for (const choice of choices) {
      const title = textOf(choice.title) || textOf(choice.value);
      if (title === "") continue;
      if (input.isMultiSelect === true) addLine(out, `• ${title}`);
      out.actions.push({ kind: "submit", title, value: fieldValue(id, textOf(choice.value) || title) });
    }
  } else if (type === "Input.Toggle") {
    const title = firstSaid(input.title, label);
    if (title === "") return;
    const on = textOf(input.valueOn) || "true";
    const off = textOf(input.valueOff) || "false";
    out.actions.push({ kind: "submit", title: `${title}: ✓`, value: fieldValue(id, on) });
    out.actions.push({ kind: "submit", title: `${title}: ✗`, value: fieldValue(id, off) });
  }
}

// One input's value travels as the submit of that input alone, so that the flow gets it under its name.
const fieldValue = (id: string, value: string): string => (id === "" ? value : JSON.stringify({ [id]: value }));

function readActions(actions: readonly JsonValue[], out: Degrading, { path, depth }: Place): void {
  const isList = path.endsWith("actions");
  for (const [n, action] of actions.entries()) {
    if (action === null && !isList) continue;
    readAction(action, out, { path: isList ? `${path}[${n}]` : path, depth });
  }
}

function readAction(action: JsonValue, out: Degrading, at: Place): void {
  const type = isJsonObject(action) ? textOf(action.type) : "";
  const tell = (code: FindingCode): void => noteElement(out.note, code, { type, path: at.path });
  if (!isJsonObject(action) || at.depth > MAX_DEPTH) return tell("action.dropped");
  const { fallback } = action;
  if (!isPressed(type)) {
    if (fallback === "drop") return tell("action.dropped");
    if (isJsonObject(fallback)) return readAction(fallback, out, { path: `${at.path}.fallback`, depth: at.depth + 1 });
  }
  const title = textOf(action.title) || textOf(action.tooltip);
  const url = textOf(action.url);
  if (type === "Action.ShowCard" && isJsonObject(action.card)) {
    addLine(out, title);
    readElement(action.card, out, { path: `${at.path}.card`, depth: at.depth + 1 });
  } else if (type === "Action.ToggleVisibility") {
    // What it would show is in the text already.
    tell("action.dropped");
  } else if (type === "Action.OpenUrl" || (type === "" && url !== "")) {
    if (webUrl(url) !== "") out.actions.push({ kind: "open", title: title || url, url });
    else {
      addLine(out, labelled(title, url));
      tell(labelled(title, url).trim() === "" ? "action.dropped" : "action.told");
    }
  } else {
    const value = submitValue(action, title);
    out.actions.push({ kind: "submit", title: title || shownValue(value), value });
  }
}

/** What a press sends: a text of the data's own, else the data as JSON, else the title. */
function submitValue(action: JsonObject, title: string): string {
  const data = action.data;
  if (typeof data === "string" && data !== "") return data;
  const verb = textOf(action.verb);
  if (isJsonObject(data)) {
    const teams = isJsonObject(data.msteams) ? textOf(data.msteams.value) : "";
    if (teams !== "" && Object.keys(data).length === 1) return teams;
    return JSON.stringify(verb === "" ? data : { action: verb, ...data });
  }
  return verb === "" ? title : JSON.stringify({ action: verb });
}

const shownValue = (value: string): string => (value === "" || value.startsWith("{") ? "→" : value);

function inlineText(inline: JsonValue): string {
  return typeof inline === "string" ? inline : isJsonObject(inline) ? textOf(inline.text) : "";
}

function labelled(label: string, value: string): string {
  if (label === "" || value === "") return label + value;
  return label.endsWith(":") ? `${label} ${value}` : `${label}: ${value}`;
}

function addLine(out: Degrading, line: string): void {
  if (line.trim() !== "") out.lines.push(line);
}

/** The URL where it is one that a person may be sent to, else nothing. */
export function webUrl(value: JsonValue | undefined): string {
  if (typeof value !== "string" || value.length > 2048) return "";
  const url = URL.parse(value);
  return url !== null && (url.protocol === "https:" || url.protocol === "http:") ? value : "";
}

function textOf(value: JsonValue | undefined): string {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

const listOf = (value: JsonValue | undefined): readonly JsonValue[] =>
  Array.isArray(value) ? (value as JsonValue[]) : [];
const objectsOf = (value: JsonValue | undefined): readonly JsonObject[] => listOf(value).filter(isJsonObject);
