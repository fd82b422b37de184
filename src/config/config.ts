import type { EnvId, TeamId, TenantId } from "../types/index.ts";
import type { AuditConfig } from "./audit-config.ts";
import type { LlmModelConfig } from "./llm-config.ts";
import type { AdminConfig } from "./admin-config.ts";
import type { OperatorMcpServer } from "./mcp-server.ts";
import type { PolicyConfig, ResidencyConfig } from "./policy-config.ts";
import type { QuotaConfig } from "./quota-config.ts";
import type { OAuthConfig } from "./oauth-providers.ts";
import type { RegistryConfig } from "./registry.ts";
import type { RetentionConfig } from "./retention-config.ts";
import type { SecretsConfig } from "./secrets-config.ts";
import type { ServicesConfig } from "./services.ts";

/** Where a value came from: weakest first. */
export type ConfigOrigin = "default" | "greentic.toml" | "environment" | "flag";

/** A publisher whose signatures are believed. */
export interface TrustedPublisher {
  /** Absolute path of an SPKI PEM file. */
  readonly keyFile: string;
  /** Pack names it may sign, `*` matching any run of characters; empty means any. */
  readonly names: readonly string[];
  /** Whose key it is; keys of one publisher count once towards the threshold. */
  readonly publisher?: string;
  /** First day (UTC) of its trust, `YYYY-MM-DD`. */
  readonly notBefore?: string;
  /** Last day (UTC) of its trust, `YYYY-MM-DD`. */
  readonly notAfter?: string;
}

/** Whose packs are loaded. */
export interface SecurityConfig {
  readonly trustedPublishers: readonly TrustedPublisher[];
  /** Key ids (hex) that are believed no more. */
  readonly revoked: readonly string[];
  /** How many trusted publishers must have signed a pack. */
  readonly threshold: number;
  readonly rejectUnsigned: boolean;
  /** Whether packs must say, by a trusted publisher, how they were built. */
  readonly requireProvenance: boolean;
  /** A signed list of publishers and revoked keys, and the public key that it must be signed with; absolute paths. */
  readonly trustFile?: { readonly file: string; readonly root: string };
}

/** Everything the host is configured with, from flags, `GREENTIC_*`, greentic.toml and defaults, in that order. */
export interface Config extends ServicesConfig {
  readonly env: EnvId;
  readonly tenant: TenantId;
  readonly team: TeamId;
  readonly host: string;
  readonly port: number;
  /** Where platforms reach this host, `https://…` without a slash at its end; absent where nobody said. */
  readonly publicBaseUrl?: string;
  /** Absolute. */
  readonly dataDir: string;
  readonly log: { readonly level: "debug" | "info" | "warn" | "error" | "silent"; readonly format: "pretty" | "json" };
  readonly security: SecurityConfig;
  /** What happens to a send of class C whose fate is unknown. */
  readonly unknownSends: "at-least-once" | "at-most-once";
  /** What becomes of flows that wait on a version of a pack that isn't the current one any more. */
  readonly pinnedPacks: "finish" | "migrate" | "stop";
  /** How much of each turn the store keeps for operators: nothing, what ran, or all that a replay takes, texts included. */
  readonly journal: "off" | "turns" | "replay";
  readonly network: {
    /** `https://from=http://to,…` as GREENTIC_HTTP_REWRITE gives it; the http layer reads it. */
    readonly rewrite?: string;
    /** Addresses or CIDR ranges that are reachable though they are private. */
    readonly privateAddresses: readonly string[];
  };
  readonly policy: PolicyConfig;
  readonly quota: QuotaConfig;
  readonly residency: ResidencyConfig;
  readonly retention: RetentionConfig;
  /** What files are taken in; the messaging layer's own where nothing is set. */
  readonly attachments: { readonly maxBytes?: number; readonly types?: readonly string[] };
  /** New WebChat conversations that one address may open a minute; behind a proxy that is everybody's. */
  readonly tokensPerMinute: number;
  /** Intake requests of one address, and of one tenant, a second; 0 for no bound. */
  readonly requestsPerSecond: number;
  readonly tenantRequestsPerSecond: number;
  /** Addresses and CIDR ranges of proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  /** How long a WebChat token lives unless it is renewed. */
  readonly tokenTtlSeconds: number;
  /** Whether the configured tenant's Direct Line stands at the root too, for clients that know no other place. */
  readonly hasRootDirectLine: boolean;
  readonly registry: RegistryConfig;
  readonly secrets: SecretsConfig;
  readonly audit: AuditConfig;
  readonly telemetry: {
    readonly otlpEndpoint?: string;
    readonly otlpHeaders: Readonly<Record<string, string>>;
    readonly serviceName: string;
    /** The share of traces that is exported, 0 to 1. */
    readonly sampleRatio: number;
  };
  /** Whether `gtc start` lets programs with a token call tenants' flows at `/v1/mcp/{tenant}`. */
  readonly mcpServe: boolean;
  /** MCP servers that the operator offers to packs. */
  readonly mcpServers: readonly OperatorMcpServer[];
  /** Language models that the operator lends to packs. */
  readonly llmModels: readonly LlmModelConfig[];
  readonly admin?: AdminConfig;
  /** OAuth providers that tenants' flows and components may use, by the operator's word. */
  readonly oauth: OAuthConfig;
  /** Component-host processes; 0 means one less than there are cores, at least 1. */
  readonly componentProcesses: number;
  /** The file that was read, if any. */
  readonly file?: string;
  /** Dotted key → where its value came from. */
  readonly origins: Readonly<Record<string, ConfigOrigin>>;
}
