import { GreenticError } from "../../types/index.ts";
import type { Kind, KindResult } from "./kind.ts";
import { fields, ok, text } from "./kind.ts";

/** An event tells of something; what is larger belongs in a store, and the event says where. */
const MAX_DATA_CHARS = 256 * 1024;

/** `event.publish`: tells the team's event flows, and whoever listens on the bus, that something happened. */
export const eventPublish: Kind = {
  name: "event.publish",
  summary: "Publishes an event, as CloudEvents 1.0; flows of type events with an entrypoint event:<type> run for it.",
  effect: "outbox",
  statuses: ["ok"],
  input: {
    type: "object",
    properties: {
      type: { type: "string", minLength: 1, maxLength: 256, description: "Like order.created" },
      payload: { description: "What happened; the event's `data`" },
      data: { description: "The same, by CloudEvents' name" },
      subject: { type: "string", maxLength: 256, description: "What it happened to" },
    },
    required: ["type"],
    additionalProperties: false,
  },
  output: { type: "object", properties: { id: { type: "string" } }, required: ["id"], additionalProperties: false },
  run(input, call) {
    const event = fields(input);
    const type = text(event["type"]);
    if (type === undefined || type.length > 256)
      throw new GreenticError("RUNNER_INPUT_INVALID", 'Read "type": expected 1 to 256 characters');
    const data = event["payload"] ?? event["data"] ?? null;
    if (JSON.stringify(data).length > MAX_DATA_CHARS)
      throw new GreenticError("RUNNER_INPUT_INVALID", `Read "payload": more than ${MAX_DATA_CHARS} characters of JSON`);
    const publish = (): KindResult => ok({ id: call.publish({ type, subject: text(event["subject"]), data }) });
    const judged = call.judge("event.publish", { event: type });
    return judged === undefined ? publish() : judged.then(publish);
  },
};
