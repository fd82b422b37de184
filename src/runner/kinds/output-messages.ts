import type { Attachment, EnvelopeExtensions, JsonObject, JsonValue } from "../../types/index.ts";
import { isJsonObject } from "../../types/index.ts";
import type { MessageDraft } from "./kind.ts";

const CARD_MIME = "application/vnd.microsoft.card.adaptive";
const MAX_DEPTH = 8;

/**
 * Reads the messages that a node's output means, as public packs spell them: a text, a card, `{ text }`, `{ messages: […] }`,
 * `{ renderedCard }`, or a list of these. Diagnostics such as `{ ok: true }` and `{ error }` mean none.
 * @see upstream reference §4.2
 */
export function messagesOf(output: JsonValue, depth = 0): readonly MessageDraft[] {
  if (depth > MAX_DEPTH || output === null) return [];
  if (typeof output === "string") return output === "" ? [] : [{ text: output }];
  if (typeof output === "number") return [{ text: String(output) }];
  if (typeof output === "boolean") return [];
  if (Array.isArray(output)) return output.flatMap((item: JsonValue) => messagesOf(item, depth + 1));
  return messagesOfObject(output as JsonObject, depth);
}

function messagesOfObject(output: JsonObject, depth: number): readonly MessageDraft[] {
  for (const list of ["messages", "events"] as const) {
    if (Array.isArray(output[list])) return messagesOf(output[list], depth + 1);
  }
  const card = cardOf(output);
  const text = textOf(output);
  const attachments = Array.isArray(output["attachments"])
    ? (output["attachments"] as unknown as readonly Attachment[])
    : [];
  const extensions = extensionsOf(output, card);
  if (card !== undefined || text !== undefined || attachments.length > 0) {
    return [{ text, attachments, extensions }];
  }
  for (const inner of ["message", "payload", "result", "content", "structured_content", "response"] as const) {
    const value = output[inner];
    if (value !== undefined && typeof value !== "boolean") return messagesOf(value, depth + 1);
  }
  return [];
}

function cardOf(output: JsonObject): JsonObject | undefined {
  if (output["type"] === "AdaptiveCard") return output;
  for (const field of ["card", "renderedCard", "adaptive_card"] as const) {
    if (isJsonObject(output[field])) return output[field];
  }
  if (output["mime_type"] === CARD_MIME && isJsonObject(output["content"])) return output["content"];
  return undefined;
}

function textOf(output: JsonObject): string | undefined {
  const { text, body, type } = output;
  if (typeof text === "string") return text === "" ? undefined : text;
  if (typeof text === "number") return String(text);
  return type !== "AdaptiveCard" && typeof body === "string" && body !== "" ? body : undefined;
}

function extensionsOf(output: JsonObject, card: JsonObject | undefined): EnvelopeExtensions | undefined {
  const { extensions, suggested_actions: actions, suggestedActions, speak, channelData } = output;
  const own = isJsonObject(extensions) ? (extensions as EnvelopeExtensions) : undefined;
  const chips = Array.isArray(actions) ? actions : suggestedActions;
  if (
    own === undefined &&
    card === undefined &&
    !Array.isArray(chips) &&
    speak === undefined &&
    channelData === undefined
  ) {
    return undefined;
  }
  return {
    ...own,
    ...(card === undefined ? {} : { adaptive_card: card }),
    ...(Array.isArray(chips) ? { suggested_actions: (chips as readonly JsonValue[]).flatMap(chip) } : {}),
    ...(typeof speak === "string" ? { speak } : {}),
    ...(channelData === undefined ? {} : { channel_data: channelData }),
  };
}

function chip(action: JsonValue): { readonly title: string; readonly value: string }[] {
  if (typeof action === "string") return [{ title: action, value: action }];
  if (!isJsonObject(action)) return [];
  const title = action["title"] ?? action["value"];
  const value = action["value"] ?? title;
  return typeof title === "string" && typeof value === "string" ? [{ title, value }] : [];
}
