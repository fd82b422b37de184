import type { EnvelopeExtensions, JsonObject, JsonValue, SuggestedAction } from "../../types/index.ts";
import { isJsonObject } from "../../types/index.ts";
import { ATTACHMENTS_SCHEMA, readAttachments } from "./attachments.ts";
import { CARD_SCHEMA, renderCard } from "./card.ts";
import { destinations } from "./destinations.ts";
import type { Kind, NodeCall } from "./kind.ts";
import { fields, ok, print } from "./kind.ts";

/** JSON Schema of an output that lists what was said. */
const MESSAGES_OUTPUT: JsonObject = {
  type: "object",
  properties: { messages: { type: "array", items: { type: "object" } } },
  required: ["messages"],
};

/** `message.send`: says something to whoever wrote, or to `to`. */
export const messageSend: Kind = {
  name: "message.send",
  summary: "Sends a text, a card or attachments; channels without cards show the text and the card's content as text.",
  effect: "outbox",
  statuses: ["ok"],
  input: {
    type: "object",
    properties: {
      text: {
        type: ["string", "number", "boolean", "null"],
        description: "Shown where the card can't be, and above it where it can",
      },
      card: CARD_SCHEMA,
      attachments: ATTACHMENTS_SCHEMA,
      to: {
        description: "Conversations of the team: an id, { id, channel, kind }, or a list; default who wrote",
        type: ["string", "object", "array"],
      },
      suggested_actions: { type: "array", description: "Texts, or { title, value }" },
      speak: { type: "string" },
      input_hint: { enum: ["expecting", "accepting", "ignoring"] },
    },
    additionalProperties: false,
  },
  output: MESSAGES_OUTPUT,
  run(input, call) {
    const message = fields(input);
    const card = renderCard(message["card"], call);
    const text = textOf(message["text"]);
    const sent = call.send({
      text: text ?? (card === undefined ? undefined : textOf(card["fallbackText"])),
      attachments: readAttachments(message["attachments"], call),
      to: message["to"] === undefined ? undefined : destinations(message["to"]),
      extensions: extensionsOf(message, card),
    });
    return ok({ messages: [summary(sent.id, text, call)] });
  },
};

function summary(id: string, text: string | undefined, call: NodeCall): JsonObject {
  return text === undefined ? { id, channel: call.message?.channel ?? "" } : { id, text };
}

function textOf(value: JsonValue | undefined): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

function extensionsOf(message: JsonObject, card: JsonObject | undefined): EnvelopeExtensions | undefined {
  const { suggested_actions: actions, speak, input_hint: hint } = message;
  if (card === undefined && actions === undefined && speak === undefined && hint === undefined) return undefined;
  return {
    ...(card === undefined ? {} : { adaptive_card: card }),
    ...(Array.isArray(actions) ? { suggested_actions: actions.map(suggestedAction) } : {}),
    ...(typeof speak === "string" ? { speak } : {}),
    ...(hint === "expecting" || hint === "accepting" || hint === "ignoring" ? { input_hint: hint } : {}),
  };
}

function suggestedAction(action: JsonValue): SuggestedAction {
  if (!isJsonObject(action)) return { title: print(action), value: print(action) };
  const title = print(action["title"] ?? action["value"]);
  return { title, value: print(action["value"] ?? title) };
}
