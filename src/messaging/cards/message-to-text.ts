import type { ChannelMessageEnvelope, JsonObject } from "../../types/index.ts";
import type { NoteFinding } from "../findings.ts";
import { noteElement } from "../findings.ts";
import type { CardAction, DegradedCard } from "./card-to-text.ts";
import { cardToText } from "./card-to-text.ts";
import { cardsOf } from "./find-card.ts";

/** Degrades a message to its text, what its cards say beyond it, and everything that could be pressed; attachments stay the caller's. */
export function messageToText(message: ChannelMessageEnvelope, note?: NoteFinding): DegradedCard {
  const texts: string[] = [message.text ?? ""];
  const actions: CardAction[] = [];
  for (const [n, card] of cardsOf(message).entries()) {
    const degraded = cardToText(card, { note, path: `cards[${n}]` });
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
  const lines = card.split("\n").filter((line) => wordsOf(line).trim() === "" || !said.includes(wordsOf(line)));
  return lines
    .join("\n")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim();
}

/** Notes a text that a channel doesn't show beside cards, where the cards don't say it word for word. */
export function noteUnsaid(
  { text = "" }: ChannelMessageEnvelope,
  cards: readonly JsonObject[],
  note: NoteFinding | undefined,
): void {
  if (note === undefined || cards.length === 0 || text.trim() === "") return;
  const said = cards.map((card) => cardToText(card).text).join("\n");
  if (unsaid(text, said) !== "") noteElement(note, "text.dropped", { type: "text", path: "text" });
}

/** White space, what formats, and how sentences are put together. */
const SIGNS = String.raw`\s\p{Cc}\p{Cf}\p{Cs}*_~\x60#<>|[\]()\\:;!?…"'‘’“”«»•·°–—\-\ufffd`;
/** A full stop or a comma between two letters or digits is part of what they say. */
const BETWEEN = new RegExp(`[${SIGNS}]|[.,](?![^${SIGNS}.,])|(?<![^${SIGNS}.,])[.,]`, "u");

/**
 * What tells one text from another: everything between signs. What isn't a letter may say it all, such as a vowel's mark, a thumb, `%`,
 * or a letter that Unicode took in later than Node's copy of it.
 */
const wordsOf = (text: string): string =>
  ` ${text
    .split(BETWEEN)
    .filter((word) => word !== "")
    .join(" ")} `;
