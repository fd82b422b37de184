import type { Kind } from "./kind.ts";
import { fields, ok, text } from "./kind.ts";
import { DURATION_SCHEMA, expiryOf } from "./duration.ts";

/** `session.wait`: parks until the next message. */
export const sessionWait: Kind = {
  name: "session.wait",
  summary: "Waits for the next message and gives it as output.",
  effect: "waits",
  statuses: ["ok", "expired"],
  input: {
    type: ["object", "string", "null"],
    properties: { reason: { type: "string" }, expires: DURATION_SCHEMA },
    additionalProperties: false,
  },
  output: { description: "What arrived, as `in` has it" },
  run(input, call) {
    if (call.resumed?.by === "expiry") return ok(null, "expired");
    if (call.resumed !== undefined) return ok(call.scope.in);
    const given = fields(input);
    const reason = typeof input === "string" && input !== "" ? input : (text(given["reason"]) ?? "message");
    const expiresAtMs = expiryOf(given["expires"], call);
    return { kind: "wait", reason, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) };
  },
};
