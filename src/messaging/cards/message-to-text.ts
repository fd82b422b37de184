import type { ChannelMessageEnvelope } from "../../types/index.ts";
import type { CardAction, DegradedCard } from "./card-to-text.ts";
import { cardToText } from "./card-to-text.ts";
import { cardsOf } from "./find-card.ts";

/** Degrades a message to its text, what its cards say beyond it, and everything that could be pressed; attachments stay the caller's. */
export function messageToText(message: ChannelMessageEnvelope): DegradedCard {
  const texts: string[] = [message.text ?? ""];
  const actions: CardAction[] = [];
  for (const card of cardsOf(message)) {
    const degraded = cardToText(card);
    texts.push(unsaid(degraded.text, texts[0] ?? ""));
    actions.push(...degraded.actions);
  }
  for (const { title, value } of message.extensions?.suggested_actions ?? [])
    actions.push({ kind: "submit", title, value });
  return { text: texts.filter((part) => part.trim() !== "").join("\n\n"), actions };
}

/** The lines of a card that the text beside it doesn't say already, word for word: such a text is what the card shows, for readers without cards. */
export function unsaid(card: string, text: string): string {
  const said = wordsOf(text);
  const lines = card
    .split("\n")
    .filter((line) => line === "" || wordsOf(line) === " " || !said.includes(wordsOf(line)));
  return lines
    .join("\n")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim();
}

const wordsOf = (text: string): string => ` ${(text.match(/[\p{L}\p{N}.,]*[\p{L}\p{N}]/gu) ?? []).join(" ")} `;
