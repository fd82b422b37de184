export type {
  AccessView,
  AdminHost,
  AdminOAuth,
  AdminPacks,
  AdminRevocations,
  AdminSecrets,
  AuditFilter,
  AuditRow,
  ConfigRow,
  OAuthProviderView,
  PolicyView,
  RegisteredPack,
  Revocation,
  SecretName,
  SecretView,
} from "./admin-host.ts";
export type { Admin } from "./app.ts";
export { createAdmin } from "./app.ts";
export { LOOPBACK_HOSTS } from "./guards.ts";
export type { ListenTls, Listening } from "./listen.ts";
export { isLoopback } from "./listen.ts";
export type { AdminOptions, AdminReport, ClaimGrant, ClientGrant, OidcOptions } from "./options.ts";
export type { Grant, Role } from "./roles.ts";
export { ROLES } from "./roles.ts";
export type { AdminTokensOptions, TokenRecord } from "./tokens/admin-tokens.ts";
export { AdminTokens, isLiving } from "./tokens/admin-tokens.ts";
