import { createAdmin, isLoopback, LOOPBACK_HOSTS } from "../../admin/index.ts";
import type {
  AdminTokens,
  Admin,
  AdminHost,
  AdminReport,
  Listening,
  OidcOptions,
  PolicyView,
} from "../../admin/index.ts";
import type { AdminConfig, AdminOidcConfig, Bundle, Config, Environment, PolicyRule } from "../../config/index.ts";
import type { Gateway } from "../../gateway/index.ts";
import { sendHttp } from "../../http/index.ts";
import type { AuditLog } from "../../telemetry/index.ts";
import { GreenticError, parseJson, quote } from "../../types/index.ts";
import { safeConfigRows } from "../config-rows.ts";
import { erasePeople } from "../erase-people.ts";
import type { Host } from "../host.ts";
import { reloadTrust } from "../trust.ts";
import { VERSION } from "../version.ts";
import { createAdminOAuth } from "./admin-oauth.ts";
import { createAdminPacks } from "./admin-packs.ts";
import { createAdminSecrets } from "./admin-secrets.ts";
import { auditPage } from "./audit-page.ts";
import { openHostTokens } from "./host-tokens.ts";
import { readRevocations } from "./revocations.ts";

const OIDC_TIMEOUT_MS = 5_000;
const OIDC_MAX_BYTES = 1 << 20;

export interface AdminMountOptions {
  readonly config: Config;
  readonly host: Host;
  readonly gateway: Pick<Gateway, "startDraining" | "stopDraining" | "isDraining">;
  readonly bundle: () => Bundle | undefined;
  readonly environment: Environment;
  readonly audit: AuditLog;
  readonly report: (report: AdminReport) => void;
  readonly warn: (message: string) => void;
}

/** Serves the admin API of a host as its configuration says. @throws ADMIN_LISTEN_UNSAFE, ADMIN_ADDRESS_UNAVAILABLE */
export async function mountAdmin(settings: AdminConfig, options: AdminMountOptions): Promise<Listening> {
  const { config, host, warn } = options;
  const tokens = await openHostTokens(config, host);
  await checkListen(settings, { config, tokens });
  if (!(await hasCredentials(settings, tokens)))
    warn("the admin API lets nobody in yet: gtc admin token create makes a token");
  const { host: address, port, tls } = settings;
  return createHostAdmin(settings, { ...options, tokens }).listen({ host: address, port, ...(tls && { tls }) });
}

/** Makes the admin API of a host, without a server. */
export function createHostAdmin(
  settings: AdminConfig,
  options: AdminMountOptions & { readonly tokens: AdminTokens },
): Admin {
  const { config, report, audit, tokens } = options;
  return createAdmin({
    host: adminHost(options),
    audit,
    tokens,
    ...(settings.oidc && { oidc: oidcOptions(settings.oidc, config) }),
    clients: settings.tls?.clients ?? [],
    hosts: [...(isLoopback(settings.host) ? LOOPBACK_HOSTS : []), ...settings.hosts],
    origins: settings.origins,
    trustedProxies: config.trustedProxies,
    limits: { requestsPerSecond: settings.requestsPerSecond },
    report,
  });
}

/** Who opens a door to others needs a lock on it: TLS, somebody who may come in, and names. @throws ADMIN_LISTEN_UNSAFE */
async function checkListen(
  settings: AdminConfig,
  { config, tokens }: { readonly config: Config; readonly tokens: AdminTokens },
): Promise<void> {
  const { host, tls, hosts, listen } = settings;
  const unsafe = (what: string): GreenticError =>
    new GreenticError("ADMIN_LISTEN_UNSAFE", `Serve the admin API on ${quote(listen)}: ${what}`);
  if (!config.audit.isEnabled) throw unsafe("expected the audit log, got audit.enabled = false");
  if (isLoopback(host)) return;
  if (tls === undefined) throw unsafe("expected [admin.tls] for others than this machine, got none");
  if (hosts.length === 0) throw unsafe("expected admin.hosts, the names that others know it by, got none");
  if (!(await hasCredentials(settings, tokens)))
    throw unsafe("expected a token, [admin.oidc] or admin.tls.clients, got nobody who may come in");
}

async function hasCredentials({ oidc, tls }: AdminConfig, tokens: AdminTokens): Promise<boolean> {
  return (oidc?.grants.length ?? 0) > 0 || (tls?.clients.length ?? 0) > 0 || (await tokens.hasLiving());
}

function adminHost({ config, host, gateway, bundle, environment, audit }: AdminMountOptions): AdminHost {
  const { runtime, world, blobs, trust, revocations } = host;
  const secrets = createAdminSecrets(config, environment);
  return {
    env: config.env,
    version: VERSION,
    store: runtime.store,
    world,
    tenants: () => [...host.tenants].sort(),
    status: () => host.status(),
    isReady: () => host.isReady(),
    config: () => safeConfigRows(config),
    packs: createAdminPacks(host, {
      config,
      readTrust: () => reloadTrust(config, { environment, nowMs: world.nowMs() }),
    }),
    secrets,
    oauth: createAdminOAuth(host.oauth, { env: config.env, secrets }),
    revocations: {
      list: () => readRevocations(config),
      async add(revocation) {
        const isNew = await revocations.add({ ...revocation, at: new Date(world.nowMs()).toISOString() });
        // What it serves ends before the answer, also where an earlier request was cut off here.
        await trust.check();
        return isNew;
      },
      async remove(revocation) {
        const wasThere = await revocations.remove(revocation);
        if (wasThere) await trust.check();
        return wasThere;
      },
    },
    access: (tenant) =>
      (bundle()?.access ?? [])
        .filter((scope) => scope.tenant === tenant)
        .map(({ team, otherwise, map }) => ({
          ...(team !== undefined && { team }),
          otherwise,
          rules: map.rules.map(({ path, policy }) => ({ path, policy })),
        })),
    policies: () => policiesOf(host.policy.rules),
    reloadPolicy: () => host.policy.reload(),
    stored: (tenant) => host.policy.quotas.stored({ env: config.env, tenant }),
    erase: (whose) => erasePeople(whose, { actor: "host", audit, store: runtime.store, blobs }),
    drain: {
      isDraining: () => gateway.isDraining(),
      start: () => gateway.startDraining(),
      stop: () => gateway.stopDraining(),
    },
    readAudit: (filter) => auditPage(config.audit.dir, filter),
  };
}

/** Without the paths of files, which are the operator's. */
function policiesOf(rules: readonly PolicyRule[]): readonly PolicyView[] {
  return rules.map(({ id, effect, at, when, message, tenant, place }) => ({
    id,
    effect,
    at,
    when,
    ...(message !== undefined && { message }),
    ...(tenant !== undefined && { tenant }),
    line: place.line,
  }));
}

function oidcOptions({ issuer, audience, jwksUrl, grants }: AdminOidcConfig, { network }: Config): OidcOptions {
  return {
    issuer,
    audience,
    ...(jwksUrl !== undefined && { jwksUrl }),
    grants,
    async fetchJson(url) {
      const { status, body } = await sendHttp(
        {
          method: "GET",
          url,
          headers: [["accept", "application/json"]],
          // The operator names the issuer, which names where its keys are.
          origins: [new URL(url).origin],
          followRedirects: false,
          timeoutMs: OIDC_TIMEOUT_MS,
        },
        { privateAddresses: [...network.privateAddresses, "0.0.0.0/0", "::/0"] },
      );
      if (status !== 200) throw new GreenticError("ADMIN_UNAUTHENTICATED", `Ask issuer: status ${status}`);
      return parseJson(body, { maxBytes: OIDC_MAX_BYTES });
    },
  };
}
