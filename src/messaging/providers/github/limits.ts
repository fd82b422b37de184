/** A delivery; GitHub sends up to 25 MB and leaves out what is larger, but hardly an event has more than this. */
export const MAX_BODY_BYTES = 5 << 20;
/** Failed deliveries can be sent again for three days, under the same name. */
export const DEDUPE_TTL_MS = 7 * 24 * 3_600_000;
