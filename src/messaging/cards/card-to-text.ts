/**
 * Adaptive Card → text and buttons, for channels that can't show cards.
 * Text elements become lines, facts "title: value", images their alternative text, inputs their label; every action becomes a button.
 * What can be hidden or folded is shown, since nobody could unfold it. Elements of unknown type are read for what they contain.
 * @see https://adaptivecards.io/explorer (schema 1.6)
 */
import type { JsonObject, JsonValue } from "../../types/index.ts";
import { isJsonObject } from "../../types/index.ts";

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
}

// parseJson bounds what comes from outside to 64; cards made inside a flow are held to the same.
const MAX_DEPTH = 64;
const CHILD_LISTS = ["body", "items", "columns", "rows", "cells", "images", "inlines"] as const;

/** Degrades a card; no action and no visible text is dropped. */
export function cardToText(card: JsonObject): DegradedCard {
  const out: Degrading = { lines: [], actions: [] };
  readElement(card, out, 0);
  const text = out.lines
    .join("\n")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim();
  if (text === "" && out.actions.length === 0) return { text: textOf(card.fallbackText), actions: [] };
  return { text, actions: out.actions };
}

function readElement(element: JsonObject, out: Degrading, depth: number): void {
  if (depth > MAX_DEPTH) return;
  const type = textOf(element.type);
  switch (type) {
    case "TextBlock":
    case "TextRun":
      addLine(out, textOf(element.text));
      break;
    case "RichTextBlock":
      addLine(out, listOf(element.inlines).map(inlineText).join(""));
      for (const inline of objectsOf(element.inlines)) readActions([inline.selectAction ?? null], out, depth);
      readActions([element.selectAction ?? null], out, depth);
      return;
    case "Image":
      addLine(out, textOf(element.altText));
      break;
    case "Media":
      addLine(out, textOf(element.altText));
      for (const source of objectsOf(element.sources)) addLine(out, webUrl(source.url));
      break;
    case "FactSet":
      for (const fact of objectsOf(element.facts)) addLine(out, labelled(textOf(fact.title), textOf(fact.value)));
      break;
    case "TableRow":
      readRow(element, out, depth);
      return;
    case "CodeBlock":
      addLine(out, textOf(element.codeSnippet));
      break;
    default:
      if (type.startsWith("Input.")) readInput(element, type, out);
      else if (!CHILD_LISTS.some((list) => element[list] !== undefined)) addLine(out, textOf(element.text));
  }
  for (const list of CHILD_LISTS) for (const child of objectsOf(element[list])) readElement(child, out, depth + 1);
  readActions([element.selectAction ?? null, element.inlineAction ?? null], out, depth);
  readActions(listOf(element.actions), out, depth);
  if (type === "ActionSet" || type === "Container" || depth === 0) out.lines.push("");
}

function readRow(row: JsonObject, out: Degrading, depth: number): void {
  const cells = objectsOf(row.cells).map((cell) => {
    const inner: Degrading = { lines: [], actions: [] };
    readElement(cell, inner, depth + 1);
    out.actions.push(...inner.actions);
    return inner.lines.filter((line) => line !== "").join(" ");
  });
  addLine(out, cells.join(" | "));
}

function readInput(input: JsonObject, type: string, out: Degrading): void {
  const label = textOf(input.label) || textOf(input.title) || textOf(input.placeholder);
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
    const title = textOf(input.title) || label;
    if (title === "") return;
    const on = textOf(input.valueOn) || "true";
    const off = textOf(input.valueOff) || "false";
    out.actions.push({ kind: "submit", title: `${title}: ✓`, value: fieldValue(id, on) });
    out.actions.push({ kind: "submit", title: `${title}: ✗`, value: fieldValue(id, off) });
  }
}

// One input's value travels as the submit of that input alone, so that the flow gets it under its name.
const fieldValue = (id: string, value: string): string => (id === "" ? value : JSON.stringify({ [id]: value }));

function readActions(actions: readonly JsonValue[], out: Degrading, depth: number): void {
  for (const action of actions) {
    if (!isJsonObject(action) || depth > MAX_DEPTH) continue;
    const type = textOf(action.type);
    const title = textOf(action.title) || textOf(action.tooltip);
    const url = textOf(action.url);
    if (type === "Action.ShowCard" && isJsonObject(action.card)) {
      addLine(out, title);
      readElement(action.card, out, depth + 1);
    } else if (type === "Action.ToggleVisibility") {
      // What it would show is in the text already.
      continue;
    } else if (type === "Action.OpenUrl" || (type === "" && url !== "")) {
      if (webUrl(url) !== "") out.actions.push({ kind: "open", title: title || url, url });
      else addLine(out, labelled(title, url));
    } else {
      const value = submitValue(action, title);
      out.actions.push({ kind: "submit", title: title || shownValue(value), value });
    }
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
