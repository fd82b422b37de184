import type { World } from "../../../types/index.ts";
import type { SendRate } from "../../provider.ts";
import { BucketPace } from "../../bucket-pace.ts";

/** Text of one message, in UTF-16 units. */
export const MAX_TEXT_UNITS = 4096;
/** The body above buttons; a list's may be longer, what phones show beside it isn't. */
export const MAX_BODY_UNITS = 1024;
/** Buttons of one message. */
export const MAX_BUTTONS = 3;
/** A button's title, and that of the button that opens a list. */
export const MAX_BUTTON_UNITS = 20;
/** Rows of one list. */
export const MAX_ROWS = 10;
/** A row's title. */
export const MAX_ROW_UNITS = 24;
/** What stands under a row's title. */
export const MAX_DESCRIPTION_UNITS = 72;
/** What a button carries is 256 characters, what a row carries 200: one size for both, so that a choice is the same in either. */
export const MAX_ID_BYTES = 200;
/** `biz_opaque_callback_data`. */
export const MAX_CALLBACK_UNITS = 512;
/** How long after a person's last message anything but a template may be sent. */
export const WINDOW_MS = 24 * 3_600_000;

/** Messages a second that a number may send; a number that is in use with the app as well gets 20, large ones 1,000. */
export const DEFAULT_PER_SECOND = 80;
const MAX_PEOPLE = 10_000;
const MAX_PAIR_PAUSE_S = 3_600;
// 45 at once, then one in six seconds: a bit less of both, since what leaves apart may arrive closer.
const PAIR_CAPACITY = 44;
const PAIR_PER_SECOND = 0.163;
/** What a number may send at once, and how fast after it, of what it may send in a second; both and what arrives closer are no more. */
const BURST_SHARE = 0.025;
const STEADY_SHARE = 0.9525;

/** The paces that all processes share which send for one number. */
export function whatsappRates(person: string, perSecond: number): readonly SendRate[] {
  return [
    { name: "number", rate: numberRate(perSecond) },
    { name: `pair:${person}`, rate: { capacity: PAIR_CAPACITY, perSecond: PAIR_PER_SECOND } },
  ];
}

function numberRate(perSecond: number): { readonly capacity: number; readonly perSecond: number } {
  const capacity = Math.max(1, Math.floor(perSecond * BURST_SHARE));
  return { capacity, perSecond: Math.min(perSecond * STEADY_SHARE, Math.max(0.5, perSecond - capacity)) };
}

/** WhatsApp's pace as one process knows it, with the pauses that the platform's refusals ask for: 4, 16, 64 … seconds for a pair. */
export class WhatsAppPace {
  readonly #pace: BucketPace;
  /** How often in a row a person's pair was refused. */
  readonly #refusals = new Map<string, number>();

  constructor(perSecond: number) {
    this.#pace = new BucketPace((person) => whatsappRates(person, perSecond));
  }

  /** When the next send to a person may begin; `nowMs` means now. */
  readyAtMs(person: string, nowMs: number): number {
    return this.#pace.readyAtMs(person, nowMs);
  }

  /** Waits for the turn of a send and counts it; gives back when to come again where that is long. */
  awaitTurn(
    person: string,
    options: { readonly world: Pick<World, "nowMs" | "schedule">; readonly signal: AbortSignal },
  ): Promise<number | undefined> {
    return this.#pace.awaitTurn(person, options);
  }

  /** Notes a message that the platform took. */
  sent(person: string): void {
    this.#refusals.delete(person);
  }

  /** Holds a pair back after another refusal. @returns until when */
  refusePair(person: string, nowMs: number): number {
    const times = (this.#refusals.get(person) ?? 0) + 1;
    const untilMs = nowMs + Math.min(4 ** times, MAX_PAIR_PAUSE_S) * 1000;
    if (this.#refusals.size >= MAX_PEOPLE) this.#refusals.clear();
    this.#refusals.set(person, times);
    this.#pace.pause(`pair:${person}`, untilMs, nowMs);
    return untilMs;
  }

  /** Holds the whole number back. */
  pause(untilMs: number, nowMs: number): void {
    this.#pace.pause("number", untilMs, nowMs);
  }
}
