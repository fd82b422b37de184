export type { ChatAnswer, ChatMessage, ChatTool, ChatToolCall } from "./chat.ts";
export type { ModelAttempt } from "./models.ts";
export { Models } from "./models.ts";
