/**
 * A delivery: `X-GitHub-Event` says what happened, `action` in the body what exactly, `X-GitHub-Delivery` names it, redeliveries alike.
 * The body is JSON, or a form whose `payload` is.
 * @see https://docs.github.com/webhooks/webhook-events-and-payloads
 */
import { GreenticError, isJsonObject, parseJson } from "../../../types/index.ts";
import { eventType } from "../../event-type.ts";
import { objectIn, textIn } from "../../json-parts.ts";
import type { Received, WebhookRequest } from "../../provider.ts";

const NAME = /^[a-z_]{1,64}$/;
const DELIVERY = /^[0-9A-Za-z-]{8,64}$/;
const FORM = /^application\/x-www-form-urlencoded\b/i;

/** Reads a verified delivery. A ping is answered. @throws MESSAGING_EVENT_INVALID, TYPES_JSON_INVALID */
export function readDelivery({ headers, body }: WebhookRequest): Received {
  const name = headers["x-github-event"];
  const delivery = headers["x-github-delivery"];
  if (typeof name !== "string" || !NAME.test(name) || typeof delivery !== "string" || !DELIVERY.test(delivery))
    throw new GreenticError(
      "MESSAGING_EVENT_INVALID",
      "Read GitHub delivery: expected one X-GitHub-Event and one X-GitHub-Delivery, got something else",
    );
  if (name === "ping") return { kind: "answer", status: 200, contentType: "text/plain; charset=utf-8", body: "pong" };
  const type = headers["content-type"];
  const isForm = typeof type === "string" && FORM.test(type);
  const text = isForm ? (new URLSearchParams(Buffer.from(body).toString()).get("payload") ?? "") : body;
  const data = parseJson(text, { maxBytes: body.byteLength });
  if (!isJsonObject(data))
    throw new GreenticError("MESSAGING_EVENT_INVALID", "Read GitHub delivery: expected an object");
  const about = objectIn(data.repository)?.full_name ?? objectIn(data.organization)?.login;
  const subject = textIn(about);
  return {
    kind: "messages",
    messages: [],
    events: [
      {
        dedupeKey: `gh:${delivery.toLowerCase()}`,
        id: delivery,
        type: eventType("github", name, textIn(data.action) ?? ""),
        ...(subject === undefined ? {} : { subject }),
        data,
      },
    ],
  };
}
