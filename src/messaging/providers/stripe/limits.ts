/** How far a signature's time may be off, before or after. */
export const MAX_SKEW_MS = 300_000;
/** Signatures of one request that are looked at: one for each secret while one is rotated, and some more. */
export const MAX_SIGNATURES = 16;
/** Stripe tries for three days by itself, and sends again for up to thirty when asked. */
export const DEDUPE_TTL_MS = 31 * 24 * 3_600_000;
