import { isJsonObject, parseJson } from "../../../types/index.ts";
import type { JsonValue } from "../../../types/index.ts";
import { eventType } from "../../event-type.ts";
import { textIn } from "../../json-parts.ts";
import type { ChannelAddress, ReceivedEvent, WebhookRequest } from "../../provider.ts";

/**
 * Reads a verified webhook as an event `{channel}.{type}`, the type as the body says it, else `received`; its data is the whole body.
 * @throws TYPES_JSON_INVALID, TYPES_JSON_TOO_DEEP for bodies that aren't JSON
 */
export function readWebhook(
  { body }: WebhookRequest,
  { id, timeMs, address }: { readonly id: string; readonly timeMs: number; readonly address: ChannelAddress },
): ReceivedEvent {
  const data: JsonValue = body.byteLength === 0 ? null : parseJson(body, { maxBytes: body.byteLength });
  const type = isJsonObject(data) ? textIn(data.type) : undefined;
  return { dedupeKey: `in:${id}`, id, type: eventType(address.channel, type ?? "received"), timeMs, data };
}
