// Edits YAML by its places: only the text of what changes is written anew, so that comments, quotes and spacing elsewhere stay as
// they are. What can't be edited so (maps of other shapes) goes through the library's document, which keeps comments.
import { isSameJson } from "./is-same-json.ts";
import { isMap, isScalar, parseDocument, stringify } from "yaml";
import type { Document, Node, Pair, YAMLMap } from "yaml";
import type { JsonValue } from "../types/index.ts";
import { isJsonObject } from "../types/index.ts";

/** Keys from the document's root. */
export type YamlPath = readonly string[];

const PARSE = { version: "1.2", schema: "core", keepSourceTokens: false } as const;
/** A value that is no longer than this is written in one line. */
const MAX_INLINE = 100;

/** Sets the value at a path; what is missing above the last key must be there. New keys come last, or behind `after`. */
export function setYaml(source: string, path: YamlPath, value: JsonValue, after?: string): string {
  const edited = (document: Document): void => document.setIn([...path], value);
  return checked(source, spliceSet(source, path, { value, after }), edited);
}

/** Deletes the key at a path, with the comment lines right above it. */
export function deleteYaml(source: string, path: YamlPath): string {
  return checked(source, spliceDelete(source, path), (document) => void document.deleteIn([...path]));
}

/** Writes the value of a key anew under another key, at the same place. */
export function renameYaml(source: string, path: YamlPath, name: string): string {
  const key = pairAt(parseDocument(source, PARSE), path)?.key;
  if (!isScalar(key) || key.range == null) return source;
  return source.slice(0, key.range[0]) + keyText(name) + source.slice(key.range[1]);
}

/** The spliced text where it means what the edited document means, else the document's own text. */
function checked(source: string, spliced: string | undefined, edit: (document: Document) => void): string {
  const document = parseDocument(source, PARSE);
  edit(document);
  const wanted: unknown = document.toJS();
  if (spliced !== undefined) {
    const made = parseDocument(spliced, PARSE);
    if (made.errors.length === 0 && isSameJson(made.toJS(), wanted)) return spliced;
  }
  return document.toString({ lineWidth: 0 });
}

function pairAt(document: Document, path: YamlPath): Pair<Node, Node | null> | undefined {
  const map = document.getIn(path.slice(0, -1), true);
  const name = path.at(-1);
  const pair = isMap(map) ? map.items.find(({ key }) => isScalar(key) && String(key.value) === name) : undefined;
  return pair as Pair<Node, Node | null> | undefined;
}

function spliceSet(
  source: string,
  path: YamlPath,
  { value, after }: { readonly value: JsonValue; readonly after: string | undefined },
): string | undefined {
  const document = parseDocument(source, PARSE);
  const map = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const key = path.at(-1) ?? "";
  if (!isMap(map) || map.range == null) return undefined;
  const pair = pairAt(document, path);
  if (pair !== undefined) return replacePair(source, { map, pair, key, value });
  const items = map.items as Pair<Node, Node | null>[];
  const sibling = items.find((item) => isScalar(item.key) && String(item.key.value) === after) ?? items.at(-1);
  if (sibling === undefined) return undefined;
  if (map.flow === true) {
    const end = endOf(sibling);
    return end === undefined
      ? undefined
      : `${source.slice(0, end)}, ${keyText(key)}: ${inline(value)}${source.slice(end)}`;
  }
  const column = columnOf(source, sibling);
  const end = endOf(sibling);
  if (column === undefined || end === undefined) return undefined;
  const eol = lineEnd(source, end);
  const gap = hasBlankBetween(source, items) ? "\n" : "";
  return `${source.slice(0, eol)}\n${gap}${blockPair(key, value, column)}${source.slice(eol)}`;
}

function replacePair(
  source: string,
  from: {
    readonly map: YAMLMap;
    readonly pair: Pair<Node, Node | null>;
    readonly key: string;
    readonly value: JsonValue;
  },
): string | undefined {
  const { map, pair, key, value } = from;
  const end = endOf(pair);
  const start = pair.key.range?.[0];
  if (start === undefined || end === undefined) return undefined;
  if (map.flow === true) return `${source.slice(0, start)}${keyText(key)}: ${inline(value)}${source.slice(end)}`;
  const column = columnOf(source, pair);
  if (column === undefined) return undefined;
  return `${source.slice(0, start)}${blockPair(key, value, column).trimStart()}${source.slice(end)}`;
}

function spliceDelete(source: string, path: YamlPath): string | undefined {
  const document = parseDocument(source, PARSE);
  const map = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const pair = pairAt(document, path);
  if (!isMap(map) || pair === undefined || map.flow === true) return undefined;
  const start = pair.key.range?.[0];
  const end = endOf(pair);
  if (start === undefined || end === undefined) return undefined;
  let from = source.lastIndexOf("\n", start - 1) + 1;
  // The lines right above say what the key is for.
  for (;;) {
    const above = source.lastIndexOf("\n", from - 2) + 1;
    if (from === 0 || !/^\s*#/.test(source.slice(above, from))) break;
    from = above;
  }
  return source.slice(0, from) + source.slice(lineEnd(source, end) + 1);
}

/** Where a pair's text ends, without the white space and comment behind it. */
function endOf({ key, value }: Pair<Node, Node | null>): number | undefined {
  return value?.range?.[1] ?? key.range?.[1];
}

function lineEnd(source: string, offset: number): number {
  let end = offset;
  // A block's end is the beginning of the line behind it.
  while (end > 0 && /\s/.test(source[end - 1] ?? "")) end--;
  const newline = source.indexOf("\n", end);
  return newline < 0 ? source.length : newline;
}

function columnOf(source: string, pair: Pair<Node, Node | null>): number | undefined {
  const start = pair.key.range?.[0];
  if (start === undefined) return undefined;
  const column = start - (source.lastIndexOf("\n", start - 1) + 1);
  return /^ *$/.test(source.slice(start - column, start)) ? column : undefined;
}

function hasBlankBetween(source: string, items: readonly Pair<Node, Node | null>[]): boolean {
  const starts = items.map(({ key }) => key.range?.[0] ?? 0);
  return (
    starts.length > 1 &&
    starts.slice(1).every((start) => /\n[ \t]*\n[ \t]*(?:#[^\n]*\n[ \t]*)*$/.test(source.slice(0, start)))
  );
}

function keyText(key: string): string {
  return scalarText(key);
}

function inline(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map((item: JsonValue) => inline(item)).join(", ")}]`;
  if (typeof value !== "object" || value === null) return scalarText(value);
  const members = Object.entries(value).map(([key, item]) => `${scalarText(key)}: ${inline(item)}`);
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}

/** A scalar as it may stand in brackets. */
function scalarText(value: string | number | boolean | null): string {
  const list = stringify([value], { collectionStyle: "flow", flowCollectionPadding: false, lineWidth: 0 });
  return list.trim().slice(1, -1).trim();
}

/** `key: value` at a column: in one line where that is short, else its members below it. */
function blockPair(key: string, value: JsonValue, column: number): string {
  const pad = " ".repeat(column);
  const head = `${pad}${keyText(key)}:`;
  const line = inline(value);
  const isDeep = isJsonObject(value) && Object.values(value).some((item) => typeof item === "object" && item !== null);
  const isLong = Array.isArray(value) && value.length > 1 && value.some((item) => typeof item === "object");
  const isInline = !isDeep && !isLong && head.length + line.length < MAX_INLINE;
  if (typeof value !== "object" || value === null || Object.keys(value).length === 0 || isInline)
    return `${head} ${line}`;
  if (Array.isArray(value)) {
    return [head, ...value.map((item: JsonValue) => `${pad}  - ${inline(item)}`)].join("\n");
  }
  return [head, ...Object.entries(value).map(([name, item]) => blockMember(name, item, column + 2))].join("\n");
}

function blockMember(key: string, value: JsonValue, column: number): string {
  const line = `${" ".repeat(column)}${keyText(key)}: ${inline(value)}`;
  return line.length <= MAX_INLINE + 20 ? line : blockPair(key, value, column);
}
