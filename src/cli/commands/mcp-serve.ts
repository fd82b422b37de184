import { loadConfig } from "../../config/index.ts";
import type { Config } from "../../config/index.ts";
import type { McpServing } from "../../mcp/index.ts";
import { listenMcp, openMcpServing } from "../../mcp/index.ts";
import { combineObservers, createLogger, createLogObserver, logSafe, sessionPseudonym } from "../../telemetry/index.ts";
import { GreenticError, quote } from "../../types/index.ts";
import type { TeamId } from "../../types/index.ts";
import { bundleSettings, withoutPolling } from "../bundle-settings.ts";
import type { BundleSettings } from "../bundle-settings.ts";
import { defineCommand, hasFlag, listOption, textOption, timeoutOption } from "../command.ts";
import type { CommandInput, CommandIo } from "../command.ts";
import { commandSecrets } from "../command-secrets.ts";
import { MCP_CHANNEL, openHost, teamOf } from "../host.ts";
import { mcpKey, mcpTokens } from "../mcp-access.ts";
import { CallFeed, createOffering } from "../mcp-offering.ts";
import { redactorOf } from "../known-secrets.ts";
import { openOtlp } from "../open-otlp.ts";
import { VERSION } from "../version.ts";

const DRAIN_MS = 9_000;
const WATCH_MS = 1_000;
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

export default defineCommand({
  summary: "Offer a tenant's flows as MCP tools",
  arguments: [
    { name: "bundle", summary: "directory with greentic.demo.yaml, or that file (default: here)", optional: true },
  ],
  options: [
    { flags: "--tenant <tenant>", summary: "whose flows (default: the bundle's tenant)" },
    { flags: "--team <team>", summary: "which team's (default: the bundle's)" },
    { flags: "--stdio", summary: "serve the program that started this one (default)" },
    { flags: "--http", summary: "serve over streamable HTTP at /mcp" },
    { flags: "--port <port>", summary: "port to listen on; 0 takes any", default: "8090" },
    {
      flags: "--host <host>",
      summary: "address to listen on; other than 127.0.0.1 asks callers for a token",
      default: "127.0.0.1",
    },
    {
      flags: "--allow-origin <name>",
      summary: "host name of pages that may call; may be given many times",
      repeat: true,
    },
    { flags: "--flow <id>", summary: "offer this flow only; may be given many times", repeat: true },
    { flags: "--locale <tag>", summary: "the language that flows speak" },
    { flags: "--timeout <ms>", summary: "how long a turn may take", default: "300000" },
    { flags: "--env <env>", summary: "environment (default dev)" },
    { flags: "--data <dir>", summary: "data directory (default .greentic)" },
    { flags: "--config <file>", summary: "another greentic.toml" },
    { flags: "--verbose", summary: "log every turn to stderr" },
  ],
  examples: ["gtc mcp serve examples/weather-demo", "gtc mcp serve --tenant acme --http --port 8090"],
  async run(input, io) {
    const settings = await bundleSettings(input, io);
    const { bundle } = settings;
    const config = configOf(input, io, settings);
    const { tenant } = config;
    const way = wayOf(input);
    const team = textOption(input, "team") === undefined ? teamOf(bundle, tenant) : config.team;
    const tokens = way.kind === "http" ? await tokensOf(config, { io, team }) : [];
    if (way.kind === "http") checkToken(tokens, way);
    // Standard output is the protocol's: whatever else there is to say goes to stderr.
    const redactor = redactorOf(config);
    const log = createLogger({ ...config.log, stream: io.stderr, redactor });
    const feed = new CallFeed();
    const otlp = await openOtlp(config, redactor);
    const observe = combineObservers([createLogObserver(log), feed.observe, otlp?.observe]);
    await using host = await openHost({
      config,
      team,
      ...(bundle && { bundle: withoutPolling(bundle) }),
      ...(settings.reopenBundle && { reopenBundle: settings.reopenBundle }),
      environment: io.environment,
      ...(observe && { observe }),
      warn: (message) => log.warn(message),
      log: (ctx, level, message) => {
        feed.log(ctx, level, message);
        log[level]({ tenant: ctx.tenant, flow_id: ctx.flow, node_id: ctx.node }, logSafe(message));
      },
      onError: (error, key) =>
        log.error({ err: error, ...(key !== undefined && { session_id: sessionPseudonym(key) }) }, "runtime error"),
    });
    const { runtime, world } = host;
    const scope = { env: config.env, tenant, team };
    const provider = runtime.channel(scope, MCP_CHANNEL);
    if (provider === undefined)
      throw new GreenticError(
        "CLI_USAGE_INVALID",
        `Serve MCP: tenant ${quote(tenant)} has no packs here for team ${quote(team)}`,
      );
    const offering = createOffering({
      runtime,
      provider,
      scope,
      feed,
      title: bundle?.worker.title ?? tenant,
      flows: listOption(input, "flow"),
      locale: textOption(input, "locale"),
      timeoutMs: timeoutOption(input),
    });
    if (offering.list().length === 0)
      log.warn(`no flow of ${tenant} is offered: give those that shall be an \`offer\` in their .ygtc file`);
    runtime.start();
    host.trust.start();
    // Clients are told of packs that come and go; a pack that can't be loaded leaves the one before.
    const unwatch = host.packs.watch({
      intervalMs: WATCH_MS,
      onError: (error) => log.error({ err: error }, "packs stay as they were"),
    });
    const unfollow = host.policy.watch({
      intervalMs: WATCH_MS,
      onError: (error) => log.error({ err: error }, "policy stays as it was"),
    });
    const serving = await openMcpServing({
      offering,
      world,
      version: VERSION,
      key: mcpKey(config, tenant),
      onError: (error) => log.debug({ err: error }, "mcp"),
    });
    const served = await open(serving, way, { io, tokens });
    await Promise.race([served.closed, aborted(io.signal)]);
    unwatch();
    unfollow();
    await served.close();
    await runtime.drain(DRAIN_MS);
    await otlp?.shutdown();
    return 0;
  },
});

type Way =
  | { readonly kind: "stdio" }
  | { readonly kind: "http"; readonly host: string; readonly port: number; readonly origins: readonly string[] };

async function tokensOf(
  config: Config,
  { io, team }: { readonly io: CommandIo; readonly team: TeamId },
): Promise<readonly string[]> {
  await using kept = commandSecrets(config, io.environment);
  const { env, tenant } = config;
  return await mcpTokens(kept.secrets, { env, tenant, team });
}

function wayOf(input: CommandInput): Way {
  if (!hasFlag(input, "http")) return { kind: "stdio" };
  if (hasFlag(input, "stdio"))
    throw new GreenticError("CLI_USAGE_INVALID", "Serve MCP: choose one of --stdio and --http");
  const port = String(input.options["port"]);
  if (!(/^\d{1,5}$/.test(port) && Number(port) < 65_536))
    throw new GreenticError("CLI_USAGE_INVALID", `Serve MCP: expected a port from 0 to 65535, got ${quote(port)}`);
  return {
    kind: "http",
    host: String(input.options["host"]),
    port: Number(port),
    origins: listOption(input, "allowOrigin"),
  };
}

function configOf(input: CommandInput, io: CommandIo, { bundle, configFile }: BundleSettings): Config {
  return loadConfig({
    cwd: io.cwd,
    environment: io.environment,
    flags: {
      config: configFile,
      env: textOption(input, "env") ?? (io.environment["GREENTIC_ENV"] ? undefined : bundle?.env),
      tenant: textOption(input, "tenant") ?? bundle?.tenant,
      team: textOption(input, "team"),
      data: textOption(input, "data"),
      logLevel: hasFlag(input, "verbose") ? "debug" : undefined,
    },
  });
}

/** Without a token nobody but this machine is served. */
function checkToken(tokens: readonly string[], { host }: Way & { readonly kind: "http" }): void {
  if (tokens.length > 0 || isLoopback(host)) return;
  throw new GreenticError(
    "MCP_TOKEN_MISSING",
    `Serve MCP on ${quote(host)}: callers from elsewhere need a token, and none is set`,
  );
}

interface Served {
  readonly closed: Promise<void>;
  readonly close: () => Promise<void>;
}

async function open(
  serving: McpServing,
  way: Way,
  { io, tokens }: { readonly io: CommandIo; readonly tokens: readonly string[] },
): Promise<Served> {
  if (way.kind === "stdio") return serving.stdio(io);
  const face = serving.http({
    ...(isLoopback(way.host) && { hosts: LOOPBACK }),
    origins: [...(isLoopback(way.host) ? LOOPBACK : []), ...way.origins],
    tokens: () => tokens,
    needsToken: tokens.length > 0,
  });
  const listening = await listenMcp(face, way);
  io.stderr.write(`ready ${listening.url}\n`);
  return { closed: new Promise(() => undefined), close: listening.close };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
