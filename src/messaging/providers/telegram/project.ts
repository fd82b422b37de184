import type { ChannelMessageEnvelope, JsonObject } from "../../../types/index.ts";
import { cardToText, webUrl } from "../../cards/card-to-text.ts";
import { unsaid } from "../../cards/message-to-text.ts";
import type { CardAction } from "../../cards/card-to-text.ts";
import { cardsOf, isCard } from "../../cards/find-card.ts";
import { encodeChoice } from "../../choice.ts";
import { shortenText, splitText } from "../../split-text.ts";
import { MAX_BUTTONS, MAX_CALLBACK_BYTES, MAX_TEXT_UNITS, MAX_TITLE_UNITS } from "./limits.ts";

/** A message that has buttons and no text still needs one: Telegram refuses empty texts. */
const PLACEHOLDER = "⬇️";

/**
 * Projects a message to `sendMessage` bodies without `chat_id`. Text is plain: no `parse_mode`, so nothing in it can become markup.
 * Long texts are split, buttons stand under the last part, more than 100 go under further messages, titles too long for a button
 * are spelled out in the text.
 */
export function projectTelegram(message: ChannelMessageEnvelope): readonly JsonObject[] {
  const texts: string[] = [message.text ?? ""];
  const actions: CardAction[] = [];
  for (const card of cardsOf(message)) {
    const degraded = cardToText(card);
    texts.push(unsaid(degraded.text, texts[0] ?? ""));
    actions.push(...degraded.actions);
  }
  for (const attachment of message.attachments) {
    if (isCard(attachment) && typeof attachment.content === "object") continue;
    const url = webUrl(attachment.url);
    texts.push([attachment.name ?? attachment.mime_type, url].filter((part) => part !== "").join(": "));
  }
  for (const { title, value } of message.extensions?.suggested_actions ?? [])
    actions.push({ kind: "submit", title, value });
  const long = actions.map(({ title }) => title.trim()).filter((title) => title.length > MAX_TITLE_UNITS);
  texts.push(long.map((title) => `• ${title}`).join("\n"));

  const text = printable(texts.filter((part) => part.trim() !== "").join("\n\n"));
  const parts = splitText(text, MAX_TEXT_UNITS);
  const buttons = actions.map(buttonOf);
  const sends: JsonObject[] = parts.map(plain);
  for (let at = 0; at < buttons.length; at += MAX_BUTTONS) {
    const base = at === 0 ? (sends.pop() ?? plain(PLACEHOLDER)) : plain(PLACEHOLDER);
    const rows = buttons.slice(at, at + MAX_BUTTONS).map((button) => [button]);
    sends.push({ ...base, reply_markup: { inline_keyboard: rows } });
  }
  return sends;
}

const plain = (text: string): JsonObject => ({ text, link_preview_options: { is_disabled: true } });

function buttonOf(action: CardAction): JsonObject {
  const title = printable(action.title).replaceAll(/\s+/g, " ").trim();
  const text = shortenText(title === "" ? "→" : title, MAX_TITLE_UNITS);
  return action.kind === "open"
    ? { text, url: action.url }
    : { text, callback_data: encodeChoice(action.value, MAX_CALLBACK_BYTES) };
}

/** Lone surrogates and control characters would make the request invalid UTF-8 or be refused. */
function printable(text: string): string {
  return text.toWellFormed().replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, "");
}

/** Says what in a send breaks Telegram's limits; empty where nothing does. */
export function checkTelegramSend(send: JsonObject): readonly string[] {
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
