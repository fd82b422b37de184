import type { JsonValue } from "../../types/index.ts";
import { isJsonObject } from "../../types/index.ts";
import type { Kind } from "./kind.ts";
import { ok } from "./kind.ts";
import { messagesOf } from "./output-messages.ts";

/** The payload of a public emit node: `input` or `payload` where there is one, else all of it. */
function payloadOf(input: JsonValue): JsonValue {
  if (!isJsonObject(input)) return input;
  return input["input"] ?? input["payload"] ?? input;
}

/** `emit.response` and its like: says what the payload means and hands it on. */
export const emit: Kind = {
  name: "emit.*",
  summary: "Sends the payload's messages and gives the payload as output; the public packs' way to reply.",
  effect: "outbox",
  statuses: ["ok"],
  input: { description: "A text, { text }, a card, { messages: […] }, or a list of these" },
  output: { description: "The payload" },
  run(input, call) {
    const payload = payloadOf(input);
    for (const draft of messagesOf(payload)) call.send(draft);
    return ok(payload);
  },
};

/** `emit.log`: tells the operator and nobody else. */
export const emitLog: Kind = {
  name: "emit.log",
  summary: "Writes a line to the operator's log; the person sees nothing.",
  effect: "pure",
  statuses: ["ok"],
  input: { description: "A text, or { level, message }" },
  output: { description: "The payload" },
  run(input, call) {
    const payload = payloadOf(input);
    const level = isJsonObject(payload) ? payload["level"] : undefined;
    const message = isJsonObject(payload) ? (payload["message"] ?? payload["text"] ?? payload) : payload;
    const isLevel = level === "debug" || level === "info" || level === "warn" || level === "error";
    call.log(isLevel ? level : "info", typeof message === "string" ? message : JSON.stringify(message));
    return ok(payload);
  },
};
