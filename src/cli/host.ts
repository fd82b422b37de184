import { join } from "node:path";
import type { BlobStore } from "../blob/index.ts";
import type { BusStats } from "../bus/index.ts";
import { ProcessComponentHost } from "../component/index.ts";
import type { Bundle } from "../config/index.ts";
import { keepTimesOf } from "../config/index.ts";
import { parseHttpRewrites } from "../http/index.ts";
import type { HttpOptions } from "../http/index.ts";
import {
  createConsoleProvider,
  createMcpProvider,
  createWebChatProvider,
  createWebhookProvider,
  DEFAULT_FILE_RULES,
  FileKeeper,
} from "../messaging/index.ts";
import type { ChannelAddress, KeepFile, Provider } from "../messaging/index.ts";
import { FlowOAuth } from "../oauth/index.ts";
import type { SecretReader } from "../secrets/index.ts";
import { createMachineWorld, fileRoom, openRuntime } from "../runner/index.ts";
import type { PackApp, Runtime, RuntimeOptions } from "../runner/index.ts";
import type { AuditLog, TurnObserver } from "../telemetry/index.ts";
import {
  channelId,
  conversationId,
  DEFAULT_TEAM,
  formatSessionKey,
  parseSessionKey,
  toGreenticError,
  userId,
} from "../types/index.ts";
import type { JsonObject, Policy, TeamId, TenantId, World } from "../types/index.ts";
import type { SharedTexts } from "../files/index.ts";
import { HostRevocations } from "./admin/revocations.ts";
import { AppReader } from "./app-reader.ts";
import type { AppReaderOptions } from "./app-reader.ts";
import { openAudit, watchSecrets, watchWrites } from "./open-audit.ts";
import { openChannels } from "./channels.ts";
import { HostPolicy } from "./host-policy.ts";
import type { HostOAuth } from "./open-oauth.ts";
import { openOAuth } from "./open-oauth.ts";
import { LivePacks } from "./live-packs.ts";
import { secretReader, secretWriter } from "./secret-stores.ts";
import type { Services } from "./services.ts";
import { openConfiguredTexts, openServices } from "./services.ts";
import { reloadTrust } from "./trust.ts";
import { TrustWatch } from "./trust-watch.ts";

/** The channels that every tenant has without naming them. */
const WEBHOOK_CHANNEL = channelId("webhook");
const WEBCHAT_CHANNEL = channelId("webchat");
/** The channel of programs that call flows. */
export const MCP_CHANNEL = channelId("mcp");
export const CONSOLE_CHANNEL = channelId("console");

/** How long a file stays at least; after that as long as its session. */
const FILES_KEEP_MS = 30 * 86_400_000;

export interface HostOptions extends Omit<AppReaderOptions, "audit"> {
  readonly observe?: TurnObserver;
  readonly log?: RuntimeOptions["log"];
  readonly onError?: RuntimeOptions["onError"];
  /** Says what changed as it should: packs that came, changed or went while it runs. */
  readonly tell?: (message: string) => void;
  /** One pack that can't run keeps the whole host from starting. */
  readonly isStrict?: boolean;
  /** The team of the configured tenant's own channels, where it isn't the bundle's. */
  readonly team?: TeamId;
}

/** A runtime with everything it stands on, made of configuration. */
export interface Host extends AsyncDisposable {
  readonly runtime: Runtime;
  readonly world: World;
  readonly tenants: ReadonlySet<TenantId>;
  /** Where files of conversations are kept. */
  readonly blobs: BlobStore;
  /** The bundle as it was read last. */
  readonly bundle: () => Bundle | undefined;
  readonly packs: LivePacks;
  /** Takes out packs whose signers lose their trust, once it is started. */
  readonly trust: TrustWatch;
  /** Policy, quotas and retention as they count now. */
  readonly policy: HostPolicy;
  /** What hosts over the same store agree on. */
  readonly texts: SharedTexts;
  readonly revocations: HostRevocations;
  /** The OAuth broker; undefined where no provider is declared. */
  readonly oauth: HostOAuth | undefined;
  /** Whether what comes in can be kept and told of. */
  isReady(): Promise<boolean>;
  /** Roles, store and bus, for `/status`. */
  status(): JsonObject;
  /** The bus, for metrics. */
  readonly bus: { readonly stats: () => BusStats; readonly isReady: () => boolean };
  /** Reads secrets as everything in the host does: every read is on record. */
  readonly secrets: SecretReader;
  /** Where it is kept who did what. */
  readonly audit: AuditLog;
  /** Gets component processes ready before they are needed. */
  warm(): void;
}

/** Opens store, component processes, packs and channels, and the runtime over them; not yet started. */
export async function openHost(options: HostOptions): Promise<Host> {
  const { config } = options;
  const world = createMachineWorld();
  // The store's thread starts while packs are verified: neither needs the other.
  const opening = openServices({ config, world, onError: (error) => options.onError?.(error, undefined) });
  // A refusal is met where the services are needed.
  opening.catch(() => undefined);
  const components = new ProcessComponentHost({
    admissionDir: join(config.dataDir, "admitted"),
    ...(config.componentProcesses > 0 && { poolSize: config.componentProcesses }),
  });
  const audit = await openAudit(config, (error) => options.onError?.(error, undefined));
  let texts: SharedTexts | undefined;
  try {
    texts = await openConfiguredTexts(config);
    return await openOver({ options, world, components, opening, audit, texts });
  } catch (error) {
    await Promise.allSettled([
      texts?.[Symbol.asyncDispose](),
      audit[Symbol.asyncDispose](),
      components[Symbol.asyncDispose](),
      opening.then(({ store, blobs, bus }) =>
        Promise.allSettled([store, blobs, bus].map((service) => service[Symbol.asyncDispose]())),
      ),
    ]);
    throw error;
  }
}

interface HostParts {
  readonly options: HostOptions;
  readonly world: World;
  readonly components: ProcessComponentHost;
  readonly opening: Promise<Services>;
  readonly audit: AuditLog;
  readonly texts: SharedTexts;
}

async function openOver({ options, world, components, opening, audit, texts }: HostParts): Promise<Host> {
  const { config, bundle } = options;
  const reader = new AppReader({ ...options, audit });
  const revocations = new HostRevocations(config, texts);
  await revocations.sync();
  const hostPolicy = await HostPolicy.open({
    config,
    environment: options.environment,
    bundle: () => reader.bundle,
    // A directory's files are read as they are now in any case.
    readBundle: async () =>
      reader.bundle?.files.isImage === true && options.reopenBundle ? options.reopenBundle() : reader.bundle,
    world,
    // The store is opening still.
    buckets: { takeTokens: async (...taken) => (await opening).store.takeTokens(...taken) },
    keepers: [
      { storedBytes: async (whose) => (await opening).store.storedBytes(whose) },
      { storedBytes: async (whose) => (await opening).blobs.storedBytes(whose) },
    ],
    audit,
    observe: options.observe,
  });
  const { gate, quotas, retention } = hostPolicy;
  const read = await reader.read({ isFirst: true });
  const tenants = new Set<TenantId>([
    config.tenant,
    ...(bundle?.providers ?? []).map((p) => p.tenant),
    ...read.apps.map(({ app }) => app.scope.tenant),
    ...read.refused.map(({ tenant }) => tenant),
  ]);
  const http: HttpOptions = {
    privateAddresses: config.network.privateAddresses,
    rewrites: parseHttpRewrites(config.network.rewrite ?? "", config.env),
  };
  const secrets = watchSecrets(secretReader(config, options.environment), audit);
  const filesOf = ({ blobs }: Services): FileKeeper =>
    new FileKeeper({
      blobs,
      room: fileRoom({ quotas, gate }),
      rules: { ...DEFAULT_FILE_RULES, ...config.attachments },
      keepMs: (owner) => keepTimesOf(retention, parseSessionKey(owner).tenant).blobsMs ?? FILES_KEEP_MS,
      nowMs: () => world.nowMs(),
    });
  const keepFile: KeepFile = async ({ address, conversation, user }, file) => {
    const key = { ...address, conversation: conversationId(conversation), user: userId(user) };
    return filesOf(await opening).keep(formatSessionKey(key), file);
  };
  const providers: Provider[] = [
    ...(await openChannels(bundle, {
      ...options,
      world,
      http,
      secrets,
      keepFile,
      components,
      gate,
      readPack: (provider) => reader.readProvider(provider),
    })),
  ];
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
    if (isDesktop && !providers.some((p) => isWebChat(p) && p.address.tenant === tenant))
      providers.push(createWebChatProvider(address(WEBCHAT_CHANNEL), { world }));
  }
  const policy: Policy = {
    network: { egress: { origins: ["*"] }, privateAddresses: config.network.privateAddresses },
    secrets: ["*"],
    oauth: ["*"],
    unknownSends: config.unknownSends,
  };
  const services = await opening;
  const { store, bus, runtime: shared } = services;
  /** Versions that sessions may still wait on. */
  const retired = new Map<string, PackApp>();
  const onKeptError = (error: unknown): void =>
    options.onError?.(toGreenticError(error, "CLI_INTERNAL", "Keep older versions of packs"), undefined);
  const oauth = openOAuth({ config, environment: options.environment, world, store, audit });
  const runtime = await openRuntime({
    env: config.env,
    world,
    store,
    bus,
    files: filesOf(services),
    ...shared,
    components,
    providers,
    apps: [],
    policy: () => policy,
    gate,
    retention,
    quotas,
    secrets,
    secretWriter: watchWrites(secretWriter(config), audit),
    audit,
    journal: config.journal,
    http,
    llmModels: config.llmModels,
    ...(oauth && { oauth: new FlowOAuth(oauth.broker) }),
    mcp: { servers: config.mcpServers, path: options.environment["PATH"] },
    ...(options.observe && { observe: options.observe }),
    ...(options.log && { log: options.log }),
    ...(options.onError && { onError: options.onError }),
    pinnedPacks: config.pinnedPacks,
    onPackForgotten: (scope, pack) => {
      retired.delete(retiredKey({ scope, pack }));
      reader.forget(scope, pack).catch(onKeptError);
    },
  });
  const packs = new LivePacks({
    runtime,
    reader,
    onRetired: (app) => void retired.set(retiredKey(app), app),
    warn: options.warn,
    ...(options.tell && { tell: options.tell }),
  });
  try {
    await packs.open(read, { isStrict: options.isStrict === true });
  } catch (error) {
    await runtime[Symbol.asyncDispose]();
    throw error;
  }
  const kept = await reader.readKept([...packs.apps]);
  for (const { app } of kept.apps) {
    try {
      await runtime.retainPack(app);
      retired.set(retiredKey(app), app);
    } catch (error) {
      onKeptError(error);
    }
  }
  for (const { name, tenant, error } of kept.refused)
    options.warn(`flows of ${tenant} that wait on an older version of ${name} are stopped: ${error.message}`);
  const onTrustError = (error: unknown): void =>
    options.onError?.(toGreenticError(error, "PACK_TRUST_INVALID", "Read trust"), undefined);
  const trust = new TrustWatch({
    runtime,
    world,
    apps: () => packs.apps,
    retired: () => retired.values(),
    async readTrust() {
      // Without the store, what was heard last counts on.
      await revocations.sync().catch((error: unknown) => onTrustError(error));
      return reloadTrust(config, { environment: options.environment, nowMs: world.nowMs() });
    },
    audit,
    warn: options.warn,
    onError: onTrustError,
  });
  return {
    runtime,
    world,
    tenants,
    blobs: services.blobs,
    bundle: () => reader.bundle,
    packs,
    trust,
    policy: hostPolicy,
    texts,
    revocations,
    oauth,
    isReady: () => services.isReady(),
    status: () => services.status(),
    bus: { stats: () => bus.stats(), isReady: () => bus.isReady },
    secrets,
    audit,
    warm: () => components.warm(),
    async [Symbol.asyncDispose]() {
      await trust[Symbol.asyncDispose]();
      await runtime[Symbol.asyncDispose]();
      await bus[Symbol.asyncDispose]();
      await components[Symbol.asyncDispose]();
      await texts[Symbol.asyncDispose]();
      await audit[Symbol.asyncDispose]();
    },
  };
}

/** A pack may serve the channel of that name. */
function isWebChat({ type, address }: Provider): boolean {
  return type === "webchat" || address.channel === WEBCHAT_CHANNEL;
}

function retiredKey({
  scope,
  pack,
}: {
  readonly scope: PackApp["scope"];
  readonly pack: { readonly packHash: string };
}): string {
  return `${scope.tenant}/${scope.team ?? ""}/${pack.packHash}`;
}

/** The team of a tenant's requests that name none: the bundle's for its own tenant. */
export function teamOf(bundle: Bundle | undefined, tenant: TenantId): TeamId {
  return bundle?.tenant === tenant ? bundle.team : DEFAULT_TEAM;
}
