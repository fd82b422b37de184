import type { SchemaObject } from "ajv";
import { adminSchema } from "./admin-config.ts";
import { CHANNEL_TYPES } from "./channel-types.ts";
import { llmModelSchema } from "./llm-config.ts";
import { operatorServerSchema } from "./mcp-server.ts";
import { policySchema, quotaSchema, residencySchema, retentionSchema } from "./policy-schema.ts";
import { oauthSchema } from "./oauth-providers.ts";

const text = { type: "string", minLength: 1 } as const;
const texts = { type: "array", items: text } as const;
const day = { type: "string", pattern: "^\\d{4}-\\d{2}-\\d{2}$" } as const;
const object = (properties: Record<string, SchemaObject>, extra: SchemaObject = {}): SchemaObject => ({
  type: "object",
  additionalProperties: false,
  properties,
  ...extra,
});

/** Letters and digits alone: services differ in what else they allow. */
const cloudPrefix = { type: "string", pattern: "^[a-z0-9]{1,32}$" } as const;

/** The shape of greentic.toml. */
export const configSchema: SchemaObject = object({
  env: text,
  tenant: text,
  team: text,
  data_dir: text,
  store: { enum: ["sqlite", "memory", "redis", "postgres", "libsql", "dynamodb"] },
  roles: { type: "array", minItems: 1, uniqueItems: true, items: { enum: ["gateway", "worker", "egress"] } },
  redis: object({ url: text, durability: { enum: ["strict", "relaxed"] } }),
  postgres: object({
    url: text,
    durability: { enum: ["strict", "relaxed"] },
    connections: { type: "integer", minimum: 1, maximum: 64 },
    ca_file: text,
    cert_file: text,
    key_file: text,
  }),
  libsql: object({ url: text, token: text, sdk_dir: text }),
  dynamodb: object({
    table: { type: "string", pattern: "^[a-zA-Z0-9_.-]{3,255}$" },
    region: text,
    endpoint: text,
    create: { type: "boolean" },
    sdk_dir: text,
  }),
  nats: object({ url: text, credentials: text, ca_file: text, cert_file: text, key_file: text }),
  journal: { enum: ["off", "turns", "replay"] },
  unknown_sends: { enum: ["at-least-once", "at-most-once"] },
  pinned_packs: { enum: ["finish", "migrate", "stop"] },
  component_processes: { type: "integer", minimum: 0, maximum: 64 },
  server: object({
    host: text,
    port: { type: "integer", minimum: 0, maximum: 65535 },
    public_base_url: { type: "string", pattern: "^https://[^\\s/?#@]+(?:/[^\\s?#]*)?$" },
    token_key_file: text,
    tokens_per_minute: { type: "integer", minimum: 1 },
    requests_per_second: { type: "integer", minimum: 0 },
    tenant_requests_per_second: { type: "integer", minimum: 0 },
    trusted_proxies: texts,
    token_ttl_seconds: { type: "integer", minimum: 60, maximum: 604_800 },
    root_direct_line: { type: "boolean" },
  }),
  log: object({ level: { enum: ["debug", "info", "warn", "error", "silent"] }, format: { enum: ["pretty", "json"] } }),
  security: object({
    trusted_publishers: {
      type: "array",
      items: {
        oneOf: [
          text,
          object({ key: text, names: texts, publisher: text, not_before: day, not_after: day }, { required: ["key"] }),
        ],
      },
    },
    revoked: { type: "array", items: { type: "string", pattern: "^[0-9a-f]{64}$" } },
    threshold: { type: "integer", minimum: 1, maximum: 16 },
    reject_unsigned: { type: "boolean" },
    require_provenance: { type: "boolean" },
    trust_file: text,
    trust_root: text,
  }),
  network: object({ private_addresses: texts }),
  policy: policySchema,
  quota: quotaSchema,
  residency: residencySchema,
  retention: retentionSchema,
  attachments: object({
    max_bytes: { type: "integer", minimum: 1, maximum: 104857600 },
    types: { type: "array", items: { type: "string", pattern: "^[a-z0-9.+-]+/[a-z0-9.+-]*\\*?$" } },
  }),
  secrets: object({
    mounted_dir: text,
    sdk_dir: text,
    key_file: text,
    keep_versions: { type: "integer", minimum: 1, maximum: 100 },
    cache_seconds: { type: "integer", minimum: 0, maximum: 3600 },
    aws: object({ region: text, endpoint: { type: "string", pattern: "^https?://" }, prefix: cloudPrefix }),
    azure: object(
      { url: { type: "string", pattern: "^https://[^\\s/?#@]+/?$" }, prefix: cloudPrefix },
      { required: ["url"] },
    ),
    google: object(
      { project: { type: "string", pattern: "^[a-z0-9:.-]{1,64}$" }, prefix: cloudPrefix },
      { required: ["project"] },
    ),
    vault: object(
      {
        url: { type: "string", pattern: "^https?://[^\\s/?#@]+(?:/[^\\s?#]*)?$" },
        mount: { type: "string", pattern: "^[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*$" },
        prefix: { type: "string", pattern: "^[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*$" },
        namespace: text,
        auth: { enum: ["token", "approle", "kubernetes"] },
        auth_mount: { type: "string", pattern: "^[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*$" },
        role: text,
        token_file: text,
        role_id_file: text,
        secret_id_file: text,
        jwt_file: text,
      },
      { required: ["url"] },
    ),
  }),
  audit: object({
    enabled: { type: "boolean" },
    dir: text,
    keep_days: { type: "integer", minimum: 1, maximum: 36500 },
  }),
  registry: object({
    plain_http: texts,
    offline: { type: "boolean" },
    scopes: {
      type: "object",
      additionalProperties: object(
        {
          names: { type: "array", minItems: 1, items: { type: "string", pattern: "^[a-z0-9*-]{1,64}$" } },
          registries: { type: "array", minItems: 1, items: { type: "string", pattern: "^oci://" } },
        },
        { required: ["names", "registries"] },
      ),
    },
  }),
  telemetry: object({
    otlp_endpoint: text,
    service_name: text,
    sample_ratio: { type: "number", minimum: 0, maximum: 1 },
  }),
  llm: {
    type: "object",
    propertyNames: { pattern: "^[A-Za-z0-9][\\w.-]{0,63}$" },
    additionalProperties: llmModelSchema,
  },
  admin: adminSchema,
  oauth: oauthSchema,
  mcp: object({
    serve: { type: "boolean" },
    servers: {
      type: "object",
      propertyNames: { pattern: "^[A-Za-z0-9][\\w.-]{0,127}$" },
      additionalProperties: operatorServerSchema,
    },
  }),
});

const provider = object({
  pack: text,
  type: { enum: CHANNEL_TYPES },
  setup_flow: text,
  verify_flow: text,
  tenant: text,
  team: text,
  enabled: { type: "boolean" },
  config: { type: "object" },
  http: {
    type: "array",
    items: { type: "string", pattern: "^https?://(?:\\*\\.)?[a-z0-9.-]+(?::\\d{1,5})?$" },
  },
  secrets: { type: "array", items: { type: "string", pattern: "^[A-Za-z0-9_.-]{1,128}$" } },
});

const app = object(
  {
    pack: text,
    default_flow: text,
    tenant: text,
    team: text,
    pinned: { enum: ["finish", "migrate", "stop"] },
    pages: { enum: ["sandbox", "trusted"] },
  },
  { required: ["pack"] },
);
/** Domains below which public bundles group their providers: `providers.messaging.telegram`. */
export const PROVIDER_DOMAINS = ["messaging", "events", "state", "secrets", "oauth", "deployer", "telemetry"] as const;
const providerOrGroup: SchemaObject = {
  type: "object",
  if: { type: "object", minProperties: 1, additionalProperties: { type: "object" } },
  // oxlint-disable-next-line unicorn/no-thenable -- JSON Schema's own word
  then: { type: "object", additionalProperties: provider },
  else: provider,
};
const listedApp = object(
  { name: text, ...(app["properties"] as Record<string, SchemaObject>) },
  { required: ["pack"] },
);

const service = { type: "object", additionalProperties: true } as const;
const natsService = { ...service, properties: { enabled: { type: "boolean" }, url: text } } as const;

/** The shape of greentic.demo.yaml, the documents' forms and the published one. */
export const bundleSchema: SchemaObject = object({
  tenant: text,
  team: text,
  env: text,
  services: object({ nats: natsService, gateway: service, egress: service, subscriptions: service, events: service }),
  providers: {
    type: "object",
    properties: Object.fromEntries(PROVIDER_DOMAINS.map((domain) => [domain, providerOrGroup])),
    additionalProperties: provider,
  },
  apps: {
    if: { type: "array" },
    // oxlint-disable-next-line unicorn/no-thenable -- JSON Schema's own word
    then: { type: "array", items: listedApp },
    else: { type: "object", additionalProperties: app },
  },
  /** What the public tools write beside it; nothing here goes by it. */
  version: text,
  project_root: text,
  bundle_name: text,
  access: {
    type: "object",
    propertyNames: { pattern: "^[a-z0-9][a-z0-9-]{0,62}(?:/[a-z0-9][a-z0-9-]{0,62})?$" },
    additionalProperties: text,
  },
  worker: object({
    title: text,
    description: text,
    suggestions: texts,
    accent: { type: "string", pattern: "^#[0-9a-fA-F]{6}$" },
    locales: texts,
  }),
});
