/**
 * Adaptive Card → Block Kit. Texts become sections, titles headers, actions buttons where they stand in the card, inputs input blocks,
 * whose values come with the press of a button (`state.values`). What can be hidden or folded is shown. Pictures are told by their
 * alternative text: Slack fetches them itself, and one that it can't fetch would lose the whole message.
 */
import type { JsonObject, JsonValue } from "../../../types/index.ts";
import { isJsonObject } from "../../../types/index.ts";
import { actionToText, CHILD_LISTS, cardToText } from "../../cards/card-to-text.ts";
import type { NoteFinding } from "../../findings.ts";
import { noteElement } from "../../findings.ts";
import { objectsIn } from "../../json-parts.ts";
import { BlockList } from "./blocks.ts";
import { inputBlock } from "./input-blocks.ts";

const MAX_DEPTH = 64;
/** Elements that hold others and nothing else; all others are degraded whole, as a line or what their author gives in their place. */
const HOLDERS = new Set(
  "AdaptiveCard Container ColumnSet Column ActionSet ImageSet Table TableCell Carousel CarouselPage".split(" "),
);
const LINES = new Set(["RichTextBlock", "TableRow"]);

interface Building {
  readonly list: BlockList;
  readonly card: number;
  readonly note: NoteFinding | undefined;
  inputs: number;
  submits: number;
  /** False once something turned out that Block Kit can't hold. */
  isNative: boolean;
}

interface Place {
  readonly path: string;
  readonly depth: number;
}

/** Builds a card's blocks; undefined where an input of it doesn't fit Slack's limits, so that the card has to be degraded whole. */
export function cardToBlocks(card: JsonObject, index: number, note?: NoteFinding): readonly JsonObject[] | undefined {
  const list = new BlockList(index);
  const building: Building = { list, card: index, note, inputs: 0, submits: 0, isNative: true };
  build(card, building, { path: `cards[${index}]`, depth: 0 });
  if (!building.isNative) return undefined;
  // Without a button nothing would bring the inputs' values.
  if (building.inputs > 0 && building.submits === 0)
    building.list.addAction({ kind: "submit", title: "→", value: "{}" }, "s");
  const blocks = building.list.end();
  if (blocks.length > 0) return blocks;
  building.list.addText(cardToText(card).text);
  return building.list.end();
}

function build(element: JsonObject, building: Building, at: Place): void {
  const type = typeof element.type === "string" ? element.type : "";
  const { path, depth } = at;
  if (depth > MAX_DEPTH) return noteElement(building.note, "element.dropped", { type, path });
  if (type.startsWith("Input.")) return buildInput(element, building, at);
  const lists = CHILD_LISTS.filter((list) => objectsIn(element[list]).length > 0);
  const isHolder = HOLDERS.has(type) || (lists.length > 0 && element.fallback === undefined);
  if (!isHolder || LINES.has(type)) return buildLeaf(element, building, at);
  // As in every other reading of cards: what holds nothing says its text.
  if (CHILD_LISTS.every((list) => element[list] === undefined) && typeof element.text === "string")
    building.list.addText(element.text);
  for (const list of lists) {
    if (list === "columns" && type === "Table") continue;
    const children = element[list] as readonly JsonValue[];
    for (const [n, child] of children.entries()) {
      const below = { path: `${path}.${list}[${n}]`, depth: depth + 1 };
      if (isJsonObject(child)) build(child, building, below);
      else noteElement(building.note, "element.dropped", { type: "", path: below.path });
    }
  }
  for (const name of ["selectAction", "inlineAction"] as const)
    if (element[name] !== undefined) buildAction(element[name], building, { path: `${path}.${name}`, depth });
  for (const [n, action] of listOf(element.actions).entries())
    buildAction(action, building, { path: `${path}.actions[${n}]`, depth });
  // What a client does by itself, or before it shows anything.
  for (const name of ["refresh", "authentication"] as const)
    if (element[name] !== undefined)
      noteElement(building.note, "action.dropped", { type: name, path: `${path}.${name}` });
}

function buildLeaf(element: JsonObject, building: Building, { path }: Place): void {
  const { text, actions } = cardToText(element, { note: building.note, path });
  if (isTitle(element)) building.list.addHeader(text);
  else building.list.addText(text);
  for (const action of actions) addAction(action, building, "s");
}

function isTitle({ type, style, size, weight }: JsonObject): boolean {
  return (
    type === "TextBlock" &&
    (style === "heading" || ((size === "Large" || size === "ExtraLarge") && weight === "Bolder"))
  );
}

function buildInput(input: JsonObject, building: Building, { path, depth }: Place): void {
  const block = inputBlock(input, building.card);
  if (block === undefined) {
    building.isNative = false;
    return;
  }
  building.list.addText(block.spelled.map((title) => `• ${title}`).join("\n"));
  building.list.add(block.block);
  building.inputs++;
  if (input.inlineAction !== undefined)
    buildAction(input.inlineAction, building, { path: `${path}.inlineAction`, depth });
}

function buildAction(action: JsonValue, building: Building, { path, depth }: Place): void {
  if (isJsonObject(action) && action.type === "Action.ShowCard" && isJsonObject(action.card)) {
    building.list.addText(typeof action.title === "string" ? action.title : "");
    return build(action.card, building, { path: `${path}.card`, depth: depth + 1 });
  }
  const degraded = actionToText(action, { note: building.note, path });
  building.list.addText(degraded.text);
  const which = isJsonObject(action) ? action.associatedInputs : undefined;
  const hasInputs = typeof which !== "string" || which.toLowerCase() !== "none";
  for (const one of degraded.actions) addAction(one, building, hasInputs ? "s" : "n");
}

function addAction(action: Parameters<BlockList["addAction"]>[0], building: Building, use: "n" | "s"): void {
  if (action.kind === "submit" && use === "s") building.submits++;
  building.list.addAction(action, use);
}

const listOf = (value: JsonValue | undefined): readonly JsonValue[] =>
  Array.isArray(value) ? (value as JsonValue[]) : [];
