import type { ChannelMessageEnvelope, JsonObject } from "../../../types/index.ts";
import type { CardAction } from "../../cards/card-to-text.ts";
import { filesToText } from "../../cards/files-to-text.ts";
import { messageToText } from "../../cards/message-to-text.ts";
import { encodeChoice } from "../../choice.ts";
import { fileIn, filesOf, fileToJson } from "../../files/outgoing.ts";
import type { NoteFinding } from "../../findings.ts";
import { shortenText, splitText } from "../../split-text.ts";
import { isWhatsAppSized } from "./files.ts";
import {
  MAX_BODY_UNITS,
  MAX_BUTTON_UNITS,
  MAX_BUTTONS,
  MAX_DESCRIPTION_UNITS,
  MAX_ID_BYTES,
  MAX_ROW_UNITS,
  MAX_ROWS,
  MAX_TEXT_UNITS,
  WINDOW_MS,
} from "./limits.ts";

/** Interactive messages need a text: where there is none, this stands above the buttons. */
const PLACEHOLDER = "⬇️";
/** What opens a list; a sign, since the channel knows no languages. */
const LIST_BUTTON = "☰";

type Submit = Extract<CardAction, { kind: "submit" }>;

/**
 * Projects a message to payloads of `{body, windowEndsMs?}`: the body as `POST …/messages` takes it, without whom it goes to, and when
 * the person's 24 hours end. Up to three actions with short titles become buttons, up to ten a list, more are numbered in the text;
 * links stand in the text. Long texts are split. Files are payloads of their own, `{file, windowEndsMs?}`.
 */
export function projectWhatsApp(message: ChannelMessageEnvelope, note?: NoteFinding): readonly JsonObject[] {
  const { text: said, actions } = messageToText(message, note);
  const submits = actions.filter((action) => action.kind === "submit");
  const texts = [said, ...filesToText(message, note, isWhatsAppSized)];
  for (const action of actions) if (action.kind === "open") texts.push(`${action.title}: ${action.url}`);
  const shape = shapeOf(submits);
  if (shape === "numbers") texts.push(submits.map(({ title }, at) => `${at + 1}. ${flat(title)}`).join("\n"));
  else texts.push(spelledOut(submits));

  const text = plainText(texts.filter((part) => part.trim() !== "").join("\n\n"));
  // A marker that stands within a word opens nothing, until a cut makes it the first of a message.
  const split = (whole: string, max: number): readonly string[] => splitText(whole, max).map(plainText);
  const parts = [...split(text, MAX_TEXT_UNITS)];
  const bodies: JsonObject[] = [];
  if (shape === "buttons" || shape === "list") {
    const under = split(parts.pop() ?? PLACEHOLDER, MAX_BODY_UNITS);
    bodies.push(...[...parts, ...under.slice(0, -1)].map(textBody));
    bodies.push(shape === "buttons" ? buttonsBody(under.at(-1) ?? "", submits) : listBody(under.at(-1) ?? "", submits));
  } else bodies.push(...parts.map(textBody));
  const windowEndsMs = windowEndOf(message);
  const window = windowEndsMs === undefined ? {} : { windowEndsMs };
  const files = filesOf(message, isWhatsAppSized).map((file) => ({ file: fileToJson(file), ...window }));
  const sends = bodies.map((body) => ({ body, ...window }));
  // Buttons and lists are to stand at the end, a text without any before what it speaks of.
  return shape === "text" ? [...sends, ...files] : [...files, ...sends];
}

/** The values that a projection offers by number: who answers `2` means the second. */
export function numberedWhatsApp(message: ChannelMessageEnvelope): readonly string[] {
  const submits = messageToText(message).actions.filter((action) => action.kind === "submit");
  return shapeOf(submits) === "numbers" ? submits.map(({ value }) => value) : [];
}

function shapeOf(submits: readonly Submit[]): "text" | "buttons" | "list" | "numbers" {
  if (submits.length === 0) return "text";
  const titles = submits.map(({ title }) => flat(title));
  const isShort = titles.every((title) => title.length <= MAX_BUTTON_UNITS);
  // The platform refuses a message two of whose buttons look or answer alike.
  const isDistinct = (length: number): boolean =>
    new Set(titles.map((title) => shortenText(title, length))).size === titles.length &&
    new Set(submits.map(({ value }) => encodeChoice(value, MAX_ID_BYTES))).size === submits.length;
  if (submits.length <= MAX_BUTTONS && isShort && isDistinct(MAX_BUTTON_UNITS)) return "buttons";
  return submits.length <= MAX_ROWS && isDistinct(MAX_ROW_UNITS) ? "list" : "numbers";
}

const textBody = (text: string): JsonObject => ({ type: "text", text: { body: text, preview_url: false } });

function buttonsBody(text: string, submits: readonly Submit[]): JsonObject {
  const buttons = submits.map(({ title, value }) => ({
    type: "reply",
    reply: { id: idOf(value), title: flat(title) },
  }));
  return { type: "interactive", interactive: { type: "button", body: { text }, action: { buttons } } };
}

function listBody(text: string, submits: readonly Submit[]): JsonObject {
  const rows = submits.map(({ title: full, value }) => {
    const title = flat(full);
    const id = idOf(value);
    if (title.length <= MAX_ROW_UNITS) return { id, title };
    return { id, title: shortenText(title, MAX_ROW_UNITS), description: shortenText(title, MAX_DESCRIPTION_UNITS) };
  });
  const action = { button: LIST_BUTTON, sections: [{ rows }] };
  return { type: "interactive", interactive: { type: "list", body: { text }, action } };
}

/** The platform cuts spaces at the ends of what a button carries, and has no use for control characters. */
function idOf(value: string): string {
  const isSafe = value === value.trim() && value.isWellFormed() && !/[\u0000-\u001f\u007f]/.test(value);
  return encodeChoice(value, isSafe ? MAX_ID_BYTES : 0);
}

function spelledOut(submits: readonly Submit[]): string {
  return submits
    .map(({ title }) => title.trim())
    .filter((title) => title.length > MAX_DESCRIPTION_UNITS)
    .map((title) => `• ${title}`)
    .join("\n");
}

function windowEndOf(message: ChannelMessageEnvelope): number | undefined {
  const spokeAt = message.reply_scope?.correlation ?? "";
  return /^\d{9,11}$/.test(spokeAt) ? Number(spokeAt) * 1000 + WINDOW_MS : undefined;
}

/** A title on one line, never empty. */
function flat(title: string): string {
  const text = printable(title).replaceAll(/\s+/g, " ").trim();
  return text === "" ? "→" : text;
}

/** Lone surrogates and control characters would make the request invalid or be refused. */
function printable(text: string): string {
  return text.toWellFormed().replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, "");
}

// A marker formats where it opens at the edge of a word; inside words and between spaces it is itself.
const OPENING = /(?<![\p{L}\p{N}])[*_~](?=\S)/gu;
const LOOKALIKE: Readonly<Record<string, string>> = { "*": "∗", _: "ˍ", "~": "∼" };

/**
 * Makes a text one that nothing formats: WhatsApp has no way to quote its markers, so those that would open something become signs
 * that look like them. Links stay as they are.
 */
function plainText(text: string): string {
  return printable(text)
    .split(/(https?:\/\/\S+)/)
    .map((part, at) =>
      at % 2 === 1
        ? part
        : part
            .replaceAll("`", "ˋ")
            .replaceAll(/^>(?=\s)/gm, "›")
            .replaceAll(OPENING, (marker) => LOOKALIKE[marker] ?? marker),
    )
    .join("");
}

/** Says what in a projected payload breaks WhatsApp's limits; empty where nothing does. */
export function checkWhatsAppSend(send: JsonObject): readonly string[] {
  if (fileIn(send) !== undefined) return [];
  const { body } = send;
  const problems: string[] = [];
  const at = (value: unknown, ...path: readonly string[]): unknown =>
    path.reduce<unknown>((inner, name) => (inner as Record<string, unknown> | undefined)?.[name], value);
  const check = (value: unknown, max: number, what: string): void => {
    if (typeof value !== "string" || value.trim() === "") problems.push(`${what} is empty`);
    else if (value.length > max) problems.push(`${what} is too long`);
    else if (!value.isWellFormed()) problems.push(`${what} has a lone surrogate`);
  };
  const unique = (values: readonly unknown[], what: string): void => {
    if (new Set(values).size !== values.length) problems.push(`${what} appears twice`);
  };
  if (at(body, "type") === "text") {
    check(at(body, "text", "body"), MAX_TEXT_UNITS, "text");
    return problems;
  }
  check(at(body, "interactive", "body", "text"), MAX_BODY_UNITS, "body");
  const isList = at(body, "interactive", "type") === "list";
  const action = at(body, "interactive", "action");
  const rows = (isList ? at(action, "sections", "0", "rows") : at(action, "buttons")) as readonly JsonObject[];
  if (rows.length === 0 || rows.length > (isList ? MAX_ROWS : MAX_BUTTONS)) problems.push("number of choices");
  if (isList) check(at(action, "button"), MAX_BUTTON_UNITS, "list button");
  const choices = isList ? rows : rows.map(({ reply }) => reply as JsonObject);
  for (const { id, title, description } of choices) {
    check(title, isList ? MAX_ROW_UNITS : MAX_BUTTON_UNITS, "title");
    check(id, MAX_ID_BYTES, "id");
    if (description !== undefined) check(description, MAX_DESCRIPTION_UNITS, "description");
    if (typeof id === "string" && id !== id.trim()) problems.push("id has spaces at its ends");
  }
  unique(
    choices.map(({ id }) => id),
    "id",
  );
  unique(
    choices.map(({ title }) => title),
    "title",
  );
  return problems;
}
