export type { Bundle, BundleApp, BundleProvider, BundleWorker } from "./bundle.ts";
export { parseBundle, readBundle } from "./bundle.ts";
export { checkDocument } from "./check-document.ts";
export type { Config, ConfigOrigin, SecurityConfig, TrustedPublisher } from "./config.ts";
export { bundleSchema, configSchema } from "./config-schema.ts";
export type { ConfigFlags, Environment } from "./load-config.ts";
export { loadConfig, processEnvironment } from "./load-config.ts";
export type { SourceDocument, SourceRules } from "./source-document.ts";
export { readJson, readToml, readYaml } from "./source-document.ts";
