import type { ChannelMessageEnvelope, JsonObject } from "../../../types/index.ts";
import type { CardAction } from "../../cards/card-to-text.ts";
import { webUrl } from "../../cards/card-to-text.ts";
import { filesToText } from "../../cards/files-to-text.ts";
import { messageToText } from "../../cards/message-to-text.ts";
import { encodeChoice } from "../../choice.ts";
import { fileIn, filesOf, fileToJson } from "../../files/outgoing.ts";
import type { NoteFinding } from "../../findings.ts";
import { shortenText, splitText } from "../../split-text.ts";
import { isTelegramSized } from "./files.ts";
import { MAX_BUTTONS, MAX_CALLBACK_BYTES, MAX_TEXT_UNITS, MAX_TITLE_UNITS } from "./limits.ts";

/** A message that has buttons and no text still needs one: Telegram refuses empty texts. */
const PLACEHOLDER = "⬇️";

/**
 * Projects a message to `sendMessage` bodies without `chat_id`. Text is plain: no `parse_mode`, so nothing in it can become markup.
 * Long texts are split, buttons stand under the last part, more than 100 go under further messages, titles too long for a button
 * are spelled out in the text. Files are payloads of their own, `{file}`, before buttons and behind a text without any.
 */
export function projectTelegram(message: ChannelMessageEnvelope, note?: NoteFinding): readonly JsonObject[] {
  const { text: said, actions } = messageToText(message, note);
  const files = filesOf(message, isTelegramSized).map((file) => ({ file: fileToJson(file) }));
  const texts = [said, ...filesToText(message, note, isTelegramSized)];
  const long = actions.map(({ title }) => title.trim()).filter((title) => title.length > MAX_TITLE_UNITS);
  texts.push(long.map((title) => `• ${title}`).join("\n"));

  const text = unmentioning(texts.filter((part) => part.trim() !== "").join("\n\n"));
  // Within a word an `@` names nobody, until a cut makes it the first of a message; the joiner that parts it then has room.
  const parts = splitText(text, MAX_TEXT_UNITS - 1).map(unmentioning);
  const buttons = actions.map(buttonOf);
  const sends: JsonObject[] = parts.map(plain);
  for (let at = 0; at < buttons.length; at += MAX_BUTTONS) {
    const base = at === 0 ? (sends.pop() ?? plain(PLACEHOLDER)) : plain(PLACEHOLDER);
    const rows = buttons.slice(at, at + MAX_BUTTONS).map((button) => [button]);
    sends.push({ ...base, reply_markup: { inline_keyboard: rows } });
  }
  // Buttons are to stand at the end, a text without any before what it speaks of.
  return buttons.length > 0 ? [...files, ...sends] : [...sends, ...files];
}

const plain = (text: string): JsonObject => ({ text, link_preview_options: { is_disabled: true } });

function buttonOf(action: CardAction): JsonObject {
  const title = printable(action.title).replaceAll(/\s+/g, " ").trim();
  const text = shortenText(title === "" ? "→" : title, MAX_TITLE_UNITS);
  return action.kind === "open"
    ? { text, url: action.url }
    : { text, callback_data: encodeChoice(action.value, MAX_CALLBACK_BYTES) };
}

// Telegram reads plain texts, too, for names to notify: `\\B@[a-zA-Z0-9_]{2,32}\\b`. What stands in an address isn't one.
const MENTION = /(?<![\p{L}\p{N}_])@(?=[a-zA-Z0-9_]{2})/gu;
const ADDRESS = /(https?:\/\/[\w.-]+\.[a-z]{2,}(?::\d+)?\/\S*)/i;

/** Makes a text one that notifies nobody: a word joiner, which nobody sees, parts each `@` from the name behind it. */
function unmentioning(text: string): string {
  return printable(text)
    .split(ADDRESS)
    .map((part, at) => (at % 2 === 1 ? part : part.replaceAll(MENTION, "@\u2060")))
    .join("");
}

/** Lone surrogates and control characters would make the request invalid UTF-8 or be refused. */
function printable(text: string): string {
  return text.toWellFormed().replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, "");
}

/** Says what in a send breaks Telegram's limits; empty where nothing does. */
export function checkTelegramSend(send: JsonObject): readonly string[] {
  if (fileIn(send) !== undefined) return [];
  const problems: string[] = [];
  const text = typeof send.text === "string" ? send.text : "";
  if (text.trim() === "") problems.push("text is empty");
  if (text.length > MAX_TEXT_UNITS) problems.push("text is too long");
  if (!text.isWellFormed()) problems.push("text has a lone surrogate");
  if ("parse_mode" in send) problems.push("text has markup");
  const rows =
    (send.reply_markup as { inline_keyboard?: readonly (readonly JsonObject[])[] } | undefined)?.inline_keyboard ?? [];
  const buttons = rows.flat();
  if (buttons.length > MAX_BUTTONS) problems.push("too many buttons");
  for (const { text: title, url, callback_data: data } of buttons) {
    if (typeof title !== "string" || title.trim() === "" || title.length > MAX_TITLE_UNITS)
      problems.push("button title");
    if ((url === undefined) === (data === undefined)) problems.push("button needs one of url and callback_data");
    if (typeof data === "string" && (data === "" || Buffer.byteLength(data) > MAX_CALLBACK_BYTES))
      problems.push("callback_data");
    if (url !== undefined && webUrl(url) === "") problems.push("url");
  }
  return problems;
}
