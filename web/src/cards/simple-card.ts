import { isRecord } from "../directline/index.ts";
import type { CardAction } from "../directline/index.ts";
import { toChip } from "../conversation/message.ts";

const SIMPLE = /^application\/vnd\.microsoft\.card\.(hero|thumbnail|signin|receipt)$/;
const ADAPTIVE = "application/vnd.microsoft.card.adaptive";

/** Returns the Adaptive Card of an attachment; the Bot Framework's older cards are rewritten into one. */
export function adaptiveCardOf(attachment: { readonly contentType: string; readonly content?: unknown }): unknown {
  const content = typeof attachment.content === "string" ? parse(attachment.content) : attachment.content;
  if (!isRecord(content)) return undefined;
  if (attachment.contentType === ADAPTIVE) return content;
  return SIMPLE.test(attachment.contentType) ? fromSimple(content) : undefined;
}

function fromSimple(card: Readonly<Record<string, unknown>>): object {
  const line = (text: unknown, style: object): readonly object[] =>
    typeof text === "string" && text !== "" ? [{ type: "TextBlock", wrap: true, text, ...style }] : [];
  const images = Array.isArray(card["images"]) ? card["images"].filter(isRecord) : [];
  const buttons = Array.isArray(card["buttons"]) ? card["buttons"].filter(isRecord) : [];
  return {
    type: "AdaptiveCard",
    version: "1.5",
    body: [
      ...images.map((image) => ({ type: "Image", url: image["url"], altText: image["alt"] ?? "" })),
      ...line(card["title"], { weight: "bolder", size: "medium", style: "heading" }),
      ...line(card["subtitle"], { isSubtle: true, spacing: "none" }),
      ...line(card["text"], {}),
    ],
    actions: buttons.flatMap((button) => toChip(button as CardAction)).map(toAction),
  };
}

function toAction(chip: ReturnType<typeof toChip>[number]): object {
  if (chip.kind === "open") return { type: "Action.OpenUrl", title: chip.title, url: chip.url };
  return { type: "Action.Submit", title: chip.title, data: chip.kind === "say" ? chip.text : chip.value };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
