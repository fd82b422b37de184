/**
 * Adaptive Card → HTML with inline styles, for mail programs: tables for columns, no more than they all show. Actions stand below the
 * message, in the order of their numbers, and aren't repeated within the card. What is unknown here is read for what it contains;
 * `projectEmail` adds whatever text is missing in the end.
 * @see https://adaptivecards.io/explorer
 */
import { webUrl } from "../../cards/card-to-text.ts";
import type { NoteFinding } from "../../findings.ts";
import { noteElement } from "../../findings.ts";
import { firstSaid, objectIn, objectsIn, textIn } from "../../json-parts.ts";
import type { JsonObject, JsonValue } from "../../../types/index.ts";
import { isJsonObject } from "../../../types/index.ts";
import { escapeHtml, linesHtml } from "./html.ts";

/** How a card is shown. */
export interface CardLooks {
  /** Whether pictures are fetched from their https addresses; their alternative text stands there otherwise. */
  readonly hasImages: boolean;
  /** Hears of pictures that can't be fetched where others are. */
  readonly note?: NoteFinding | undefined;
}

const MAX_DEPTH = 32;
const SIZES: Readonly<Record<string, number>> = { small: 13, medium: 17, large: 21, extralarge: 26 };
const COLORS: Readonly<Record<string, string>> = {
  accent: "#1a4fa3",
  good: "#1e6b34",
  warning: "#8a4b00",
  attention: "#b3261e",
};
const FILLS: Readonly<Record<string, string>> = {
  emphasis: "#f1f3f5",
  accent: "#e3eefc",
  good: "#e2f4e7",
  warning: "#fdf1dc",
  attention: "#fce6e4",
};
const CELL = "padding:4px 12px 4px 0;vertical-align:top;text-align:start";

/** Shows a card. */
export function cardHtml(card: JsonObject, looks: CardLooks): string {
  const body = childrenHtml(card, looks, 0);
  return body === ""
    ? ""
    : `<div style="border:1px solid #d5d9de;border-radius:8px;padding:14px 16px;margin:0 0 12px">\n${body}\n</div>`;
}

function elementHtml(element: JsonObject, looks: CardLooks, depth: number): string {
  if (depth > MAX_DEPTH) return "";
  switch (element.type) {
    case "TextBlock":
      return blockHtml(linesHtml(wordsOf(element.text)), element);
    case "RichTextBlock":
      return blockHtml(runsHtml(element.inlines), element);
    case "Image":
      return imageHtml(element, looks);
    case "ImageSet":
      return objectsIn(element.images)
        .map((image) => imageHtml(image, looks))
        .join("\n");
    case "FactSet":
      return tableHtml(
        objectsIn(element.facts).map(({ title, value }) => [
          `<b>${linesHtml(wordsOf(title))}</b>`,
          linesHtml(wordsOf(value)),
        ]),
      );
    case "ColumnSet":
      return tableHtml([objectsIn(element.columns).map((column) => childrenHtml(column, looks, depth))]);
    case "Table":
      return tableHtml(
        objectsIn(element.rows).map((row) => objectsIn(row.cells).map((cell) => childrenHtml(cell, looks, depth))),
        "border-bottom:1px solid #d5d9de;",
      );
    default:
      return containerHtml(element, looks, depth);
  }
}

function containerHtml(element: JsonObject, looks: CardLooks, depth: number): string {
  const type = wordsOf(element.type);
  if (type.startsWith("Input.")) return inputHtml(element);
  const inner = childrenHtml(element, looks, depth);
  if (inner === "") return "";
  const fill = FILLS[wordsOf(element.style).toLowerCase()];
  const style =
    fill === undefined
      ? "margin:0 0 8px"
      : `margin:0 0 8px;padding:10px 12px;border-radius:6px;background:${fill};color:#1b1f24`;
  return `<div style="${style}">\n${inner}\n</div>`;
}

/** What an element holds, and what its folded cards do, which nobody could unfold. */
function childrenHtml(element: JsonObject, looks: CardLooks, depth: number): string {
  const parts: string[] = [];
  for (const list of ["body", "items", "columns", "rows", "cells", "images", "pages"] as const)
    for (const child of objectsIn(element[list])) parts.push(elementHtml(child, looks, depth + 1));
  for (const action of objectsIn(element.actions)) {
    const card = objectIn(action.card);
    if (card === undefined || depth > MAX_DEPTH) continue;
    parts.push(blockHtml(`<b>${linesHtml(wordsOf(action.title))}</b>`, {}), childrenHtml(card, looks, depth + 1));
  }
  return parts.filter((part) => part !== "").join("\n");
}

function blockHtml(inner: string, { size, weight, color, isSubtle, horizontalAlignment: align }: JsonObject): string {
  if (inner.replaceAll(/<[^>]*>/g, "").trim() === "") return "";
  const px = SIZES[wordsOf(size).toLowerCase()];
  const tint = COLORS[wordsOf(color).toLowerCase()] ?? (isSubtle === true ? "#5b626b" : undefined);
  const side = wordsOf(align).toLowerCase();
  const style = [
    "margin:0 0 8px",
    px === undefined ? "" : `font-size:${px}px`,
    wordsOf(weight).toLowerCase() === "bolder" ? "font-weight:600" : "",
    tint === undefined ? "" : `color:${tint}`,
    side === "center" || side === "right" ? `text-align:${side === "right" ? "end" : side}` : "",
  ];
  return `<p dir="auto" style="${style.filter((part) => part !== "").join(";")}">${inner}</p>`;
}

function runsHtml(inlines: JsonValue | undefined): string {
  if (!Array.isArray(inlines)) return "";
  return (inlines as readonly JsonValue[])
    .map((run) => {
      if (!isJsonObject(run)) return escapeHtml(wordsOf(run));
      const style = [
        wordsOf(run.weight).toLowerCase() === "bolder" ? "font-weight:600" : "",
        run.italic === true ? "font-style:italic" : "",
        run.underline === true ? "text-decoration:underline" : "",
        run.strikethrough === true ? "text-decoration:line-through" : "",
      ].filter((part) => part !== "");
      const text = escapeHtml(wordsOf(run.text)).replaceAll("\n", "<br>");
      return style.length === 0 ? text : `<span style="${style.join(";")}">${text}</span>`;
    })
    .join("");
}

function imageHtml({ url, altText }: JsonObject, { hasImages, note }: CardLooks): string {
  const words = textIn(altText) ?? "";
  const address = hasImages ? webUrl(url) : "";
  if (address.startsWith("https:"))
    return `<p style="margin:0 0 8px"><img src="${escapeHtml(address)}" alt="${escapeHtml(words)}" style="max-width:100%;height:auto;border:0"></p>`;
  if (hasImages) noteElement(note, words === "" ? "element.dropped" : "element.told", { type: "Image", path: "cards" });
  return blockHtml(`<i>${linesHtml(words)}</i>`, { isSubtle: true });
}

function inputHtml(input: JsonObject): string {
  const label = firstSaid(input.label, input.title, input.placeholder);
  const choices = input.isMultiSelect === true ? objectsIn(input.choices) : [];
  const items = choices.map(({ title, value }) => blockHtml(`• ${linesHtml(textIn(title) ?? wordsOf(value))}`, {}));
  return [blockHtml(`<b>${linesHtml(label)}</b>`, {}), ...items].filter((part) => part !== "").join("\n");
}

function tableHtml(rows: readonly (readonly string[])[], cellStyle = ""): string {
  const lines = rows
    .filter((cells) => cells.some((cell) => cell !== ""))
    .map(
      (cells) =>
        `<tr>${cells.map((cell) => `<td dir="auto" style="${cellStyle}${CELL}">${cell}</td>`).join("\n")}</tr>`,
    );
  return lines.length === 0
    ? ""
    : `<table role="presentation" cellspacing="0" cellpadding="0" style="border-collapse:collapse;margin:0 0 8px">\n${lines.join("\n")}\n</table>`;
}

const wordsOf = (value: JsonValue | undefined): string =>
  typeof value === "string" ? value : typeof value === "number" || typeof value === "boolean" ? String(value) : "";
