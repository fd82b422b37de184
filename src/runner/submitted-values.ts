import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../types/index.ts";
import { isJsonObject } from "../types/index.ts";

const NOTHING: JsonObject = Object.freeze({});

/** What a submitted card carries: `extensions.value`, `channel_data.value`; undefined where the message is none. */
export function cardValue(message: ChannelMessageEnvelope | undefined): JsonValue | undefined {
  const { extensions } = message ?? {};
  if (extensions === undefined) return undefined;
  const value = extensions["value"] as JsonValue | undefined;
  if (value !== undefined) return value;
  const data = extensions.channel_data;
  return data !== undefined && isJsonObject(data) ? data["value"] : undefined;
}

/** A submitted card's fields by name; channels that flatten them into metadata are read from there. */
export function submittedValues(message: ChannelMessageEnvelope | undefined): JsonObject {
  if (message === undefined) return NOTHING;
  const value = cardValue(message);
  if (value !== undefined && isJsonObject(value)) return value;
  // A typed text answers the question that was asked; what else the channel noted about it answers nothing.
  return message.text === undefined || message.text === "" ? message.metadata : NOTHING;
}
