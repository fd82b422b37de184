import type { Bindings } from "../guest-call.ts";
import { immediate } from "../guest-call.ts";
import type { LogLine } from "../host-request.ts";

const LEVELS = new Set(["debug", "info", "warn", "error"]);

/** The functions of `greentic:telemetry/logger-api`. What the guest says of tenant and span isn't believed. */
export const telemetryBindings: Bindings = {
  "greentic:telemetry/logger-api@1.0.0#log": immediate((guest, [, fields]) => {
    const pairs = fields as readonly (readonly [string, string])[];
    const level = pairs.find(([name]) => name === "level")?.[1].toLowerCase() ?? "info";
    const rest = pairs.filter(([name]) => name !== "level").map(([name, value]) => `${name}=${value}`);
    guest.log({ level: (LEVELS.has(level) ? level : "info") as LogLine["level"], message: rest.join(" ") });
    return "ok";
  }),
};
