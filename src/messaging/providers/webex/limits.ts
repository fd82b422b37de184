import type { CardRules } from "../../cards/fit-card.ts";
import { ACTIONS_1_3, ELEMENTS_1_3 } from "../../cards/fit-card.ts";
import type { SendRate } from "../../provider.ts";

/** A message's text, in bytes. */
export const MAX_TEXT_BYTES = 7_439;
/** A card as JSON, in bytes: no limit is published; what is larger becomes text and actions. */
export const MAX_CARD_BYTES = 20_000;
/** The field of a card's submission that says a text. */
export const SAY_FIELD = "greentic_say";

/** What Webex shows of Adaptive Cards: version 1.3, without media, five buttons in a row. */
export const WEBEX_CARDS: CardRules = {
  maxVersion: "1.3",
  elements: new Set(ELEMENTS_1_3),
  actions: new Set(ACTIONS_1_3),
  maxRowActions: 5,
  saying: (text) => ({ [SAY_FIELD]: text }),
};

// Webex publishes no rates and says so: they change with its load. These keep well below what it has been seen to take.
const BOT_RATE = { capacity: 5, perSecond: 5 };
const ROOM_RATE = { capacity: 1, perSecond: 1 };

/** The paces that all processes share which send for one bot. */
export function webexRates(conversation: string): readonly SendRate[] {
  const [room = ""] = conversation.split("/");
  return [
    { name: "bot", rate: BOT_RATE },
    { name: `room:${room}`, rate: ROOM_RATE },
  ];
}
