/**
 * Adaptive Card → Block Kit. Texts become sections, titles headers, actions buttons where they stand in the card, inputs input blocks,
 * whose values come with the press of a button (`state.values`). What can be hidden or folded is shown. Pictures are told by their
 * alternative text: Slack fetches them itself, and one that it can't fetch would lose the whole message.
 */
import type { JsonObject, JsonValue } from "../../../types/index.ts";
import { isJsonObject } from "../../../types/index.ts";
import { cardToText } from "../../cards/card-to-text.ts";
import { objectsIn } from "../../json-parts.ts";
import { BlockList } from "./blocks.ts";
import { inputBlock } from "./input-blocks.ts";

const MAX_DEPTH = 64;
const CHILD_LISTS = ["body", "items", "columns", "rows", "cells", "images"] as const;
/** Elements whose parts make one line; they are degraded whole. */
const LINES = new Set(["RichTextBlock", "TableRow", "FactSet", "TextBlock", "TextRun", "Image", "Media", "CodeBlock"]);

interface Building {
  readonly list: BlockList;
  readonly card: number;
  inputs: number;
  submits: number;
  /** False once something turned out that Block Kit can't hold. */
  isNative: boolean;
}

/** Builds a card's blocks; undefined where an input of it doesn't fit Slack's limits, so that the card has to be degraded whole. */
export function cardToBlocks(card: JsonObject, index: number): readonly JsonObject[] | undefined {
  const building: Building = { list: new BlockList(index), card: index, inputs: 0, submits: 0, isNative: true };
  build(card, building, 0);
  if (!building.isNative) return undefined;
  // Without a button nothing would bring the inputs' values.
  if (building.inputs > 0 && building.submits === 0)
    building.list.addAction({ kind: "submit", title: "→", value: "{}" }, "s");
  const blocks = building.list.end();
  if (blocks.length > 0) return blocks;
  building.list.addText(cardToText(card).text);
  return building.list.end();
}

function build(element: JsonObject, building: Building, depth: number): void {
  if (depth > MAX_DEPTH) return;
  const type = typeof element.type === "string" ? element.type : "";
  if (type.startsWith("Input.")) return buildInput(element, building, depth);
  if (LINES.has(type)) return buildLeaf(element, building);
  const children = CHILD_LISTS.flatMap((list) => objectsIn(element[list]));
  if (children.length === 0) building.list.addText(cardToText({ type, text: element.text ?? null }).text);
  for (const child of children) build(child, building, depth + 1);
  buildActions([element.selectAction ?? null, element.inlineAction ?? null], building, depth);
  buildActions(listOf(element.actions), building, depth);
}

function buildLeaf(element: JsonObject, building: Building): void {
  const { selectAction: _select, actions: _actions, ...plain } = element;
  const { text } = cardToText(plain);
  if (isTitle(element)) building.list.addHeader(text);
  else building.list.addText(text);
  for (const action of cardToText(element).actions) addAction(action, building, "s");
}

function isTitle({ type, style, size, weight }: JsonObject): boolean {
  return (
    type === "TextBlock" &&
    (style === "heading" || ((size === "Large" || size === "ExtraLarge") && weight === "Bolder"))
  );
}

function buildInput(input: JsonObject, building: Building, depth: number): void {
  const block = inputBlock(input, building.card);
  if (block === undefined) {
    building.isNative = false;
    return;
  }
  building.list.addText(block.spelled.map((title) => `• ${title}`).join("\n"));
  building.list.add(block.block);
  building.inputs++;
  buildActions([input.inlineAction ?? null], building, depth);
}

function buildActions(actions: readonly JsonValue[], building: Building, depth: number): void {
  for (const action of actions) {
    if (!isJsonObject(action)) continue;
    if (action.type === "Action.ShowCard" && isJsonObject(action.card)) {
      building.list.addText(typeof action.title === "string" ? action.title : "");
      build(action.card, building, depth + 1);
      continue;
    }
    const degraded = cardToText({ actions: [action] });
    building.list.addText(degraded.text);
    const { associatedInputs: which } = action;
    const hasInputs = typeof which !== "string" || which.toLowerCase() !== "none";
    for (const one of degraded.actions) addAction(one, building, hasInputs ? "s" : "n");
  }
}

function addAction(action: Parameters<BlockList["addAction"]>[0], building: Building, use: "n" | "s"): void {
  if (action.kind === "submit" && use === "s") building.submits++;
  building.list.addAction(action, use);
}

const listOf = (value: JsonValue | undefined): readonly JsonValue[] =>
  Array.isArray(value) ? (value as JsonValue[]) : [];
