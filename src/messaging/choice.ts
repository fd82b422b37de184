/**
 * What a pressed button carries on channels with little room (Telegram: 64 bytes).
 * A value that fits travels as it is. A longer one travels as its token: `#` and 22 base64url characters of its SHA-256. A token means
 * the same after any restart; who receives one finds the value among the choices that were offered (`longChoices` of the message that
 * asked, kept by the session) and applies it. Where nobody remembers, the button's own title is the text, as if it had been typed.
 */
import { hash } from "node:crypto";
import type { ChannelMessageEnvelope, JsonObject } from "../types/index.ts";
import { isJsonObject, parseJson } from "../types/index.ts";
import { cardsOf } from "./cards/find-card.ts";
import { cardToText } from "./cards/card-to-text.ts";
import { submittedFields } from "./submitted-fields.ts";

const TOKEN = /^#[A-Za-z0-9_-]{22}$/;

/** Metadata key of a choice that came as a token. */
export const CHOICE_TOKEN_KEY = "choice_token";

/** The token of a value. */
export function choiceToken(value: string): string {
  return `#${hash("sha256", value, "base64url").slice(0, 22)}`;
}

/** What a button carries: the value where it fits, is text at all and can't be taken for a token, else its token. */
export function encodeChoice(value: string, maxBytes: number): string {
  const isCarried = value !== "" && Buffer.byteLength(value) <= maxBytes && value.isWellFormed() && !TOKEN.test(value);
  return isCarried ? value : choiceToken(value);
}

/** Tells whether a button's data is a token. */
export function isChoiceToken(data: string): boolean {
  return TOKEN.test(data);
}

/** The values that a message's buttons can't carry in `maxBytes`, by token: what a session has to remember while it waits. */
export function longChoices(message: ChannelMessageEnvelope, maxBytes: number): ReadonlyMap<string, string> {
  const long = new Map<string, string>();
  const add = (value: string): void => {
    const data = encodeChoice(value, maxBytes);
    if (data !== value) long.set(data, value);
  };
  for (const { value } of message.extensions?.suggested_actions ?? []) add(value);
  for (const card of cardsOf(message)) {
    for (const action of cardToText(card).actions) if (action.kind === "submit") add(action.value);
  }
  return long;
}

/** Finds the value of a token among the values that were offered. */
export function findChoice(token: string, values: Iterable<string>): string | undefined {
  for (const value of values) if (choiceToken(value) === token) return value;
  return undefined;
}

/** Finds the value that a typed number means among those that were offered in this order; undefined where the text is no such number. */
export function findNumbered(text: string | undefined, values: readonly string[]): string | undefined {
  const number = /^\s*([1-9]\d{0,2})[.)]?\s*$/.exec(text ?? "")?.[1];
  return number === undefined ? undefined : values[Number(number) - 1];
}

/**
 * Puts a chosen value into a message: a JSON object's fields become metadata and `extensions.channel_data.value`, as with a submitted
 * card; anything else becomes the text.
 */
export function applyChoice(message: ChannelMessageEnvelope, value: string): ChannelMessageEnvelope {
  const { [CHOICE_TOKEN_KEY]: _token, ...metadata } = message.metadata;
  const fields = objectIn(value);
  if (fields === undefined) return { ...message, text: value, metadata };
  const { text: _text, ...rest } = message;
  const data = rest.extensions?.channel_data;
  return {
    ...rest,
    metadata: { ...submittedFields(fields), ...metadata },
    extensions: { ...rest.extensions, channel_data: { ...(isJsonObject(data) ? data : {}), value: fields } },
  };
}

function objectIn(value: string): JsonObject | undefined {
  if (!value.startsWith("{")) return undefined;
  try {
    const parsed = parseJson(value);
    return isJsonObject(parsed) ? parsed : undefined;
  } catch {
    // A text that merely starts with a brace is a text.
    return undefined;
  }
}
