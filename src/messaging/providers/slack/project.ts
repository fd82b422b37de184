import type { ChannelMessageEnvelope, JsonObject } from "../../../types/index.ts";
import { cardToText } from "../../cards/card-to-text.ts";
import { filesToText } from "../../cards/files-to-text.ts";
import { cardsOf } from "../../cards/find-card.ts";
import { unsaid } from "../../cards/message-to-text.ts";
import { filesOf, fileToJson } from "../../files/outgoing.ts";
import type { NoteFinding, ProjectionFinding } from "../../findings.ts";
import { noteElement } from "../../findings.ts";
import { objectIn, textIn } from "../../json-parts.ts";
import { BlockList } from "./blocks.ts";
import { cardToBlocks } from "./card-blocks.ts";
import { isSlackSized } from "./files.ts";
import { MAX_BLOCKS, MAX_TOTAL_UNITS } from "./limits.ts";
import { unescapeSlack } from "./text.ts";

/** A message that has buttons and no text still needs one, for notifications and screen readers. */
const PLACEHOLDER = "⬇️";

/**
 * Projects a message to `chat.postMessage` bodies without channel: `{ text, blocks }`. Everything is shown as plain text, so that
 * nothing in it formats, mentions or links. A card stays in one message, since a press brings the inputs of its own message alone; one
 * too large for that is degraded to text and buttons. What doesn't fit goes on in further messages. Files are payloads of their own,
 * `{file}`.
 */
export function projectSlack(message: ChannelMessageEnvelope, note?: NoteFinding): readonly JsonObject[] {
  const groups: (readonly JsonObject[])[] = [];
  const cards = cardsOf(message);
  const shown = cards.map((card, index) => nativeBlocks(card, index, note));
  const lead = new BlockList();
  lead.addText(leadText(message.text ?? "", shown));
  for (const line of filesToText(message, note, isSlackSized)) lead.addText(line);
  for (const block of lead.end()) groups.push([block]);
  for (const [index, card] of cards.entries()) {
    const blocks = shown[index];
    if (blocks !== undefined) groups.push(blocks);
    else for (const block of degradedBlocks(card, { said: message.text ?? "", index, note })) groups.push([block]);
  }
  const suggested = new BlockList();
  for (const { title, value } of message.extensions?.suggested_actions ?? [])
    suggested.addAction({ kind: "submit", title: title.trim() === "" ? value : title, value });
  for (const block of suggested.end()) groups.push([block]);
  const sends = pack(groups).map((blocks) => ({ text: noticeOf(blocks), blocks }));
  return [...sends, ...filesOf(message, isSlackSized).map((file) => ({ file: fileToJson(file) }))];
}

/** The text beside cards, unless a card that is shown says the same: then it is for readers without cards. */
function leadText(text: string, shown: readonly (readonly JsonObject[] | undefined)[]): string {
  const isSaid = shown.some((blocks) => blocks !== undefined && unsaid(text, wordsIn(blocks)) === "");
  return isSaid ? "" : text;
}

/** What blocks say, as people see it, beside what can be pressed: no other reading of the card, which may differ from what is shown. */
function wordsIn(blocks: readonly JsonObject[]): string {
  const texts = blocks.map(({ text, label }) => textIn(objectIn(text ?? label)?.text) ?? "");
  return unescapeSlack(texts.join("\n"));
}

function nativeBlocks(
  card: JsonObject,
  index: number,
  note: NoteFinding | undefined,
): readonly JsonObject[] | undefined {
  const findings: ProjectionFinding[] = [];
  const blocks = cardToBlocks(card, index, note && ((finding) => void findings.push(finding)));
  if (blocks === undefined || blocks.length > MAX_BLOCKS || unitsOf(blocks) > MAX_TOTAL_UNITS) return undefined;
  for (const finding of findings) note?.(finding);
  return blocks;
}

function degradedBlocks(
  card: JsonObject,
  { said, index, note }: { readonly said: string; readonly index: number; readonly note: NoteFinding | undefined },
): readonly JsonObject[] {
  const path = `cards[${index}]`;
  noteElement(note, "card.degraded", { type: "AdaptiveCard", path });
  const { text, actions } = cardToText(card, { note, path });
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
