import type { CardRules } from "../../cards/fit-card.ts";
import { ACTIONS_1_3, ELEMENTS_1_3 } from "../../cards/fit-card.ts";
import type { SendRate } from "../../provider.ts";

/** An activity as JSON, in UTF-16 units: 80 KB, where Teams refuses 100. */
export const MAX_ACTIVITY_UNITS = 40_960;
/** Text of one activity; as JSON it may be twice as long. */
export const MAX_TEXT_UNITS = 16_000;
/** Actions that Teams shows in one row; what is more goes behind a menu on some clients and nowhere on others. */
export const MAX_ROW_ACTIONS = 6;
/** What Teams shows of Adaptive Cards everywhere; a text that an action says is a message of the person's. */
export const TEAMS_CARDS: CardRules = {
  maxVersion: "1.5",
  elements: new Set([...ELEMENTS_1_3, "Media", "MediaSource", "Table", "TableRow", "TableCell"]),
  actions: new Set([...ACTIONS_1_3, "Action.Execute"]),
  maxRowActions: MAX_ROW_ACTIONS,
  saying: (text, title) => ({ msteams: { type: "messageBack", text, displayText: title } }),
};

// Of what is there at once and what comes within a window, Teams allows 7 in a second, 8 in two, 60 in 30 and 1,800 in an hour.
const THREAD_RATE = { capacity: 6, perSecond: 0.95 };
const THREAD_HOUR_RATE = { capacity: 50, perSecond: 0.48 };
/** 50 a second for an app in a tenant, and room for what leaves apart and arrives closer. */
const APP_RATE = { capacity: 2, perSecond: 47.8 };

/** The paces that all processes share which send for one app. */
export function teamsRates(conversation: string): readonly SendRate[] {
  return [
    { name: "app", rate: APP_RATE },
    { name: `hour:${conversation}`, rate: THREAD_HOUR_RATE },
    { name: `thread:${conversation}`, rate: THREAD_RATE },
  ];
}
