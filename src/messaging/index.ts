export type { CardAction, DegradedCard } from "./cards/card-to-text.ts";
export { cardToText } from "./cards/card-to-text.ts";
export { ADAPTIVE_CARD_TYPE, cardsOf, isCard } from "./cards/find-card.ts";
export { messageToText } from "./cards/message-to-text.ts";
export { applyChoice, CHOICE_TOKEN_KEY, choiceToken, findChoice, longChoices } from "./choice.ts";
export { createMcpProvider } from "./mcp/provider.ts";
export type { McpCall } from "./mcp/receive.ts";
export { mcpCallOf, receiveMcp } from "./mcp/receive.ts";
export type {
  ChannelAddress,
  Delivery,
  Provider,
  Received,
  ReceivedMessage,
  SendRate,
  WebhookRequest,
} from "./provider.ts";
export { shortenText, splitText } from "./split-text.ts";
export { localeIn, submittedFields } from "./submitted-fields.ts";
export type { BotApiResult, SendHttp } from "./telegram/bot-api.ts";
export { checkTelegramSend } from "./telegram/project.ts";
export type { TelegramOptions } from "./telegram/provider.ts";
export { createTelegramProvider, registerTelegramWebhook } from "./telegram/provider.ts";
export type { BucketRate } from "./token-bucket.ts";
export { TokenBucket, TokenBuckets } from "./token-bucket.ts";
export type { PostedActivity } from "./webchat/activity.ts";
export { activityFromLog, activityId, parseActivity } from "./webchat/activity.ts";
export type { WebChatOptions } from "./webchat/provider.ts";
export { createWebChatProvider } from "./webchat/provider.ts";
export type { Speaker } from "./webchat/receive.ts";
export { receiveActivity } from "./webchat/receive.ts";
export type { WebhookOptions } from "./webhook/provider.ts";
export { createConsoleProvider, createWebhookProvider } from "./webhook/provider.ts";
export { receiveConsole } from "./webhook/receive-webhook.ts";
export type { WebhookSecrets } from "./webhook/standard-webhooks.ts";
export { isOneOf } from "./webhook/standard-webhooks.ts";
