import type { ChannelAddress, Provider } from "./provider.ts";

/** What a channel of events has; nothing leaves by one. */
type EventParts = Pick<Provider, "type" | "dedupeTtlMs" | "receive" | "timer" | "maxBodyBytes">;

/** Makes a channel by which events come, each a conversation of its own. */
export function createEventProvider(address: ChannelAddress, parts: EventParts): Provider {
  return { ...parts, address, delivery: { kind: "none" }, isOneOff: true, project: () => [] };
}
