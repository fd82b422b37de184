import type { World } from "../../../types/index.ts";
import { BucketPace } from "../../bucket-pace.ts";
import type { SendRate } from "../../provider.ts";

/** Blocks of one message. */
export const MAX_BLOCKS = 50;
/** Text of a section, in UTF-16 units, escapes counted; less than the 4,000 that Slack advises for the text beside blocks. */
export const MAX_SECTION_UNITS = 3_000;
/** Text of a header. */
export const MAX_HEADER_UNITS = 150;
/** All blocks of a message as JSON: undocumented; refusals were measured from about 13,200 characters on. */
export const MAX_TOTAL_UNITS = 12_000;
/** Elements of one row of buttons. */
export const MAX_ROW_BUTTONS = 25;
/** A button's title. */
export const MAX_TITLE_UNITS = 75;
/** What a button carries: 2,000 characters, here as bytes. */
export const MAX_VALUE_BYTES = 2_000;
/** A button's URL. */
export const MAX_URL_UNITS = 3_000;
/** An element's own name. */
export const MAX_ACTION_ID_UNITS = 255;
/** An input's label, as long as a screen shows it. */
export const MAX_LABEL_UNITS = 200;
/** What stands in an empty input. */
export const MAX_PLACEHOLDER_UNITS = 150;
/** Options of a select, an option's title and its value. */
export const MAX_OPTIONS = 100;
export const MAX_OPTION_UNITS = 75;

// Several hundred a minute for a workspace, Slack says: never more than 300 here, those at once counted.
const WORKSPACE = { capacity: 5, perSecond: 4.85 };
// One a second; what leaves a second apart may arrive closer.
const CHANNEL = { capacity: 1, perSecond: 0.965 };

/** The paces that all processes share which send for one workspace. */
export function slackRates(channel: string): readonly SendRate[] {
  return [
    { name: "workspace", rate: WORKSPACE },
    { name: `channel:${channel}`, rate: CHANNEL },
  ];
}

/** Slack's pace as one process knows it, with the pauses that it asks for: these are a method's, so they hold the whole workspace. */
export class SlackPace {
  readonly #pace = new BucketPace(slackRates);

  /** When the next send to a channel may begin; `nowMs` means now. */
  readyAtMs(channel: string, nowMs: number): number {
    return this.#pace.readyAtMs(channel, nowMs);
  }

  /** Waits for the turn of a send and counts it; gives back when to come again where that is long. */
  awaitTurn(
    channel: string,
    options: { readonly world: Pick<World, "nowMs" | "schedule">; readonly signal: AbortSignal },
  ): Promise<number | undefined> {
    return this.#pace.awaitTurn(channel, options);
  }

  /** Holds all sends back as Slack asked. */
  pause(untilMs: number, nowMs: number): void {
    this.#pace.pause("workspace", untilMs, nowMs);
  }
}
