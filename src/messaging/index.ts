export type { CardAction, DegradedCard } from "./cards/card-to-text.ts";
export { cardToText } from "./cards/card-to-text.ts";
export { ADAPTIVE_CARD_TYPE, cardsOf, isCard } from "./cards/find-card.ts";
export { messageToText } from "./cards/message-to-text.ts";
export { applyChoice, CHOICE_TOKEN_KEY, choiceToken, findChoice, findNumbered, longChoices } from "./choice.ts";
export type { FindingCode, NoteFinding, ProjectionFinding } from "./findings.ts";
export { isDataUrl, readDataUrl } from "./files/data-url.ts";
export type { FileKeeperOptions, FileRoom, IncomingFile } from "./files/keep-files.ts";
export { FileKeeper, refusedFile } from "./files/keep-files.ts";
export type { FileRules } from "./files/rules.ts";
export { safeFileName } from "./files/file-name.ts";
export { sniff, SNIFF_BYTES } from "./files/sniff.ts";
export { DEFAULT_FILE_RULES } from "./files/rules.ts";
export { checkSettings, isAnswer, isNeeded, providerOf, PROVIDERS } from "./providers/catalog.ts";
export type {
  ChannelQuestion,
  ChannelSecret,
  KeepFile,
  OpenHttp,
  ProviderEntry,
  ProviderParts,
  SendHttp,
} from "./providers/entry.ts";
export type { ProviderSetup, SetupParts, SetupStep } from "./providers/setup.ts";
export { PUBLIC_BASE_URL } from "./providers/setup.ts";
export { createMcpProvider } from "./providers/mcp/provider.ts";
export type { McpCall } from "./providers/mcp/receive.ts";
export { mcpCallOf, receiveMcp } from "./providers/mcp/receive.ts";
export type { CallPack, PackAnswer, PackCall, PackParts, PackRequest, PackRequestEnd } from "./providers/pack/calls.ts";
export type { AppliedAnswers, PackOperator, SetupMode, WebhookSetup } from "./providers/pack/operator.ts";
export { createPackOperator } from "./providers/pack/operator.ts";
export type { PackProviderOptions } from "./providers/pack/provider.ts";
export { createPackProvider } from "./providers/pack/provider.ts";
export type { HostVerification, VerifyRule } from "./providers/pack/verify.ts";
export { PLATFORM_RULES, readVerifyRule } from "./providers/pack/verify.ts";
export { unansweredOf } from "./providers/reach.ts";
export type {
  ChannelAddress,
  Completed,
  Delivery,
  DoubtfulSend,
  FetchedFile,
  FileRequest,
  HookAnswer,
  OpenFile,
  OutgoingFile,
  Provider,
  ProviderTimer,
  ReadBack,
  Receipt,
  Received,
  ReceivedEvent,
  ReceivedMessage,
  ReceivedNotice,
  SendRate,
  TypingSign,
  WebhookRequest,
} from "./provider.ts";
export { pause } from "./pause.ts";
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
export { readWebChatConfig } from "./providers/webchat/settings.ts";
export type { Speaker } from "./providers/webchat/receive.ts";
export { receiveActivity } from "./providers/webchat/receive.ts";
export type { WebhookOptions } from "./providers/webhook/provider.ts";
export { createConsoleProvider, createWebhookProvider } from "./providers/webhook/provider.ts";
export { receiveConsole } from "./providers/webhook/receive-webhook.ts";
export type { WebhookSecrets } from "./providers/webhook/standard-webhooks.ts";
export { isOneOf } from "./providers/webhook/standard-webhooks.ts";
