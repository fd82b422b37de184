export { isRecord } from "./activity.ts";
export type { Activity, Attachment, CardAction } from "./activity.ts";
export { backoffMs } from "./backoff.ts";
export { Connection } from "./connection.ts";
export type { ConnectionState } from "./connection.ts";
export { Outbox } from "./outbox.ts";
export type { Delivery } from "./outbox.ts";
export { openStorage } from "./saved-conversation.ts";
export type { ConversationStorage } from "./saved-conversation.ts";
