export type { CardAction, DegradedCard } from "./cards/card-to-text.ts";
export { cardToText } from "./cards/card-to-text.ts";
export { ADAPTIVE_CARD_TYPE, cardsOf, isCard } from "./cards/find-card.ts";
export { messageToText } from "./cards/message-to-text.ts";
export { applyChoice, CHOICE_TOKEN_KEY, choiceToken, findChoice, findNumbered, longChoices } from "./choice.ts";
export { checkSettings, isNeeded, providerOf, PROVIDERS } from "./providers/catalog.ts";
export type { ChannelQuestion, ChannelSecret, ProviderEntry, ProviderParts, SendHttp } from "./providers/entry.ts";
export { createMcpProvider } from "./providers/mcp/provider.ts";
export type { McpCall } from "./providers/mcp/receive.ts";
export { mcpCallOf, receiveMcp } from "./providers/mcp/receive.ts";
export type {
  ChannelAddress,
  Delivery,
  DoubtfulSend,
  HookAnswer,
  Provider,
  ReadBack,
  Receipt,
  Received,
  ReceivedMessage,
  SendRate,
  WebhookRequest,
} from "./provider.ts";
export { shortenText, splitText } from "./split-text.ts";
export { localeIn, submittedFields } from "./submitted-fields.ts";
export type { BotApiResult } from "./providers/telegram/bot-api.ts";
export { checkTelegramSend } from "./providers/telegram/project.ts";
export type { TelegramOptions } from "./providers/telegram/provider.ts";
export { createTelegramProvider, registerTelegramWebhook } from "./providers/telegram/provider.ts";
export type { BucketRate } from "./token-bucket.ts";
export { TokenBucket, TokenBuckets } from "./token-bucket.ts";
export type { PostedActivity } from "./providers/webchat/activity.ts";
export { activityFromLog, activityId, parseActivity } from "./providers/webchat/activity.ts";
export type { WebChatOptions } from "./providers/webchat/provider.ts";
export { createWebChatProvider } from "./providers/webchat/provider.ts";
export type { Speaker } from "./providers/webchat/receive.ts";
export { receiveActivity } from "./providers/webchat/receive.ts";
export type { WebhookOptions } from "./providers/webhook/provider.ts";
export { createConsoleProvider, createWebhookProvider } from "./providers/webhook/provider.ts";
export { receiveConsole } from "./providers/webhook/receive-webhook.ts";
export type { WebhookSecrets } from "./providers/webhook/standard-webhooks.ts";
export { isOneOf } from "./providers/webhook/standard-webhooks.ts";
