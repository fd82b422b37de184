import type { BucketRate } from "../token-bucket.ts";
import { TokenBucket, TokenBuckets } from "../token-bucket.ts";

/** Text of one message, in UTF-16 units. */
export const MAX_TEXT_UNITS = 4096;
/** What a button carries, in bytes. */
export const MAX_CALLBACK_BYTES = 64;
/** Buttons of one message. */
export const MAX_BUTTONS = 100;
/** A button's title: no published limit; what phones show, with room. */
export const MAX_TITLE_UNITS = 64;

const PER_BOT: BucketRate = { capacity: 30, perMs: 30 / 1000 };
// One a second: Telegram forgives short bursts, but doesn't say how long.
const PER_CHAT: BucketRate = { capacity: 1, perMs: 1 / 1000 };
const PER_GROUP: BucketRate = { capacity: 20, perMs: 20 / 60_000 };

/** Telegram's pace: 30 a second for the bot, one a second for a chat, 20 a minute for a group. */
export class TelegramPace {
  readonly #bot: TokenBucket;
  readonly #chats = new TokenBuckets(PER_CHAT);
  readonly #groups = new TokenBuckets(PER_GROUP);

  constructor(nowMs: number) {
    this.#bot = new TokenBucket(PER_BOT, nowMs);
  }

  /** When the next send to a chat may begin; `nowMs` means now. */
  readyAtMs(chat: string, nowMs: number): number {
    const ready = Math.max(this.#bot.readyAtMs(nowMs), this.#chats.of(chat, nowMs).readyAtMs(nowMs));
    return isGroup(chat) ? Math.max(ready, this.#groups.of(chat, nowMs).readyAtMs(nowMs)) : ready;
  }

  /** Counts a send. */
  take(chat: string, nowMs: number): void {
    this.#bot.take(nowMs);
    this.#chats.of(chat, nowMs).take(nowMs);
    if (isGroup(chat)) this.#groups.of(chat, nowMs).take(nowMs);
  }

  /** Holds a chat back as Telegram asked. */
  pause(chat: string, untilMs: number, nowMs: number): void {
    this.#chats.of(chat, nowMs).pauseUntil(untilMs, nowMs);
  }
}

// Groups and channels have negative ids.
const isGroup = (chat: string): boolean => chat.startsWith("-");
