import { hash, timingSafeEqual } from "node:crypto";
import type { Config, Environment } from "../config/index.ts";
import type { GatewayOptions } from "../gateway/index.ts";
import { createOAuthRoutes } from "../gateway/index.ts";
import { parseHttpRewrites } from "../http/index.ts";
import type { ConsentEnd } from "../oauth/index.ts";
import { BrokerKeys, OAUTH_CATEGORY, OAuthBroker } from "../oauth/index.ts";
import { readAs } from "../secrets/index.ts";
import type { AuditLog } from "../telemetry/index.ts";
import type { SessionStore } from "../session/index.ts";
import type { TenantId, World } from "../types/index.ts";
import { DEFAULT_TEAM, tenantId } from "../types/index.ts";
import { hostKey } from "./host-keys.ts";
import { redactorOf } from "./known-secrets.ts";
import { localSecrets } from "./local-secrets.ts";
import { watchSecrets } from "./open-audit.ts";
import { secretReader } from "./secret-stores.ts";

/** The secret that programs of a tenant prove themselves with, as `Bearer TENANT.SECRET`. */
const BROKER_TOKEN = "broker_token";
const MIN_TOKEN = 24;

/** A host's OAuth broker. */
export interface HostOAuth {
  readonly broker: OAuthBroker;
  readonly keys: BrokerKeys;
  /** Tells where browsers reach this host, where the configuration doesn't. */
  servedAt(url: string): void;
  readonly baseUrl: () => string | undefined;
}

/** Opens the broker of a host, which notes its acts in the host's own log; undefined where no provider is declared. */
export function openOAuth(options: {
  readonly config: Config;
  readonly environment: Environment;
  readonly world: World;
  readonly store: SessionStore;
  readonly audit: AuditLog;
}): HostOAuth | undefined {
  const { config, environment, world, store, audit } = options;
  if (config.oauth.providers.length === 0) return undefined;
  let served: string | undefined;
  const baseUrl = (): string | undefined => config.publicBaseUrl ?? served;
  const keys = new BrokerKeys(hostKey(config, "oauth.key"));
  const redactor = redactorOf(config);
  const broker = new OAuthBroker({
    env: config.env,
    world,
    config: config.oauth,
    store,
    secrets: readAs(watchSecrets(secretReader(config, environment), audit), "oauth"),
    grants: localSecrets(config),
    keys,
    baseUrl,
    http: {
      privateAddresses: config.network.privateAddresses,
      rewrites: parseHttpRewrites(config.network.rewrite ?? "", config.env),
    },
    note: (entry) => audit.note(entry),
    know: (token) => redactor.add(token),
  });
  return { broker, keys, baseUrl, servedAt: (url) => void (served = url) };
}

/** Makes the broker's routes of a host. */
export function oauthRoutes(
  { broker, keys, baseUrl }: HostOAuth,
  options: {
    readonly config: Config;
    readonly environment: Environment;
    readonly isTenant: (tenant: TenantId) => boolean;
    readonly continueFlow: (end: ConsentEnd) => Promise<void>;
    readonly report: GatewayOptions["report"];
  },
): NonNullable<GatewayOptions["oauth"]> {
  const { config, environment, isTenant, continueFlow, report } = options;
  const secrets = secretReader(config, environment);
  return createOAuthRoutes({
    env: config.env,
    broker,
    baseUrl,
    jwks: () => keys.jwks(),
    continueFlow,
    report,
    authorize: async (request) => {
      const [, name = "", given = ""] =
        /^Bearer ([a-z0-9][a-z0-9-]{0,62})\.([\w.~+/-]{1,512}=*)$/i.exec(request.header("authorization") ?? "") ?? [];
      if (name === "" || !isTenant(tenantId(name))) return undefined;
      const scope = { env: config.env, tenant: tenantId(name) };
      const ctx = { ...scope, team: DEFAULT_TEAM, traceId: "", correlationId: "oauth", attempt: 1, locale: "en" };
      const kept = await secrets.get(ctx, OAUTH_CATEGORY, BROKER_TOKEN);
      // One that is short enough to be guessed opens nothing.
      if (kept === undefined || kept.length < MIN_TOKEN) return undefined;
      const isSame = timingSafeEqual(hash("sha256", kept, "buffer"), hash("sha256", given, "buffer"));
      return isSame ? scope : undefined;
    },
  });
}
