/**
 * What of a message is in no payload and in no finding, found by a reading of cards that shares nothing with the projectors': every text
 * that a person would read, every action that one could press, by where it stands.
 */
import type { NoteFinding, ProjectionFinding } from "../../src/messaging/index.ts";
import { choiceToken } from "../../src/messaging/index.ts";
import { cardToText } from "../../src/messaging/cards/card-to-text.ts";
import { cardsOf } from "../../src/messaging/cards/find-card.ts";
import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../../src/types/index.ts";
import { isJsonObject } from "../../src/types/index.ts";
import type { HeldChannel, SaidParts } from "./channel-oracles.ts";
import { sorted } from "./channel-oracles.ts";

interface Part {
  readonly path: string;
  /** One of them must be there. */
  readonly anyOf: readonly string[];
}

const LISTS = ["body", "items", "columns", "rows", "cells", "images", "pages", "inlines", "facts", "choices"] as const;

/** Projects a message and says what of it got lost silently, each with its place; empty where nothing did. */
export function lostParts({ provider, saidIn }: HeldChannel, message: ChannelMessageEnvelope): readonly string[] {
  const findings: ProjectionFinding[] = [];
  const note: NoteFinding = (finding) => void findings.push(finding);
  const said = saidIn(provider.project(message, note));
  const heap = heapOf(said);
  const isTold = (path: string): boolean =>
    findings.some(({ code, path: at }) => code.endsWith(".dropped") && (path === at || path.startsWith(`${at}.`)));
  const parts = cardsOf(message).flatMap((card, n) => partsOf(card, `cards[${n}]`));
  // Where a text beside a card says the same, the card needn't repeat it.
  const { text: _text, ...silently } = message;
  const shown = parts.length === 0 ? "" : heapOf(saidIn(provider.project(silently)));
  const lost = parts
    .filter(({ anyOf, path }) => !isTold(path) && !anyOf.some((text) => isSaid(text, shown)))
    .map(({ path }) => path);
  const values = [
    ...cardsOf(message).flatMap((card) =>
      cardToText(card).actions.map((one) => (one.kind === "open" ? one.url : one.value)),
    ),
    ...(message.extensions?.suggested_actions ?? []).map(({ value }) => value),
  ];
  const numbered = new Set(provider.numbered?.(message));
  const silent = values.filter((value) => !numbered.has(value) && !isCarried(value, said, heap));
  const isUnsaid = findings.every(({ code }) => code !== "text.dropped") && !isSaid(message.text ?? "", heap);
  return [...lost, ...silent.map((value) => `value ${value.slice(0, 80)}`), ...(isUnsaid ? ["text"] : [])];
}

function partsOf(element: JsonObject, path: string): readonly Part[] {
  const type = typeof element.type === "string" ? element.type : "";
  if (isJsonObject(element.fallback ?? null) && !KNOWN.test(type)) return [];
  const parts: Part[] = [];
  const say = (...texts: readonly (JsonValue | undefined)[]): void => {
    const anyOf = texts.filter((text): text is string => typeof text === "string" && text.trim() !== "");
    if (anyOf.length > 0) parts.push({ path, anyOf });
  };
  if (type === "TextBlock" || type === "TextRun") say(element.text);
  if (type === "Image" || type === "Media") say(element.altText);
  if (type === "CodeBlock") say(element.codeSnippet);
  if (type.startsWith("Input.")) say(element.label, element.title, element.placeholder);
  for (const list of LISTS) {
    if (list === "columns" && type === "Table") continue;
    const children = element[list];
    for (const [n, child] of (Array.isArray(children) ? (children as readonly JsonValue[]) : []).entries()) {
      const at = `${path}.${list}[${n}]`;
      if (typeof child === "string" && type === "RichTextBlock") parts.push({ path: at, anyOf: [child] });
      if (!isJsonObject(child)) continue;
      if (list === "facts" || list === "choices") {
        for (const text of [child.title, list === "facts" ? child.value : undefined])
          if (typeof text === "string" && text.trim() !== "") parts.push({ path, anyOf: [text] });
      } else parts.push(...partsOf(child, at));
    }
  }
  for (const name of ["selectAction", "inlineAction"] as const)
    if (isJsonObject(element[name] ?? null)) parts.push(...actionParts(element[name] as JsonObject, `${path}.${name}`));
  const actions = Array.isArray(element.actions) ? (element.actions as readonly JsonValue[]) : [];
  for (const [n, action] of actions.entries())
    if (isJsonObject(action)) parts.push(...actionParts(action, `${path}.actions[${n}]`));
  return parts;
}

const KNOWN =
  /^(?:|AdaptiveCard|TextBlock|RichTextBlock|TextRun|Image|ImageSet|Media|FactSet|CodeBlock|Badge|Container|ColumnSet|Column|ActionSet|Table|TableRow|TableCell|Carousel|CarouselPage|Input\..*)$/;

function actionParts(action: JsonObject, path: string): readonly Part[] {
  const { title, url, card, verb, tooltip } = action;
  const anyOf = [url, title, verb, tooltip].filter(
    (text): text is string => typeof text === "string" && text.trim() !== "",
  );
  const own = anyOf.length === 0 || isJsonObject(action.fallback ?? null) ? [] : [{ path, anyOf }];
  return isJsonObject(card ?? null) ? [...own, ...partsOf(card as JsonObject, `${path}.card`)] : own;
}

/** Whether a value comes back by a press, or stands as a link: itself, its token, or the fields that it is. */
function isCarried(value: string, { texts, objects }: SaidParts, heap: string): boolean {
  const wanted = [value, value.toWellFormed(), choiceToken(value)];
  // A switch without a name says its two values by itself.
  if (value === "true" || value === "false") return true;
  if (texts.some((text) => wanted.includes(text)) || objects.has(sorted(value))) return true;
  if (/^https?:/i.test(value)) return isSaid(value, heap);
  const fields = fieldsOf(value.toWellFormed()) ?? fieldsOf(value);
  if (fields === undefined) return isSaid(value, heap);
  if (objects.has(sorted(fields))) return true;
  const { action, ...data } = fields;
  // A verb stands beside an action's data, a choice's value beside its input's name.
  if (action !== undefined)
    return (
      typeof action === "string" &&
      texts.includes(action) &&
      (Object.keys(data).length === 0 || objects.has(sorted(data)))
    );
  const [[name, only] = [], ...others] = Object.entries(fields);
  // A switch's own two values needn't be written anywhere.
  if (others.length > 0 || typeof only !== "string") return false;
  const isShown =
    texts.some((text) => text === only || text === only.toWellFormed()) ||
    ((only === "true" || only === "false") && texts.includes(name ?? ""));
  return isShown;
}

function fieldsOf(value: string): JsonObject | undefined {
  if (!value.startsWith("{")) return undefined;
  try {
    const read = JSON.parse(value) as JsonValue;
    return isJsonObject(read) ? read : undefined;
  } catch {
    return undefined;
  }
}

/** A long text is looked for by its ends: the splits between its parts are other texts' business. */
function isSaid(text: string, heap: string): boolean {
  const wanted = bare(text);
  return wanted.length <= 400
    ? heap.includes(wanted)
    : heap.includes(wanted.slice(0, 200)) && heap.includes(wanted.slice(-200));
}

/** All texts as they were sent, then as people see them: there nothing that only programs read stands between a text's parts. */
function heapOf({ texts, seen }: SaidParts): string {
  return `${bare(texts.join(" "))}\u0000${bare(seen.join(" "))}`;
}

/** What is left of a text in every channel: markers have look-alikes, white space and control characters go. */
function bare(text: string): string {
  return text.toWellFormed().replaceAll(/[\s\p{Cc}\u2060*_~`>∗ˍ∼ˋ›\ufffd]/gu, "");
}
