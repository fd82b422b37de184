import type { SendRate } from "../../provider.ts";

/** What one message may weigh, as it is sent; servers that take less say so. */
export const DEFAULT_MEGABYTES = 25;
/** Messages a minute, unless the channel names more. */
export const DEFAULT_PER_MINUTE = 60;
/** Text of one message, in UTF-16 units: with its HTML and its encoding it stays far below what servers take. */
export const MAX_TEXT_UNITS = 500_000;
/** A subject, in UTF-16 units. */
export const MAX_SUBJECT_UNITS = 200;
/** Text that a flow gets of one message, in UTF-16 units. */
export const MAX_READ_UNITS = 256_000;
/** References that go on; RFC 5322 has no limit, header lines have. */
export const MAX_REFERENCES = 20;
/** How long a message's name is remembered, and how old what is fetched may be. */
export const DEDUPE_TTL_MS = 30 * 86_400_000;
/** Messages an hour of one sender, unless the channel names others. */
export const DEFAULT_PER_SENDER = 60;

/** The pace that all processes share which send for one channel: no more than so many in any minute. */
export function emailRates(perMinute: number): readonly SendRate[] {
  // What may leave at once is missing from every minute that follows.
  const capacity = Math.max(1, Math.floor(perMinute / 30));
  return [{ name: "account", rate: { capacity, perSecond: Math.max(0.5, perMinute - capacity) / 60 } }];
}
