import type { ChannelMessageEnvelope, JsonObject, JsonValue } from "../types/index.ts";
import { isJsonObject } from "../types/index.ts";
import type { FlowEvent } from "./event-flows.ts";
import { eventOf } from "./event-flows.ts";
import type { Firing } from "./schedules.ts";
import { firingOf } from "./schedules.ts";
import { cardValue } from "./submitted-values.ts";

/** A text's command and its words: `/weather@bot Jakarta` → `/weather`, ["Jakarta"]. */
export interface Command {
  readonly name: string;
  readonly args: readonly string[];
}

/** Reads a message's text as a command; undefined where it is none. */
export function commandOf(text: string | undefined): Command | undefined {
  if (text === undefined || text.charCodeAt(0) !== 0x2f) return undefined;
  const [word = "", ...args] = text.trim().split(/\s+/);
  const at = word.indexOf("@");
  const name = (at < 0 ? word : word.slice(0, at)).toLowerCase();
  return name.length < 2 ? undefined : { name, args };
}

// A plain text has no arguments: `known: "{{in.args.0}}"` is about commands.
const NO_ARGS: readonly string[] = [];

/** Makes what flows see as `in`: the message, its words, and the fields of a submitted card or request. */
export function entryOf(message: ChannelMessageEnvelope | undefined): JsonValue {
  if (message === undefined) return null;
  const value = cardValue(message);
  const data = message.extensions?.channel_data;
  const command = commandOf(message.text);
  const event = eventOf(message);
  const firing = firingOf(message);
  return {
    ...(value !== undefined && isJsonObject(value) ? value : {}),
    ...(event === undefined ? {} : eventEntry(event, message)),
    ...(firing === undefined ? {} : firingEntry(firing)),
    // Requests of generic webhooks: what public webhook flows read.
    ...(isJsonObject(data) && typeof data["method"] === "string" ? data : {}),
    text: message.text ?? "",
    command: command?.name ?? null,
    args: command?.args ?? NO_ARGS,
    attachments: message.attachments as unknown as JsonValue,
    metadata: message.metadata,
    value: value ?? null,
    from: (message.from ?? null) as JsonValue,
    input: flattenSubmission(message, value),
    tenant: message.tenant.tenant,
    team: message.tenant.team ?? null,
    correlation_id: message.correlation_id ?? message.id,
  };
}

/** The event in the attributes of CloudEvents, and beside them as public flows read events: `event_id`, `event_type`, … and `events`. */
function eventEntry(event: FlowEvent, { tenant: { tenant, team } }: ChannelMessageEnvelope): JsonObject {
  const read = {
    event_id: event.id,
    event_type: event.type,
    occurred_at: event.time,
    scope: { tenant, ...(team === undefined ? {} : { team }) },
    payload: event.data,
  };
  const provider = event.source.slice(event.source.lastIndexOf("/") + 1);
  const whole = { ...read, source: { domain: "events", provider }, correlation_id: event.id };
  return { ...event, ...read, event: { ...event, ...read }, events: [whole] };
}

/** What public timer flows read: when it is and which schedule it was; the time is the one that was due. */
function firingEntry({ id, at }: Firing): JsonObject {
  const due = new Date(at).toISOString();
  return { now: due, scheduled_at: due, schedule_id: id };
}

/** Public flows find a submission's texts in the message's metadata; what the channel itself says there goes before. */
function flattenSubmission(message: ChannelMessageEnvelope, value: JsonValue | undefined): JsonObject {
  const whole = message as unknown as JsonObject;
  if (value === undefined || !isJsonObject(value)) return whole;
  const texts = Object.entries(value).filter(([, field]) => typeof field === "string");
  return { ...whole, metadata: { ...Object.fromEntries(texts), ...message.metadata } };
}
