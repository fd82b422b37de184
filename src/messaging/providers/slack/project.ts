import type { ChannelMessageEnvelope, JsonObject } from "../../../types/index.ts";
import { cardToText, webUrl } from "../../cards/card-to-text.ts";
import { cardsOf, isCard } from "../../cards/find-card.ts";
import { unsaid } from "../../cards/message-to-text.ts";
import { BlockList } from "./blocks.ts";
import { cardToBlocks } from "./card-blocks.ts";
import { MAX_BLOCKS, MAX_TOTAL_UNITS } from "./limits.ts";

/** A message that has buttons and no text still needs one, for notifications and screen readers. */
const PLACEHOLDER = "⬇️";

/**
 * Projects a message to `chat.postMessage` bodies without channel: `{ text, blocks }`. Everything is shown as plain text, so that
 * nothing in it formats, mentions or links. A card stays in one message, since a press brings the inputs of its own message alone; one
 * too large for that is degraded to text and buttons. What doesn't fit goes on in further messages.
 */
export function projectSlack(message: ChannelMessageEnvelope): readonly JsonObject[] {
  const groups: (readonly JsonObject[])[] = [];
  const cards = cardsOf(message);
  const shown = cards.map((card, index) => nativeBlocks(card, index));
  const lead = new BlockList();
  lead.addText(leadText(message, { cards, shown }));
  for (const attachment of message.attachments) {
    if (isCard(attachment) && typeof attachment.content === "object") continue;
    const url = webUrl(attachment.url);
    lead.addText([attachment.name ?? attachment.mime_type, url].filter((part) => part !== "").join(": "));
  }
  for (const block of lead.end()) groups.push([block]);
  for (const [index, card] of cards.entries()) {
    const blocks = shown[index];
    if (blocks !== undefined) groups.push(blocks);
    else for (const block of degradedBlocks(card, message.text ?? "")) groups.push([block]);
  }
  const suggested = new BlockList();
  for (const { title, value } of message.extensions?.suggested_actions ?? [])
    suggested.addAction({ kind: "submit", title: title.trim() === "" ? value : title, value });
  for (const block of suggested.end()) groups.push([block]);
  return pack(groups).map((blocks) => ({ text: noticeOf(blocks), blocks }));
}

/** The text beside cards, unless a card that is shown says the same: then it is for readers without cards. */
function leadText(
  message: ChannelMessageEnvelope,
  {
    cards,
    shown,
  }: { readonly cards: readonly JsonObject[]; readonly shown: readonly (readonly JsonObject[] | undefined)[] },
): string {
  const text = message.text ?? "";
  const isSaid = cards.some((card, index) => shown[index] !== undefined && unsaid(text, cardToText(card).text) === "");
  return isSaid ? "" : text;
}

function nativeBlocks(card: JsonObject, index: number): readonly JsonObject[] | undefined {
  const blocks = cardToBlocks(card, index);
  if (blocks === undefined || blocks.length > MAX_BLOCKS) return undefined;
  return unitsOf(blocks) > MAX_TOTAL_UNITS ? undefined : blocks;
}

function degradedBlocks(card: JsonObject, said: string): readonly JsonObject[] {
  const { text, actions } = cardToText(card);
  const list = new BlockList();
  list.addText(unsaid(text, said));
  for (const action of actions) list.addAction(action);
  return list.end();
}

/** Fills messages in order; a group is never torn apart. */
function pack(groups: readonly (readonly JsonObject[])[]): readonly (readonly JsonObject[])[] {
  const messages: (readonly JsonObject[])[] = [];
  let current: JsonObject[] = [];
  let units = 0;
  for (const group of groups) {
    const more = unitsOf(group);
    const isFull = current.length + group.length > MAX_BLOCKS || units + more > MAX_TOTAL_UNITS;
    if (isFull && current.length > 0) {
      messages.push(current);
      current = [];
      units = 0;
    }
    current.push(...group);
    units += more;
  }
  if (current.length > 0) messages.push(current);
  return messages;
}

const unitsOf = (blocks: readonly JsonObject[]): number => JSON.stringify(blocks).length;

/** What a notification shows: the first text, which is escaped and short enough already. */
function noticeOf(blocks: readonly JsonObject[]): string {
  for (const { text } of blocks) {
    const said = (text as JsonObject | undefined)?.text;
    if (typeof said === "string") return said;
  }
  return PLACEHOLDER;
}
