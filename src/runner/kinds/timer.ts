import { GreenticError, quote } from "../../types/index.ts";
import { nextOccurrence } from "../cron.ts";
import type { Kind } from "./kind.ts";
import { fields, ok, text } from "./kind.ts";

/** `timer`: waits for the next time that a calendar names; messages that come in the meantime are kept for afterwards. */
export const timer: Kind = {
  name: "timer",
  summary:
    "Waits for the next time of a cron expression in a time zone, through restarts; messages are kept until then.",
  effect: "waits",
  statuses: ["ok"],
  input: {
    type: ["object", "string"],
    properties: {
      cron: { type: "string", description: "Minute, hour, day, month, weekday; a sixth field in front counts seconds" },
      zone: { type: "string", description: "An IANA time zone; UTC where absent" },
    },
    required: ["cron"],
    additionalProperties: false,
  },
  output: { type: "object", properties: { until: { type: "string" } }, required: ["until"] },
  run(input, call) {
    if (call.resumed !== undefined) return ok(call.resumed.kept);
    const given = fields(input);
    const cron = typeof input === "string" ? input : (text(given["cron"]) ?? "");
    const dueAtMs = nextOccurrence({ cron, zone: text(given["zone"]) }, call.nowMs);
    if (dueAtMs === undefined)
      throw new GreenticError("RUNNER_CRON_INVALID", `Wait for ${quote(cron)}: it names no time that comes`);
    const output = { until: new Date(dueAtMs).toISOString() };
    return { kind: "wait", reason: "timer", kept: output, expiresAtMs: dueAtMs, isClosed: true };
  },
};
