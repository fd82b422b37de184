export type { ChannelAddress, Delivery, Provider, Received, ReceivedMessage, WebhookRequest } from "./provider.ts";
