import type { Attachment, ChannelMessageEnvelope, JsonObject } from "../../types/index.ts";
import { isJsonObject, parseJson } from "../../types/index.ts";

/** The content type of Adaptive Cards. */
export const ADAPTIVE_CARD_TYPE = "application/vnd.microsoft.card.adaptive";

/** All cards of a message, wherever public packs put them: the extension, attachments, or metadata as JSON text. */
export function cardsOf(message: ChannelMessageEnvelope): readonly JsonObject[] {
  const cards: JsonObject[] = [];
  const extension = message.extensions?.adaptive_card;
  if (isJsonObject(extension)) cards.push(extension);
  else if (message.metadata["adaptive_card"] !== undefined) {
    const card = parseCard(message.metadata["adaptive_card"]);
    if (card !== undefined) cards.push(card);
  }
  for (const attachment of message.attachments) {
    if (isCard(attachment) && isJsonObject(attachment.content)) cards.push(attachment.content);
  }
  return cards;
}

/** Tells whether an attachment is an Adaptive Card. */
export function isCard(attachment: Attachment): boolean {
  return attachment.mime_type.toLowerCase() === ADAPTIVE_CARD_TYPE;
}

function parseCard(text: string): JsonObject | undefined {
  try {
    const card = parseJson(text);
    return isJsonObject(card) ? card : undefined;
  } catch {
    // Metadata is free text: what isn't a card is no card, not a failure of the message.
    return undefined;
  }
}
