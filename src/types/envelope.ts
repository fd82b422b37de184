import { GreenticError } from "./errors.ts";
import { isJsonObject } from "./json.ts";
import type { JsonObject, JsonValue } from "./json.ts";

/**
 * The normalised message that crosses the bus, the inbox and the outbox, in its published JSON shape (hence snake_case).
 * A provider never decides `tenant`: the gateway overwrites it from the route.
 * @see upstream reference §4.1
 */
export interface ChannelMessageEnvelope {
  readonly id: string;
  readonly tenant: EnvelopeTenant;
  readonly channel: string;
  readonly session_id: string;
  readonly reply_scope?: ReplyScope;
  readonly from?: Actor;
  readonly to?: readonly Destination[];
  readonly correlation_id?: string;
  readonly text?: string;
  readonly attachments: readonly Attachment[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly extensions?: EnvelopeExtensions;
}

export interface EnvelopeTenant {
  readonly env: string;
  readonly tenant: string;
  readonly team?: string;
  readonly user?: string;
}

export interface ReplyScope {
  readonly conversation: string;
  readonly thread?: string;
  readonly reply_to?: string;
  readonly correlation?: string;
}

export interface Actor {
  readonly id: string;
  readonly kind?: string;
  readonly name?: string;
}

export interface Destination {
  readonly id: string;
  readonly kind?: "chat" | "user" | "phone" | "room" | "channel" | "email";
}

export interface Attachment {
  readonly mime_type: string;
  readonly url?: string;
  readonly content?: JsonValue;
  readonly name?: string;
  readonly size_bytes?: number;
}

/** What richer channels show; every projector degrades it to what its channel can. */
export interface EnvelopeExtensions {
  readonly adaptive_card?: JsonObject;
  readonly channel_data?: JsonValue;
  readonly suggested_actions?: readonly SuggestedAction[];
  readonly input_hint?: "expecting" | "accepting" | "ignoring";
  readonly speak?: string;
  readonly [key: string]: JsonValue | readonly SuggestedAction[] | undefined;
}

/** A reply that one tap sends: `value` is what the worker receives as text. */
export interface SuggestedAction {
  readonly title: string;
  readonly value: string;
}

/** Checks a value's shape as an envelope and returns it. @throws TYPES_ENVELOPE_INVALID naming the field */
export function checkEnvelope(value: unknown): ChannelMessageEnvelope {
  if (!isJsonObject(value)) throw invalid("envelope", "an object");
  for (const field of ["id", "channel", "session_id"] as const) {
    if (typeof value[field] !== "string" || value[field] === "") throw invalid(field, "a non-empty string");
  }
  if (value.text !== undefined && typeof value.text !== "string") throw invalid("text", "a string");
  if (!Array.isArray(value.attachments)) throw invalid("attachments", "an array");
  if (!isJsonObject(value.metadata) || Object.values(value.metadata).some((v) => typeof v !== "string"))
    throw invalid("metadata", "a map of strings");
  if (!isJsonObject(value.tenant)) throw invalid("tenant", "an object");
  return value as unknown as ChannelMessageEnvelope;
}

function invalid(field: string, expected: string): GreenticError {
  return new GreenticError("TYPES_ENVELOPE_INVALID", `Read message envelope: expected "${field}" to be ${expected}`);
}
