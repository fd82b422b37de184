export { isOwnMachine, networkOf } from "./admission.ts";
export { clientAddress } from "./client-address.ts";
export type { GatewayAnswer, GatewayRequest } from "./exchange.ts";
export type { Gateway } from "./gateway.ts";
export { createGateway } from "./gateway.ts";
export type { RuntimeApiOptions } from "./lambda/runtime-api.ts";
export { serveRuntimeApi } from "./lambda/runtime-api.ts";
export { bindServer } from "./bind-server.ts";
export type { Listening } from "./listen.ts";
export type {
  GatewayLimits,
  GatewayOptions,
  GatewayReport,
  GatewayTenant,
  PageSettings,
  WebChatSettings,
} from "./options.ts";
export { answerClientErrors, limitAddresses } from "./server-guard.ts";
export type { OAuthRoutes } from "./oauth-routes.ts";
export { createOAuthRoutes } from "./oauth-routes.ts";
export { STREAM_CLOSE } from "./sockets.ts";
export type { TurnFeed } from "./turn-feed.ts";
export { createTurnFeed } from "./turn-feed.ts";
