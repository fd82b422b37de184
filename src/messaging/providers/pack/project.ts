import type { ChannelMessageEnvelope, JsonObject, JsonValue, ProviderTraits } from "../../../types/index.ts";
import { cardsOf } from "../../cards/find-card.ts";
import { messageToText } from "../../cards/message-to-text.ts";
import type { NoteFinding } from "../../findings.ts";
import { splitText } from "../../split-text.ts";

/**
 * Projects a message to what a provider pack's egress gets, one envelope for each send: its texts within the pack's limit, and where the
 * pack shows texts alone, cards and suggestions as text with numbered choices.
 */
export function projectForPack(
  message: ChannelMessageEnvelope,
  traits: ProviderTraits,
  note?: NoteFinding,
): readonly JsonValue[] {
  const plain = traits.shows === "text" ? asText(message, note) : message;
  const { maxTextUnits } = traits;
  const { text = "" } = plain;
  const parts = maxTextUnits === undefined || text.length <= maxTextUnits ? [text] : splitText(text, maxTextUnits);
  if (parts.length === 0 || (parts.length === 1 && (parts[0] ?? "").trim() === "" && !hasMore(plain))) return [];
  return parts.map((part, i): JsonObject => {
    const isLast = i === parts.length - 1;
    const { extensions: _extensions, attachments: _attachments, ...rest } = plain;
    const id = parts.length === 1 ? plain.id : `${plain.id}.${i + 1}`;
    const said = isLast ? { ...plain, id, text: part } : { ...rest, id, text: part, attachments: [] };
    return { message: said as unknown as JsonObject };
  });
}

/** The values of the choices that {@link projectForPack} numbers, the first one first. */
export function numberedForPack(message: ChannelMessageEnvelope, traits: ProviderTraits): readonly string[] {
  if (traits.shows !== "text") return [];
  return messageToText(message).actions.flatMap((action) => (action.kind === "submit" ? [action.value] : []));
}

function hasMore(message: ChannelMessageEnvelope): boolean {
  return (
    message.attachments.length > 0 ||
    cardsOf(message).length > 0 ||
    (message.extensions?.suggested_actions ?? []).length > 0
  );
}

function asText(message: ChannelMessageEnvelope, note: NoteFinding | undefined): ChannelMessageEnvelope {
  const { text, actions } = messageToText(message, note);
  let number = 0;
  const lines = actions.map((action) => {
    if (action.kind !== "submit") return `${action.title}: ${action.url}`;
    number++;
    return `${number}. ${action.title}`;
  });
  const cards = new Set<unknown>(cardsOf(message));
  const { extensions: _extensions, ...rest } = message;
  return {
    ...rest,
    text: [text, lines.join("\n")].filter((part) => part !== "").join("\n\n"),
    attachments: message.attachments.filter(({ content }) => !cards.has(content)),
  };
}
