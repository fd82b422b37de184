import type { ProviderEntry } from "../entry.ts";
import { createTimerProvider } from "./provider.ts";
import { EVERY, timesIn } from "./times.ts";
import { timerSetup } from "./setup.ts";

/** Times in the catalogue: a channel whose events come by themselves. */
export const timer: ProviderEntry = {
  type: "timer",
  title: "Timer",
  domain: "events",
  secrets: [],
  settings: [
    {
      name: "every",
      title: "How far apart its events are, counted from midnight UTC where that divides a day",
      isRequired: (config) => config["cron"] === undefined,
      form: EVERY,
    },
    {
      name: "cron",
      title: "When its events come: minute, hour, day, month and day of the week, seconds before them where wanted",
      isRequired: false,
      form: { pattern: /^\s*\S+(?:\s+\S+){4,5}\s*$/, words: "five or six fields" },
    },
    {
      name: "zone",
      title: "The zone that a cron expression's times are of, UTC unless named",
      isRequired: false,
      form: { pattern: /^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/, words: "an IANA zone, Europe/Berlin" },
    },
    {
      name: "catch_up",
      title: "What comes of times at which no host ran: none, the last, or all of them up to a hundred",
      isRequired: false,
      form: { pattern: /^(?:none|last|all)$/, words: "none, last or all" },
    },
    {
      name: "event",
      title: "The event's type; timer and the channel's name unless named",
      isRequired: false,
      form: { pattern: /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/, words: "words separated by dots" },
    },
  ],
  timesIn,
  problemsIn: ({ every, cron }) =>
    every !== undefined && cron !== undefined ? ["config.cron: expected every or cron, got both"] : [],
  setup: timerSetup,
  create: (address, { config }) => {
    const { event, catch_up: catchUp } = config;
    return createTimerProvider({
      address,
      times: timesIn(config),
      ...(typeof event === "string" && { event }),
      ...((catchUp === "none" || catchUp === "last" || catchUp === "all") && { catchUp }),
    });
  },
};
