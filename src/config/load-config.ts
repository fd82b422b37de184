import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { envId, GreenticError, quote, teamId, tenantId } from "../types/index.ts";
import type { JsonObject, JsonValue } from "../types/index.ts";
import { readAuditConfig } from "./audit-config.ts";
import { readAdminConfig } from "./admin-config.ts";
import { checkDocument } from "./check-document.ts";
import { configSchema } from "./config-schema.ts";
import type { Config, ConfigOrigin, SecurityConfig } from "./config.ts";
import { readLlmModels } from "./llm-config.ts";
import { readOperatorServer } from "./mcp-server.ts";
import { readPolicyConfig, readResidency } from "./policy-config.ts";
import { readQuota } from "./quota-config.ts";
import { readOAuthConfig } from "./oauth-providers.ts";
import { readRegistryUser, readScopes } from "./registry.ts";
import { readRetention } from "./retention-config.ts";
import { readSecretsConfig } from "./secrets-config.ts";
import type { RoleName, StoreName } from "./services.ts";
import { readServices } from "./services.ts";
import { readToml } from "./source-document.ts";
import type { SourceDocument } from "./source-document.ts";

/** The environment variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Values given on the command line; they win over everything else. */
export interface ConfigFlags {
  readonly config?: string | undefined;
  readonly env?: string | undefined;
  readonly tenant?: string | undefined;
  readonly team?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly data?: string | undefined;
  /** Where the admin API listens. */
  readonly admin?: string | undefined;
  readonly publicBaseUrl?: string | undefined;
  readonly store?: StoreName | undefined;
  readonly roles?: readonly RoleName[] | undefined;
  /** What a bundle says; weaker than everything else. */
  readonly bundleNats?: string | undefined;
  readonly logLevel?: Config["log"]["level"] | undefined;
}

/** Returns this process's environment; the only place that reads it. */
export function processEnvironment(): Environment {
  return process.env;
}

const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

/**
 * Loads the configuration: flag > `GREENTIC_*` > greentic.toml > default.
 * @throws CONFIG_FILE_MISSING, CONFIG_SYNTAX_INVALID, CONFIG_KEY_UNKNOWN, CONFIG_VALUE_INVALID, CONFIG_ENV_INVALID
 */
export function loadConfig(options: {
  readonly cwd: string;
  readonly environment: Environment;
  readonly flags?: ConfigFlags;
}): Config {
  const { cwd, environment, flags = {} } = options;
  const document = readConfigFile(cwd, flags.config ?? environment["GREENTIC_CONFIG"]);
  const root = (document?.value ?? {}) as JsonObject;
  const base = document ? dirname(resolve(document.file)) : cwd;
  const origins: Record<string, ConfigOrigin> = {};

  const pick = <T>(
    key: string,
    read: {
      flag?: T | undefined;
      variable?: string;
      fromText?: (text: string) => T;
      file?: JsonValue | undefined;
      fallback: T;
    },
  ): T => {
    if (read.flag !== undefined) return ((origins[key] = "flag"), read.flag);
    const text = read.variable === undefined ? undefined : environment[read.variable];
    if (text !== undefined && text !== "" && read.variable !== undefined) {
      origins[key] = "environment";
      try {
        return read.fromText ? read.fromText(text) : (text as T);
      } catch (error) {
        throw new GreenticError(
          "CONFIG_ENV_INVALID",
          `Read ${read.variable}: ${error instanceof Error ? error.message : "invalid"}`,
          { cause: error },
        );
      }
    }
    if (read.file !== undefined) return ((origins[key] = "greentic.toml"), read.file as T);
    origins[key] = "default";
    return read.fallback;
  };
  const table = (name: string): JsonObject => (root[name] ?? {}) as JsonObject;
  const path = (
    key: string,
    read: { flag?: string | undefined; variable: string; file?: JsonValue | undefined; fallback: string },
  ): string => {
    const value = pick(key, read);
    return resolve(origins[key] === "greentic.toml" ? base : cwd, value);
  };

  const env = envId(pick("env", { flag: flags.env, variable: "GREENTIC_ENV", file: root["env"], fallback: "dev" }));
  const rewrite = pick<string | undefined>("network.rewrite", {
    variable: "GREENTIC_HTTP_REWRITE",
    fallback: undefined,
  });
  const host = pick("server.host", {
    flag: flags.host,
    variable: "GREENTIC_HOST",
    file: table("server")["host"],
    fallback: "127.0.0.1",
  });
  const publicBaseUrl = pick<string | undefined>("server.public_base_url", {
    flag: flags.publicBaseUrl,
    variable: "GREENTIC_PUBLIC_BASE_URL",
    fromText: parseBaseUrl,
    file: table("server")["public_base_url"],
    fallback: undefined,
  });
  const endpoint = pick<string | undefined>("telemetry.otlp_endpoint", {
    variable: "OTEL_EXPORTER_OTLP_ENDPOINT",
    file: table("telemetry")["otlp_endpoint"],
    fallback: undefined,
  });
  const tenant = tenantId(
    pick("tenant", { flag: flags.tenant, variable: "GREENTIC_TENANT", file: root["tenant"], fallback: "demo" }),
  );
  const dataDir = path("data_dir", {
    flag: flags.data,
    variable: "GREENTIC_DATA_DIR",
    file: root["data_dir"],
    fallback: ".greentic",
  });
  const keyFile = pick<string | undefined>("secrets.key_file", {
    variable: "GREENTIC_SECRETS_KEY_FILE",
    fallback: undefined,
  });
  const keyVariable = keyFile === undefined ? undefined : resolve(cwd, keyFile);
  const maxBytes = pick<number | undefined>("attachments.max_bytes", {
    file: table("attachments")["max_bytes"],
    fallback: undefined,
  });
  const types = pick<readonly string[] | undefined>("attachments.types", {
    file: table("attachments")["types"],
    fallback: undefined,
  });
  const admin = readAdminConfig(root, {
    base,
    listen: pick<string | undefined>("admin.listen", {
      flag: flags.admin,
      variable: "GREENTIC_ADMIN_LISTEN",
      file: table("admin")["listen"],
      fallback: undefined,
    }),
  });
  return {
    env,
    tenant,
    team: teamId(
      pick("team", { flag: flags.team, variable: "GREENTIC_TEAM", file: root["team"], fallback: "default" }),
    ),
    host,
    port: pick("server.port", {
      flag: flags.port,
      variable: "GREENTIC_PORT",
      fromText: parsePort,
      file: table("server")["port"],
      fallback: 8080,
    }),
    ...(publicBaseUrl !== undefined && { publicBaseUrl: publicBaseUrl.replace(/\/+$/, "") }),
    dataDir,
    pinnedPacks: pick("pinned_packs", { file: root["pinned_packs"], fallback: "finish" }),
    unknownSends: pick("unknown_sends", { file: root["unknown_sends"], fallback: "at-least-once" }),
    journal: pick("journal", {
      variable: "GREENTIC_JOURNAL",
      fromText: oneOf(["off", "turns", "replay"] as const),
      file: root["journal"],
      fallback: "off",
    }),
    componentProcesses: pick("component_processes", { file: root["component_processes"], fallback: 0 }),
    log: {
      level: pick("log.level", {
        flag: flags.logLevel,
        variable: "GREENTIC_LOG_LEVEL",
        fromText: oneOf(LOG_LEVELS),
        file: table("log")["level"],
        fallback: "info",
      }),
      format: pick("log.format", {
        variable: "GREENTIC_LOG_FORMAT",
        fromText: oneOf(["pretty", "json"] as const),
        file: table("log")["format"],
        fallback: "json",
      }),
    },
    security: readSecurity(table("security"), base, pick),
    secrets: readSecretsConfig(pick<JsonObject>("secrets", { file: root["secrets"], fallback: {} }), base, keyVariable),
    audit: readAuditConfig(pick<JsonObject>("audit", { file: root["audit"], fallback: {} }), { base, dataDir }),
    network: {
      ...(rewrite !== undefined && { rewrite }),
      privateAddresses: pick("network.private_addresses", {
        file: table("network")["private_addresses"],
        fallback: [] as readonly string[],
      }),
    },
    policy: readPolicyConfig(document, table("policy"), base),
    quota: readQuota(pick<JsonObject>("quota", { file: root["quota"], fallback: {} })),
    residency: readResidency(pick<JsonObject>("residency", { file: root["residency"], fallback: {} })),
    retention: readRetention(pick<JsonObject>("retention", { file: root["retention"], fallback: {} })),
    attachments: { ...(maxBytes !== undefined && { maxBytes }), ...(types !== undefined && { types }) },
    tokensPerMinute: pick("server.tokens_per_minute", { file: table("server")["tokens_per_minute"], fallback: 60 }),
    requestsPerSecond: pick("server.requests_per_second", {
      file: table("server")["requests_per_second"],
      fallback: 500,
    }),
    tenantRequestsPerSecond: pick("server.tenant_requests_per_second", {
      file: table("server")["tenant_requests_per_second"],
      fallback: 0,
    }),
    trustedProxies: pick("server.trusted_proxies", {
      file: table("server")["trusted_proxies"],
      fallback: [] as readonly string[],
    }),
    tokenTtlSeconds: pick("server.token_ttl_seconds", {
      variable: "GREENTIC_DIRECTLINE_TOKEN_TTL_SECS",
      fromText: parseTokenTtl,
      file: table("server")["token_ttl_seconds"],
      fallback: 1_800,
    }),
    hasRootDirectLine: pick("server.root_direct_line", {
      variable: "GREENTIC_START_ENABLE_LEGACY_DIRECTLINE",
      fromText: parseSwitch,
      file: table("server")["root_direct_line"],
      fallback: false,
    }),
    registry: {
      plainHttp: pick("registry.plain_http", {
        file: table("registry")["plain_http"],
        fallback: [] as readonly string[],
      }),
      offline: pick("registry.offline", {
        variable: "GREENTIC_OFFLINE",
        fromText: parseSwitch,
        file: table("registry")["offline"],
        fallback: false,
      }),
      scopes: readScopes(pick<JsonObject>("registry.scopes", { file: table("registry")["scopes"], fallback: {} })),
      ...readRegistryUser(environment),
    },
    telemetry: {
      otlpHeaders: parseHeaders(environment["OTEL_EXPORTER_OTLP_HEADERS"] ?? ""),
      serviceName: pick("telemetry.service_name", {
        variable: "OTEL_SERVICE_NAME",
        file: table("telemetry")["service_name"],
        fallback: "greentic",
      }),
      sampleRatio: pick("telemetry.sample_ratio", { file: table("telemetry")["sample_ratio"], fallback: 1 }),
      ...(endpoint !== undefined && { otlpEndpoint: endpoint }),
    },
    mcpServe: pick("mcp.serve", { file: table("mcp")["serve"], fallback: false }),
    mcpServers: Object.entries((table("mcp")["servers"] ?? {}) as JsonObject).map(([name, server]) =>
      readOperatorServer(name, server as JsonObject, { resolve: (file) => resolve(base, file), tenant }),
    ),
    llmModels: readLlmModels(pick<JsonObject>("llm", { file: root["llm"], fallback: {} }), tenant),
    ...(admin && { admin }),
    oauth: readOAuthConfig(pick<JsonObject>("oauth", { file: root["oauth"], fallback: {} })),
    ...readServices({ root, pick, path: (file) => resolve(base, file) }, flags),
    ...(document && { file: document.file }),
    origins,
  };
}

type Pick = <T>(key: string, read: { file?: JsonValue | undefined; fallback: T }) => T;

function readSecurity(table: JsonObject, base: string, pick: Pick): SecurityConfig {
  const publishers = pick("security.trusted_publishers", {
    file: table["trusted_publishers"],
    fallback: [] as readonly JsonValue[],
  });
  const trustFile = readTrustFile(table, base);
  return {
    trustedPublishers: publishers.map((entry) => {
      if (typeof entry === "string") return { keyFile: resolve(base, entry), names: [] };
      const { key, names, publisher, not_before, not_after } = entry as unknown as PublisherTable;
      return {
        keyFile: resolve(base, key),
        names: names ?? [],
        ...(publisher !== undefined && { publisher }),
        ...(not_before !== undefined && { notBefore: not_before }),
        ...(not_after !== undefined && { notAfter: not_after }),
      };
    }),
    revoked: pick("security.revoked", { file: table["revoked"], fallback: [] as readonly string[] }),
    threshold: pick("security.threshold", { file: table["threshold"], fallback: 1 }),
    rejectUnsigned: pick("security.reject_unsigned", { file: table["reject_unsigned"], fallback: true }),
    requireProvenance: pick("security.require_provenance", { file: table["require_provenance"], fallback: false }),
    ...trustFile,
  };
}

interface PublisherTable {
  readonly key: string;
  readonly names?: readonly string[];
  readonly publisher?: string;
  readonly not_before?: string;
  readonly not_after?: string;
}

/** One without the other would be trust in anybody's word, or in nobody's. */
function readTrustFile(
  table: JsonObject,
  base: string,
): { readonly trustFile?: NonNullable<SecurityConfig["trustFile"]> } {
  const { trust_file: file, trust_root: root } = table;
  if (file === undefined && root === undefined) return {};
  if (typeof file !== "string" || typeof root !== "string")
    throw new GreenticError(
      "CONFIG_VALUE_INVALID",
      "Read security.trust_file: expected trust_file and trust_root together",
    );
  return { trustFile: { file: resolve(base, file), root: resolve(base, root) } };
}

function readConfigFile(cwd: string, named: string | undefined): SourceDocument | undefined {
  const file = resolve(cwd, named ?? "greentic.toml");
  if (!existsSync(file)) {
    if (named !== undefined)
      throw new GreenticError("CONFIG_FILE_MISSING", `Read configuration: no file ${quote(named)}`);
    return undefined;
  }
  const document = readToml(readFileSync(file, "utf8"), named ?? join(cwd, "greentic.toml"));
  checkDocument(document, configSchema);
  return document;
}

/** The published host's own bounds. */
function parseTokenTtl(text: string): number {
  if (!/^\d{2,6}$/.test(text) || Number(text) < 60 || Number(text) > 604_800)
    throw new RangeError(`expected seconds from 60 to 604800, got ${quote(text)}`);
  return Number(text);
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535) throw new RangeError(`expected a port from 0 to 65535, got ${quote(text)}`);
  return port;
}

function parseBaseUrl(text: string): string {
  if (!/^https:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/.test(text)) throw new RangeError("expected an https URL");
  return text;
}

function parseSwitch(text: string): boolean {
  if (text === "1" || text === "true") return true;
  if (text === "0" || text === "false") return false;
  throw new RangeError(`expected true or false, got ${quote(text)}`);
}

function oneOf<const T extends string>(values: readonly T[]): (text: string) => T {
  return (text) => {
    const value = values.find((v) => v === text);
    if (value === undefined) throw new RangeError(`expected one of ${values.join(", ")}, got ${quote(text)}`);
    return value;
  };
}

function parseHeaders(text: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const pair of text.split(",")) {
    const split = pair.indexOf("=");
    if (split > 0)
      headers[pair.slice(0, split).trim().toLowerCase()] = decodeURIComponent(pair.slice(split + 1).trim());
  }
  return headers;
}
