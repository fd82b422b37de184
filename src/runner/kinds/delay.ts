import { GreenticError } from "../../types/index.ts";
import { DURATION_SCHEMA, expiryOf, instantOf } from "./duration.ts";
import type { Kind } from "./kind.ts";
import { fields, ok } from "./kind.ts";

/** `delay`: lets time pass, through restarts; messages that come in the meantime are kept for afterwards. */
export const delay: Kind = {
  name: "delay",
  summary: "Waits for a length of time or until an instant, through restarts; messages are kept until then.",
  effect: "waits",
  statuses: ["ok"],
  input: {
    type: ["object", "string", "number"],
    properties: {
      for: DURATION_SCHEMA,
      until: { type: ["string", "number"], description: "A time with its offset, such as 2026-03-05T10:00:00Z" },
    },
    additionalProperties: false,
    minProperties: 1,
    maxProperties: 1,
  },
  output: { type: "object", properties: { until: { type: "string" } }, required: ["until"] },
  run(input, call) {
    if (call.resumed !== undefined) return ok(call.resumed.kept);
    const given = fields(input);
    const until = given["until"] ?? undefined;
    const length = typeof input === "string" || typeof input === "number" ? input : given["for"];
    const dueAtMs = until === undefined ? expiryOf(length, call, "for") : instantOf(until, call, "until");
    if (dueAtMs === undefined)
      throw new GreenticError("RUNNER_INPUT_INVALID", "Wait: neither `for` nor `until` is given");
    const output = { until: new Date(dueAtMs).toISOString() };
    if (dueAtMs <= call.nowMs) return ok(output);
    return { kind: "wait", reason: "delay", kept: output, expiresAtMs: dueAtMs, isClosed: true };
  },
};
