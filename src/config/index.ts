export type { AdminConfig, AdminGrantConfig, AdminOidcConfig, AdminTlsConfig } from "./admin-config.ts";
export type { Bundle, BundleApp, BundleProvider, BundleWorker } from "./bundle.ts";
export { parseBundle, readBundle, readBundleFiles } from "./bundle.ts";
export type { AccessDecision, AccessMap, AccessPolicy, AccessRule, AccessScope, AccessTarget } from "./access-map.ts";
export { decideAccess, parseAccessMap, rankOf, ruleFor } from "./access-map.ts";
export type { BundleFiles } from "./bundle-files.ts";
export { directoryFiles, imageFiles } from "./bundle-files.ts";
export { builtInType, packNameOf } from "./bundle-packs.ts";
export type { ChannelType } from "./channel-types.ts";
export { CHANNEL_TYPES } from "./channel-types.ts";
export { LOCK_FILE } from "./bundle-lock.ts";
export { MANIFEST_FILE } from "./public-bundle.ts";
export { checkDocument } from "./check-document.ts";
export type { Config, ConfigOrigin, SecurityConfig, TrustedPublisher } from "./config.ts";
export { bundleSchema, configSchema } from "./config-schema.ts";
export type { DeployFile } from "./deploy-file.ts";
export { DEPLOY_NAME, readDeployFile } from "./deploy-file.ts";
export type { ConfigFlags, Environment } from "./load-config.ts";
export { loadConfig, processEnvironment } from "./load-config.ts";
export type { LlmModelConfig } from "./llm-config.ts";
export type { LockedNpmPackage } from "./npm-lock.ts";
export { readNpmLock } from "./npm-lock.ts";
export type { BundlePolicy } from "./bundle-policy.ts";
export { policyFilesOf, readBundlePolicy } from "./bundle-policy.ts";
export type { NetworkList, OpaConfig, PolicyConfig, PolicyRule, ResidencyConfig } from "./policy-config.ts";
export { NO_POLICY } from "./policy-config.ts";
export type { PolicyPoint } from "./policy-points.ts";
export { POLICY_POINTS } from "./policy-points.ts";
export type { QuotaConfig, TenantQuota } from "./quota-config.ts";
export type { RetentionConfig } from "./retention-config.ts";
export { isNamed, keepTimesOf, NO_RETENTION } from "./retention-config.ts";
export type { RegistryScope } from "./registry.ts";
export type { VaultConfig } from "./secrets-config.ts";
export type { SourceDocument, SourceRules } from "./source-document.ts";
export { readJson, readToml, readYaml } from "./source-document.ts";
export type {
  DynamoConfig,
  LibsqlConfig,
  NatsConfig,
  PostgresConfig,
  RedisConfig,
  RoleName,
  ServicesConfig,
  StoreName,
} from "./services.ts";
export type { GrantAuth, HttpMcpServer, McpAuth, OperatorMcpServer, StdioMcpServer } from "./mcp-server.ts";
export { endpointAuthSchema, httpServerSchema, readEndpointAuth, readHttpServer } from "./mcp-server.ts";
export type { OAuthConfig, OAuthEndpoints, OAuthPreset, OAuthProviderConfig } from "./oauth-providers.ts";
export { parseRoles, storeNamed, withoutLogin } from "./services.ts";
