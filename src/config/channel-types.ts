/** The platforms that have a built-in channel: what a bundle may name as a provider's `type`. */
export const CHANNEL_TYPES = [
  "webchat",
  "telegram",
  "slack",
  "webhook-out",
  "whatsapp",
  "teams",
  "email",
  "webex",
  "webhook-in",
  "github",
  "stripe",
  "timer",
] as const;

/** A platform with a built-in channel. */
export type ChannelType = (typeof CHANNEL_TYPES)[number];
