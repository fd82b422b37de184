import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadConfig, parseRoles, storeNamed } from "../config/index.ts";
import type { Bundle, Config } from "../config/index.ts";
import { createGateway, createTurnFeed, serveRuntimeApi } from "../gateway/index.ts";
import { combineObservers, createLogger, createLogObserver, logSafe, sessionPseudonym } from "../telemetry/index.ts";
import type { GatewayOptions } from "../gateway/index.ts";
import { GreenticError, isGreenticError, quote } from "../types/index.ts";
import { mountAdmin } from "./admin/admin-mount.ts";
import type { BundleSettings } from "./bundle-settings.ts";
import { hasFlag, textOption } from "./command.ts";
import type { CommandInput, CommandIo } from "./command.ts";
import type { Host } from "./host.ts";
import { openHost } from "./host.ts";
import { hostKey } from "./host-keys.ts";
import { McpMount } from "./mcp-mount.ts";
import { CallFeed } from "./mcp-offering.ts";
import { redactorOf } from "./known-secrets.ts";
import { oauthRoutes } from "./open-oauth.ts";
import { openOtlp } from "./open-otlp.ts";
import { tenantSettings } from "./tenant-settings.ts";

const PAGE_DIR = fileURLToPath(new URL("../../web/dist/", import.meta.url));
/** Stopping takes ten seconds at most: turns and sends have most of them, connections and the bus the rest. */
const DRAIN_MS = 6_500;
const CLOSE_MS = 1_000;
/** How often a bundle's files and the shelf are looked at: a new pack runs within this and the time to verify it. */
const WATCH_MS = 1_000;

/** The options of commands that serve a host over HTTP. */
export const SERVE_OPTIONS = [
  { flags: "--port <port>", summary: "port to listen on; 0 takes any (default 8080)" },
  { flags: "--host <host>", summary: "address to listen on (default 127.0.0.1)" },
  { flags: "--data <dir>", summary: "data directory (default .greentic)" },
  { flags: "--env <env>", summary: "environment (default dev)" },
  {
    flags: "--store <store>",
    summary: "sqlite, redis, postgres, libsql, dynamodb, or memory where nothing may survive",
  },
  { flags: "--admin <address>", summary: "where the admin API listens, such as 127.0.0.1:8081 (default nowhere)" },
  { flags: "--config <file>", summary: "another greentic.toml" },
  { flags: "--verbose", summary: "log every turn" },
] as const;

/** The option that lets a process do a part of a host's work. */
export const ROLE_OPTION = {
  flags: "--role <roles>",
  summary: "gateway, worker, egress, with commas between them (default all)",
} as const;

/** What a host is made of. */
export interface ServeSettings {
  readonly config: Config;
  readonly bundle: Bundle | undefined;
  /** Reads the bundle again while the host runs; without it, what was read at the start stays. */
  readonly reopenBundle?: (() => Promise<Bundle>) | undefined;
  readonly isDevOk?: boolean;
  readonly isStrict?: boolean;
  readonly isAccessOpen?: boolean;
}

/** Reads the options of a serving command over a bundle. @throws CLI_USAGE_INVALID, CONFIG_… */
export function serveSettings(
  { bundle, configFile }: BundleSettings,
  input: CommandInput,
  io: CommandIo,
): ServeSettings {
  const port = textOption(input, "port");
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) < 65_536))
    throw new GreenticError("CLI_USAGE_INVALID", `Start: expected a port from 0 to 65535, got ${quote(port)}`);
  const store = readOption(input, "store", storeNamed);
  const roles = readOption(input, "role", parseRoles);
  const config = loadConfig({
    cwd: io.cwd,
    environment: io.environment,
    flags: {
      config: configFile,
      env: textOption(input, "env") ?? (io.environment["GREENTIC_ENV"] ? undefined : bundle?.env),
      tenant: bundle?.tenant,
      host: textOption(input, "host"),
      port: port === undefined ? undefined : Number(port),
      data: textOption(input, "data"),
      admin: textOption(input, "admin"),
      store,
      roles,
      bundleNats: bundle?.natsUrl,
      logLevel: hasFlag(input, "verbose") ? "debug" : undefined,
    },
  });
  return { config, bundle };
}

function readOption<T>(input: CommandInput, name: string, read: (text: string) => T): T | undefined {
  const text = textOption(input, name);
  if (text === undefined) return undefined;
  try {
    return read(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new GreenticError("CLI_USAGE_INVALID", `Start: --${name}: ${error.message}`);
  }
}

/** What happens around serving. */
export interface ServeHooks {
  /** Before anything runs: packs may still be loaded. */
  readonly prepare?: (host: Host) => Promise<void>;
  /** Once requests are answered. */
  readonly ready?: (url: string) => void;
}

/** Serves a host until the command is told to stop, then drains it. */
export async function serveHost(
  { config, bundle, reopenBundle, isDevOk = false, isStrict = false, isAccessOpen = false }: ServeSettings,
  io: CommandIo,
  hooks: ServeHooks = {},
): Promise<number> {
  const redactor = redactorOf(config);
  const log = createLogger({ ...config.log, stream: io.stderr, redactor });
  const otlp = await openOtlp(config, redactor);
  const turns = createTurnFeed();
  const isGateway = config.roles.includes("gateway");
  const feed = config.mcpServe && isGateway ? new CallFeed() : undefined;
  const observe = combineObservers([createLogObserver(log), turns.observe, feed?.observe, otlp?.observe]);
  const lost = Promise.withResolvers<GreenticError>();
  await using host = await openHost({
    config,
    ...(bundle && { bundle }),
    ...(reopenBundle && { reopenBundle }),
    isDevOk,
    isStrict,
    isAccessOpen,
    environment: io.environment,
    ...(observe && { observe }),
    warn: (message) => log.warn(message),
    tell: (message) => log.info(message),
    log: (ctx, level, message) => {
      feed?.log(ctx, level, message);
      log[level]({ trace_id: ctx.traceId, tenant: ctx.tenant, flow_id: ctx.flow, node_id: ctx.node }, logSafe(message));
    },
    onError: (error, key) => {
      log.error({ err: error, ...(key !== undefined && { session_id: sessionPseudonym(key) }) }, "runtime error");
      if (isGreenticError(error, "STORE_DISK_FAILED")) lost.resolve(error);
    },
  });
  const { runtime, world, tenants } = host;
  otlp?.watchBus(host.bus);
  otlp?.watch({ stats: () => runtime.store.stats(), nowMs: () => world.nowMs() });
  if (!runtime.store.isDurable) log.warn("the memory store keeps nothing: every conversation ends with this process");
  const shared = config.redis ?? config.postgres;
  if (shared?.durability === "relaxed") {
    log.warn(
      `${config.store}.durability is "relaxed": a crash of the server may lose messages that were acknowledged and turns that had run`,
    );
  }
  await hooks.prepare?.(host);
  const mcp =
    feed &&
    new McpMount({
      host,
      config,
      bundle,
      feed,
      onError: (error) => log.debug({ err: error }, "mcp"),
    });
  const { secrets, audit } = host;
  const report: NonNullable<GatewayOptions["report"]> = (told) =>
    told.kind === "failed"
      ? log.error({ route: told.route, err: told.error }, "request failed")
      : log.debug({ route: told.route, reason: told.reason }, "request refused");
  const gateway = createGateway({
    runtime,
    env: config.env,
    world,
    defaultTenant: config.tenant,
    tokenKey: hostKey(config, "webchat.key"),
    tenant: (tenant) => (tenants.has(tenant) ? tenantSettings(tenant, { bundle, config, secrets }) : undefined),
    tokenTtlSeconds: config.tokenTtlSeconds,
    hasRootDirectLine: config.hasRootDirectLine,
    turns,
    refused: () => host.packs.refused.map(({ name, error: { code } }) => ({ pack: name, code })),
    takesIn: isGateway,
    trustedProxies: config.trustedProxies,
    limits: {
      tokensPerMinute: config.tokensPerMinute,
      requestsPerSecond: config.requestsPerSecond,
      tenantRequestsPerSecond: config.tenantRequestsPerSecond,
    },
    isReady: () => host.isReady(),
    status: () => host.status(),
    ...(host.oauth && {
      oauth: oauthRoutes(host.oauth, {
        config,
        environment: io.environment,
        isTenant: (tenant) => tenants.has(tenant),
        continueFlow: (end) => runtime.acceptConsent(end),
        report,
      }),
    }),
    ...(mcp && { mcp: (request, tenant) => mcp.fetch(request, tenant) }),
    ...(existsSync(PAGE_DIR) && { pageDir: PAGE_DIR }),
    // A page elsewhere that resolves its name to this machine gets nothing.
    ...(isLoopback(config.host) && { hosts: ["localhost", "127.0.0.1", "[::1]"] }),
    report,
  });
  runtime.start();
  host.trust.start();
  const { url, close } = await gateway.listen({ host: config.host, port: config.port });
  if (isLoopback(config.host)) host.oauth?.servedAt(url);
  io.stderr.write(`ready ${url}\n`);
  if (config.roles.includes("worker")) host.warm();
  const unwatch =
    reopenBundle &&
    host.packs.watch({
      intervalMs: WATCH_MS,
      onError: (error) => log.error({ err: error }, "the bundle can't be read; packs stay as they were"),
    });
  const unfollow = host.policy.watch({
    intervalMs: WATCH_MS,
    onError: (error) => log.error({ err: error }, "policy can't be read; it stays as it was"),
  });
  const admin =
    config.admin &&
    (await mountAdmin(config.admin, {
      config,
      host,
      gateway,
      bundle: () => host.bundle(),
      environment: io.environment,
      audit,
      report: (report) =>
        report.kind === "failed"
          ? log.error({ route: report.route, err: report.error }, "admin request failed")
          : log.info({ reason: report.reason }, "admin request refused"),
      warn: (message) => log.warn(message),
    }));
  if (admin !== undefined) io.stderr.write(`admin ${admin.url}\n`);
  hooks.ready?.(url);
  const lambda = io.environment["AWS_LAMBDA_RUNTIME_API"];
  const invocations =
    lambda &&
    serveRuntimeApi({
      api: lambda,
      url,
      signal: io.signal,
      isIdle: async () => {
        const { unread, queued } = await runtime.store.stats();
        return unread === 0 && queued === 0;
      },
      onError: (error) => log.error({ err: error }, "invocation failed"),
    });
  const stopped = new Promise<undefined>((stop) =>
    io.signal.aborted ? stop(undefined) : io.signal.addEventListener("abort", () => stop(undefined), { once: true }),
  );
  const failure = await Promise.race([stopped, lost.promise]);
  unwatch?.();
  unfollow();
  await admin?.close();
  if (failure !== undefined) {
    // Nothing can be finished without a disk; whoever starts the host again finds all that was acknowledged.
    await close({ timeoutMs: 0 });
    throw failure;
  }
  io.stderr.write("draining\n");
  await invocations;
  // Intake ends first, so that everything acknowledged is in the inbox before the workers finish.
  gateway.startDraining();
  await mcp?.close();
  await runtime.drain(DRAIN_MS);
  await close({ timeoutMs: CLOSE_MS });
  await otlp?.shutdown();
  return 0;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}
