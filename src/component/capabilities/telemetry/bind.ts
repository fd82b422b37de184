import type { Bindings } from "../guest-call.ts";
import { immediate } from "../guest-call.ts";
import type { LogLine } from "../host-request.ts";
import { logLine } from "./log-line.ts";

/** The functions of `greentic:telemetry/logger-api`. */
export const telemetryBindings: Bindings = {
  "greentic:telemetry/logger-api@1.0.0#log": immediate((guest, [span, fields]) => {
    guest.log(
      logLine(span as Parameters<typeof logLine>[0], fields as Parameters<typeof logLine>[1]) satisfies LogLine,
    );
    return "ok";
  }),
};
