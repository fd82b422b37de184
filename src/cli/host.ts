import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openInProcessBus } from "../bus/index.ts";
import { ProcessComponentHost } from "../component/index.ts";
import type { Bundle, BundleProvider, Config, Environment } from "../config/index.ts";
import { PackShelf } from "../deployer/index.ts";
import { parseHttpRewrites, sendHttp } from "../http/index.ts";
import type { HttpOptions } from "../http/index.ts";
import {
  createConsoleProvider,
  createMcpProvider,
  createTelegramProvider,
  createWebChatProvider,
  createWebhookProvider,
} from "../messaging/index.ts";
import type { ChannelAddress, Provider } from "../messaging/index.ts";
import { isOciReference } from "../oci/index.ts";
import { openPack } from "../pack/index.ts";
import type { Pack } from "../pack/index.ts";
import { createMachineWorld, openRuntime } from "../runner/index.ts";
import type { PackApp, Runtime, RuntimeOptions } from "../runner/index.ts";
import { openMemoryStore, openSqliteStore } from "../session/index.ts";
import type { SessionStore } from "../session/index.ts";
import type { TurnObserver } from "../telemetry/index.ts";
import { channelId, DEFAULT_TEAM, GreenticError, quote, toGreenticError } from "../types/index.ts";
import type { Policy, TeamId, TenantId, World } from "../types/index.ts";
import { checkAppDependencies } from "./app-dependencies.ts";
import { auditOf, openAudited } from "./audit.ts";
import { LivePacks } from "./live-packs.ts";
import { openRegistries, pullPack } from "./registries.ts";
import { secretReader, secretWriter } from "./secret-stores.ts";
import { reloadTrust, trustOf } from "./trust.ts";
import { TrustWatch } from "./trust-watch.ts";

/** The channels that every tenant has without naming them. */
const WEBHOOK_CHANNEL = channelId("webhook");
const WEBCHAT_CHANNEL = channelId("webchat");
/** The channel of programs that call flows. */
export const MCP_CHANNEL = channelId("mcp");
export const CONSOLE_CHANNEL = channelId("console");

export interface HostOptions {
  readonly config: Config;
  readonly bundle?: Bundle;
  readonly environment: Environment;
  readonly observe?: TurnObserver;
  readonly log?: RuntimeOptions["log"];
  readonly onError?: RuntimeOptions["onError"];
  /** Says loudly what an operator should know: unsigned packs, channels without secrets. */
  readonly warn: (message: string) => void;
  /** The team of the configured tenant's own channels, where it isn't the bundle's. */
  readonly team?: TeamId;
  /** Apps beside the bundle's and the registered ones. */
  readonly apps?: readonly PackApp[];
}

/** A runtime with everything it stands on, made of configuration. */
export interface Host extends AsyncDisposable {
  readonly runtime: Runtime;
  readonly world: World;
  readonly tenants: ReadonlySet<TenantId>;
  readonly packs: LivePacks;
  /** Takes out packs whose signers lose their trust, once it is started. */
  readonly trust: TrustWatch;
  /** The files whose change changes `packs`. */
  readonly packFiles: readonly string[];
  /** Gets component processes ready before they are needed. */
  warm(): void;
}

/** Opens store, component processes, packs and channels, and the runtime over them; not yet started. */
export async function openHost(options: HostOptions): Promise<Host> {
  const { config } = options;
  const world = createMachineWorld();
  const shelf = new PackShelf(config.dataDir);
  // The store's thread starts while packs are verified: neither needs the other.
  const opening =
    config.store === "memory"
      ? Promise.resolve(openMemoryStore(world))
      : openSqliteStore({ dir: config.dataDir, world });
  const components = new ProcessComponentHost({
    admissionDir: join(config.dataDir, "admitted"),
    ...(config.componentProcesses > 0 && { poolSize: config.componentProcesses }),
  });
  try {
    return await openOver({ options, world, shelf, components, opening });
  } catch (error) {
    await Promise.allSettled([
      components[Symbol.asyncDispose](),
      opening.then((store) => store[Symbol.asyncDispose]()),
    ]);
    throw error;
  }
}

interface HostParts {
  readonly options: HostOptions;
  readonly world: World;
  readonly shelf: PackShelf;
  readonly components: ProcessComponentHost;
  readonly opening: Promise<SessionStore>;
}

async function openOver({ options, world, shelf, components, opening }: HostParts): Promise<Host> {
  const { config, bundle } = options;
  const readApps = async (): Promise<readonly PackApp[]> => {
    const read = [
      ...(await bundleApps(options, shelf)),
      ...(await shelvedApps(options, shelf)),
      ...(options.apps ?? []),
    ];
    checkAppDependencies(read);
    return read;
  };
  const apps = await readApps();
  const tenants = new Set<TenantId>([
    config.tenant,
    ...(bundle?.providers ?? []).map((p) => p.tenant),
    ...apps.map((app) => app.scope.tenant),
  ]);
  const http: HttpOptions = {
    privateAddresses: config.network.privateAddresses,
    rewrites: parseHttpRewrites(config.network.rewrite ?? "", config.env),
  };
  const secrets = secretReader(config, options.environment);
  const providers: Provider[] = (bundle?.providers ?? []).map((provider) =>
    createProvider(provider, { ...options, world, http, secrets }),
  );
  for (const tenant of tenants) {
    const address = (channel: ChannelAddress["channel"]): ChannelAddress => ({
      env: config.env,
      tenant,
      team: (tenant === config.tenant ? options.team : undefined) ?? teamOf(bundle, tenant),
      channel,
    });
    providers.push(
      createWebhookProvider(address(WEBHOOK_CHANNEL), { world }),
      createConsoleProvider(address(CONSOLE_CHANNEL)),
      createMcpProvider(address(MCP_CHANNEL)),
    );
    // On a desktop every tenant can be talked to; elsewhere a public page is something that a bundle asks for.
    const isDesktop = config.env === "test" || config.env.startsWith("dev");
    if (isDesktop && !providers.some((p) => p.type === "webchat" && p.address.tenant === tenant))
      providers.push(createWebChatProvider(address(WEBCHAT_CHANNEL), { world }));
  }
  const policy: Policy = {
    network: { egress: { origins: ["*"] }, privateAddresses: config.network.privateAddresses },
    secrets: ["*"],
    oauth: ["*"],
    unknownSends: config.unknownSends,
  };
  const runtime = await openRuntime({
    env: config.env,
    world,
    store: await opening,
    bus: openInProcessBus(),
    components,
    providers,
    apps,
    policy: () => policy,
    secrets,
    secretWriter: secretWriter(config),
    http,
    mcp: { servers: config.mcpServers, path: options.environment["PATH"] },
    ...(options.observe && { observe: options.observe }),
    ...(options.log && { log: options.log }),
    ...(options.onError && { onError: options.onError }),
  });
  const packs = new LivePacks(runtime, { apps, read: readApps });
  const trust = new TrustWatch({
    runtime,
    world,
    apps: () => packs.apps,
    readTrust: () => reloadTrust(config, { environment: options.environment, nowMs: world.nowMs() }),
    audit: auditOf(config),
    warn: options.warn,
    onError: (error) => options.onError?.(toGreenticError(error, "PACK_TRUST_INVALID", "Read trust"), undefined),
  });
  return {
    runtime,
    world,
    tenants,
    packs,
    trust,
    packFiles: [...(bundle?.apps ?? []).map((app) => app.pack).filter((pack) => !isOciReference(pack)), shelf.file],
    warm: () => components.warm(),
    async [Symbol.asyncDispose]() {
      await trust[Symbol.asyncDispose]();
      await runtime[Symbol.asyncDispose]();
      await components[Symbol.asyncDispose]();
    },
  };
}

/** The team of a tenant's requests that name none: the bundle's for its own tenant. */
export function teamOf(bundle: Bundle | undefined, tenant: TenantId): TeamId {
  return bundle?.tenant === tenant ? bundle.team : DEFAULT_TEAM;
}

async function bundleApps({ config, bundle, ...rest }: HostOptions, shelf: PackShelf): Promise<readonly PackApp[]> {
  const registries = openRegistries(config, rest);
  return Promise.all(
    (bundle?.apps ?? []).map(async (app): Promise<PackApp> => {
      const isRemote = isOciReference(app.pack);
      if (!isRemote && !existsSync(app.pack))
        throw new GreenticError("CLI_FILE_MISSING", `Load app ${app.name}: no pack file at ${quote(app.pack)}`);
      // A tag stays what it meant at the first start: whoever moves it changes nothing here.
      const bytes = isRemote ? (await pullPack(registries, app.pack)).bytes : await readFile(app.pack);
      const pack = await verifiedPack(bytes, {
        config,
        ...rest,
        tenant: app.tenant,
        shelf,
        allowUnsigned: false,
        allowMismatch: false,
      });
      return {
        scope: { env: config.env, tenant: app.tenant, ...(app.team && { team: app.team }) },
        pack,
        ...(app.defaultFlow && { defaultFlow: app.defaultFlow }),
      };
    }),
  );
}

async function shelvedApps({ config, ...rest }: HostOptions, shelf: PackShelf): Promise<readonly PackApp[]> {
  return Promise.all(
    (await shelf.list()).map(async (entry): Promise<PackApp> => {
      const pack = await verifiedPack(await shelf.read(entry), {
        config,
        ...rest,
        tenant: entry.tenant,
        shelf,
        allowUnsigned: entry.allowUnsigned,
        allowMismatch: entry.allowMismatch,
      });
      return { scope: { env: config.env, tenant: entry.tenant }, pack };
    }),
  );
}

type PackOptions = HostOptions & {
  readonly tenant: TenantId;
  readonly shelf: PackShelf;
  readonly allowUnsigned: boolean;
  readonly allowMismatch: boolean;
};

/** Verifies at every start: a file on disk may have changed since it was registered. */
async function verifiedPack(
  bytes: Uint8Array,
  { config, warn, tenant, shelf, allowUnsigned, allowMismatch }: PackOptions,
): Promise<Pack> {
  const trust = await trustOf(config);
  const nowMs = Date.now();
  const open = (): Promise<Pack> =>
    openPack(bytes, {
      trust: allowUnsigned ? { ...trust, rejectUnsigned: false } : trust,
      nowMs,
      policy: { previous: (name) => shelf.previous(tenant, name), ...(allowMismatch && { sbom: "warn" }) },
    });
  const pack = await openAudited(open, { config, tenant, nowMs });
  if (pack.report.signature.status !== "valid")
    warn(`pack ${pack.name} of ${tenant} runs without a trusted signature (${pack.report.signature.status})`);
  return pack;
}

interface ProviderParts extends HostOptions {
  readonly world: World;
  readonly http: HttpOptions;
  readonly secrets: ReturnType<typeof secretReader>;
}

function createProvider(provider: BundleProvider, { config, world, http, secrets, warn }: ProviderParts): Provider {
  const address: ChannelAddress = {
    env: config.env,
    tenant: provider.tenant,
    team: provider.team,
    channel: channelId(provider.name),
  };
  switch (provider.type) {
    case "webchat":
      // Direct Line's paths name no channel, so that a tenant's web chat is always this one, whatever the bundle calls it.
      return createWebChatProvider({ ...address, channel: WEBCHAT_CHANNEL }, { world });
    case "telegram": {
      const ctx = { ...address, traceId: "", correlationId: "", attempt: 1, locale: "en" };
      const read = async (name: string): Promise<string> => (await secrets.get(ctx, provider.name, name)) ?? "";
      const username = provider.config["username"];
      const isWebhook = provider.config["mode"] === "webhook" || typeof provider.config["public_base_url"] === "string";
      read("telegram_bot_token").then(
        (token) =>
          !/^\d+:/.test(token) &&
          warn(
            `channel ${provider.name} waits for ${token === "" ? "its token" : "a token of digits, a colon and a secret"}: greentic-secrets set telegram_bot_token --category ${provider.name} --tenant ${provider.tenant}`,
          ),
        (error: unknown) =>
          warn(
            `channel ${provider.name}: ${error instanceof GreenticError ? error.message : "its token can't be read"}`,
          ),
      );
      return createTelegramProvider({
        address,
        world,
        mode: isWebhook ? "webhook" : "polling",
        token: () => read("telegram_bot_token"),
        secretToken: async () => [await read("telegram_secret_token")].filter((token) => token !== ""),
        http: (request, { signal } = {}) => sendHttp(request, { ...http, ...(signal && { signal }) }),
        ...(typeof username === "string" && { username }),
      });
    }
    default:
      throw new GreenticError(
        "CLI_USAGE_INVALID",
        `Open channel ${provider.name}: this version runs built-in channels; name its "type"`,
      );
  }
}

/** Reads the key that signs WebChat tokens, or makes it. */
export function webchatKey(dataDir: string): Uint8Array {
  return keyFile(dataDir, "webchat.key");
}

/** Reads a key of the data directory, or makes it: 32 random bytes, for its owner alone. */
export function keyFile(dataDir: string, name: string): Uint8Array {
  const file = join(dataDir, name);
  if (!existsSync(file)) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    writeFileSync(file, randomBytes(32), { mode: 0o600, flag: "wx" });
    chmodSync(file, 0o600);
  }
  return readFileSync(file);
}
