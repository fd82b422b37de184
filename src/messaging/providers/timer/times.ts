import type { JsonObject } from "../../../types/index.ts";
import type { ProviderTimer } from "../../provider.ts";

/** The form of a distance in time. */
export const EVERY = {
  pattern: /^(?!0+[smhd])\d{1,6}[smhd]$/,
  words: "a number and s, m, h or d: 15m",
} as const;

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The times that a channel's settings name; undefined where they name none, or both kinds. */
export function timesIn({ every, cron, zone }: JsonObject): ProviderTimer["times"] | undefined {
  const isEvery = typeof every === "string" && EVERY.pattern.test(every);
  if (isEvery && cron === undefined)
    return { everyMs: Number.parseInt(every, 10) * (UNIT_MS[every.slice(-1)] ?? 1_000) };
  if (typeof cron !== "string" || every !== undefined) return undefined;
  return { cron, ...(typeof zone === "string" && { zone }) };
}
