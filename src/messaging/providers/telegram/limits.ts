import type { TokenRate } from "../../../session/index.ts";
import { IdleMap } from "../../../types/index.ts";
import type { SendRate } from "../../provider.ts";
import type { WindowRate } from "../../sliding-window.ts";
import { SlidingWindow } from "../../sliding-window.ts";

/** Text of one message, in UTF-16 units. */
export const MAX_TEXT_UNITS = 4096;
/** What a button carries, in bytes. */
export const MAX_CALLBACK_BYTES = 64;
/** Buttons of one message. */
export const MAX_BUTTONS = 100;
/** A button's title: no published limit; what phones show, with room. */
export const MAX_TITLE_UNITS = 64;

// 30 a second, one a second, 20 a minute. What leaves apart may arrive closer, by what one way through the network takes longer than
// another: counting a bit longer than Telegram does keeps it from ever seeing more.
const PER_BOT: WindowRate = { count: 30, windowMs: 1_030 };
const PER_CHAT: WindowRate = { count: 1, windowMs: 1_030 };
const PER_GROUP: WindowRate = { count: 20, windowMs: 60_100 };
/** At 30 sends a second no more than 1,800 chats can be busy. */
const MAX_CHATS = 10_000;
// Tokens that are there at once and those that come within a window add up to no more than Telegram allows in it: what a group may get
// at once it would lack for the rest of each minute.
const BOT_RATE: TokenRate = { capacity: 1, perSecond: 29.3 };
const CHAT_RATE: TokenRate = { capacity: 1, perSecond: 0.97 };
const GROUP_RATE: TokenRate = { capacity: 1, perSecond: 19.2 / 60 };

interface ChatPace {
  readonly chat: SlidingWindow;
  /** Groups only. */
  readonly group: SlidingWindow | undefined;
  pausedUntilMs: number;
}

/** Tells whether a chat's pace is as a new one would be. */
function isIdle({ chat, group, pausedUntilMs }: ChatPace, nowMs: number): boolean {
  return chat.isIdle(nowMs) && (group?.isIdle(nowMs) ?? true) && pausedUntilMs <= nowMs;
}

/** The paces that all processes share which send for one bot. */
export function telegramRates(chat: string): readonly SendRate[] {
  return [
    { name: "bot", rate: BOT_RATE },
    ...(isGroup(chat) ? [{ name: `group:${chat}`, rate: GROUP_RATE }] : []),
    { name: `chat:${chat}`, rate: CHAT_RATE },
  ];
}

/** Groups and channels have negative ids. */
const isGroup = (chat: string): boolean => chat.startsWith("-");

/** Telegram's pace as one process knows it: 30 a second for the bot, one a second for a chat, 20 a minute for a group, and the pauses that it asks for. */
export class TelegramPace {
  readonly #bot = new SlidingWindow(PER_BOT);
  readonly #chats = new IdleMap<string, ChatPace>(isIdle, MAX_CHATS);

  /** When the next send to a chat may begin; `nowMs` means now. */
  readyAtMs(chat: string, nowMs: number): number {
    const ready = this.#bot.readyAtMs(nowMs);
    const pace = this.#chats.get(chat);
    if (pace === undefined) return ready;
    return Math.max(ready, pace.chat.readyAtMs(nowMs), pace.group?.readyAtMs(nowMs) ?? 0, pace.pausedUntilMs);
  }

  /** Counts a send. */
  add(chat: string, nowMs: number): void {
    this.#bot.add(nowMs);
    const pace = this.#paceOf(chat, nowMs);
    pace.chat.add(nowMs);
    pace.group?.add(nowMs);
  }

  /** Holds a chat back as Telegram asked. */
  pause(chat: string, untilMs: number, nowMs: number): void {
    const pace = this.#paceOf(chat, nowMs);
    pace.pausedUntilMs = Math.max(pace.pausedUntilMs, untilMs);
  }

  #paceOf(chat: string, nowMs: number): ChatPace {
    const known = this.#chats.get(chat);
    if (known !== undefined) return known;
    const group = isGroup(chat) ? new SlidingWindow(PER_GROUP) : undefined;
    const pace: ChatPace = { chat: new SlidingWindow(PER_CHAT), group, pausedUntilMs: 0 };
    this.#chats.set(chat, pace, nowMs);
    return pace;
  }
}
