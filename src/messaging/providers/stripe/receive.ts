/**
 * An event: `id`, `type`, `created` in seconds (version 2: a date), and `data.object`, which it is about; events of version 2 name it in
 * `related_object`.
 * @see https://docs.stripe.com/api/events/object
 */
import { GreenticError, isJsonObject, parseJson } from "../../../types/index.ts";
import type { JsonValue } from "../../../types/index.ts";
import { eventType } from "../../event-type.ts";
import { objectIn, textIn } from "../../json-parts.ts";
import type { ReceivedEvent } from "../../provider.ts";

const ID = /^[A-Za-z0-9_-]{1,255}$/;
const TYPE = /^[a-z0-9_.[\]]{1,190}$/;

/** Reads a verified event as `stripe.{type}`. @throws MESSAGING_EVENT_INVALID, TYPES_JSON_INVALID */
export function readStripeEvent(body: Uint8Array): ReceivedEvent {
  const data = parseJson(body, { maxBytes: Math.max(1, body.byteLength) });
  const { id, type, created, data: changed, related_object: related } = isJsonObject(data) ? data : {};
  if (typeof id !== "string" || !ID.test(id) || typeof type !== "string" || !TYPE.test(type))
    throw new GreenticError(
      "MESSAGING_EVENT_INVALID",
      "Read Stripe event: expected an id and a type, got something else",
    );
  const subject = textIn(objectIn(objectIn(changed)?.object)?.id) ?? textIn(objectIn(related)?.id);
  const timeMs = timeOf(created);
  return {
    dedupeKey: `st:${id}`,
    id,
    type: eventType("stripe", type),
    ...(subject === undefined ? {} : { subject }),
    ...(timeMs === undefined ? {} : { timeMs }),
    data,
  };
}

function timeOf(created: JsonValue | undefined): number | undefined {
  const timeMs = typeof created === "number" ? created * 1000 : typeof created === "string" ? Date.parse(created) : NaN;
  return Number.isInteger(timeMs) && Math.abs(timeMs) < 8.64e15 ? timeMs : undefined;
}
