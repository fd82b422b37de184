import type { ConsentEnd } from "../oauth/index.ts";
import type {
  FileKeeper,
  Provider,
  Receipt,
  ReceivedEvent,
  ReceivedMessage,
  ReceivedNotice,
} from "../messaging/index.ts";
import type { Accepted, IngressEntry, LeaseTo, SessionStore, TurnCommit } from "../session/index.ts";
import { LEASE_TTL_MS } from "../session/index.ts";
import type { RetentionConfig } from "../config/index.ts";
import { NO_RETENTION } from "../config/index.ts";
import { NO_QUOTAS, OPEN_GATE } from "../policy/index.ts";
import type { SessionKeyText } from "../types/index.ts";
import { DEFAULT_TEAM, GreenticError, quote, randomHex, toGreenticError } from "../types/index.ts";
import { acceptedEvent } from "./accepted-event.ts";
import type { EngineEnv, EngineLimits } from "./engine-env.ts";
import { createChatReach } from "./chat-reach.ts";
import { deliveryName } from "./delivery-name.ts";
import { consentMessage } from "./consent-message.ts";
import { createEffectScope } from "./host-services.ts";
import { handEventOver, handNoticeOver } from "./hand-over.ts";
import { IntakeGate } from "./intake-gate.ts";
import type { PackApp } from "./load-pack.ts";
import { PackRegistry, scopeKey } from "./pack-registry.ts";
import { meterComponents } from "./metered-components.ts";
import type { OwnRequest } from "./own-envelope.ts";
import { ownEnvelope, sessionKeyOf } from "./own-envelope.ts";
import { pollInTurn } from "./poll-in-turn.ts";
import { createRelay, RELAY } from "./relay.ts";
import { Requests } from "./requests.ts";
import { RetryBudget } from "./retry-budget.ts";
import { offersOf } from "./flow-offers.ts";
import type { FlowChoice, FlowOffer, PackSummary, Runtime, Scope, TurnReport } from "./runtime.ts";
import type { RuntimeOptions } from "./runtime-options.ts";
import { Scheduler } from "./scheduler.ts";
import type { Scheduled } from "./schedules.ts";
import { scheduleOfChannel, schedulesOf } from "./schedules.ts";
import { checkSecretCategory } from "./secret-categories.ts";
import { SenderLoop } from "./sender-loop.ts";
import { Sweeper } from "./sweeper.ts";
import type { ToolReach } from "./tool-reach.ts";
import { createToolReach } from "./tool-reach.ts";
import { Waiters } from "./waiters.ts";
import type { WebAnswer } from "./web-files.ts";
import { findWebFile } from "./web-files.ts";
import { logKeepOf } from "./turn-commit.ts";
import { TypingSigns } from "./typing-signs.ts";
import type { Role } from "./wake-ups.ts";
import { WakeUps } from "./wake-ups.ts";
import { withGoodTimes } from "./with-good-times.ts";
import { WorkerLoop } from "./worker-loop.ts";

export type { RuntimeOptions } from "./runtime-options.ts";

/** How long giving leases back may take, where turns had no time to end. */
const ABANDON_MS = 500;
const LIMITS: EngineLimits = {
  locale: "en",
  maxNodes: 1_000,
  nodeTimeoutMs: 30_000,
  sessionTtlMs: 30 * 86_400_000,
};

/**
 * Opens a runtime: packs are loaded, nothing runs before `start`.
 * @throws what loading a pack throws, with its position
 */
export async function openRuntime(options: RuntimeOptions): Promise<Runtime> {
  const providers = await Promise.all(options.providers.map((provider) => withGoodTimes(provider, options)));
  const runtime = new LocalRuntime({ ...options, providers });
  for (const app of options.apps) await runtime.loadPack(app);
  return runtime;
}

class LocalRuntime implements Runtime {
  readonly store: SessionStore;
  readonly files: FileKeeper | undefined;
  readonly retention: RetentionConfig;
  readonly #options: RuntimeOptions;
  readonly #intake: IntakeGate;
  readonly #registry: PackRegistry;
  readonly #reach: ToolReach;
  readonly #providers: Map<string, Provider>;
  readonly #waiters = new Waiters();
  readonly #worker: WorkerLoop;
  readonly #leaseTo: LeaseTo;
  readonly #requests: Requests;
  readonly #sender: SenderLoop;
  readonly #sweeper: Sweeper;
  readonly #scheduler: Scheduler;
  readonly #roles: ReadonlySet<Role>;
  readonly #packWatchers = new Set<() => void>();
  readonly #wakeUps: WakeUps;
  readonly #typing: TypingSigns;
  readonly #polls: Promise<void>[] = [];
  readonly #stop = new AbortController();
  #state: "open" | "running" | "draining" | "closed" = "open";

  constructor(options: RuntimeOptions) {
    this.#options = options;
    const {
      world,
      store,
      policy,
      observe,
      secrets,
      gate = OPEN_GATE,
      quotas = NO_QUOTAS,
      retention = NO_RETENTION,
      defaults = {},
    } = options;
    const components =
      quotas === NO_QUOTAS ? options.components : meterComponents(options.components, { quotas, gate });
    const onError = options.onError ?? ((): void => undefined);
    const log = options.log ?? ((): void => undefined);
    this.store = store;
    this.files = options.files;
    this.retention = retention;
    this.#roles = new Set(options.roles ?? ["gateway", "worker", "egress"]);
    this.#providers = new Map(options.providers.map((provider) => [channelKey(provider.address), provider]));
    for (const { address } of options.providers) this.#addRelay({ ...address, channel: RELAY });
    const rewrites = options.http?.rewrites ?? [];
    const reach = createToolReach({ ...options, policy, gate, rewrites, log, mcp: options.mcp ?? {} });
    this.#reach = reach;
    this.#registry = new PackRegistry(
      (scope) => ({
        components,
        policy: policy(scope),
        gate,
        reach,
        stubTool: options.stubTool,
      }),
      options.pinnedPacks,
    );
    const env: EngineEnv = {
      world,
      store,
      registry: this.#registry,
      providerOf: (key) => this.#providers.get(key),
      chat: createChatReach({
        models: options.llmModels ?? [],
        world,
        store,
        secrets,
        rewrites,
        stub: options.stubChat,
      }),
      effects: createEffectScope({ ...options, policy, gate, rewrites, log }),
      files: options.files,
      gate,
      quotas,
      retention,
      observe,
      log,
      onError,
      limits: { ...LIMITS, ...defaults },
      journal: options.journal ?? "off",
      retries: new RetryBudget(world),
      stubWait: options.stubWait,
      oauth: options.oauth,
    };
    this.#sweeper = new Sweeper({
      world,
      store,
      blobs: options.files?.blobs,
      retention,
      registry: this.#registry,
      intervalMs: defaults.sweepIntervalMs ?? 1_000,
      onForgotten: (pack) => options.onPackForgotten?.(pack.scope, pack),
      onSession: (key) => this.#wakeUps.overdue(key),
      onSends: () => this.#wakeUps.sends(undefined),
      onError,
    });
    this.#scheduler = new Scheduler({
      world,
      store,
      scheduled: () => this.#scheduled(),
      accept: (relay, message, request) => this.#acceptOwn(relay, message, request),
      onError,
    });
    this.#sender = new SenderLoop({
      world,
      store,
      providers: this.#providers,
      blobs: options.files?.blobs,
      policy,
      gate,
      quotas,
      observe,
      onError,
      onDead: (row, code) => this.#wakeUps.died(row.key, { stage: "egress", id: row.id, code }),
      maxSends: defaults.maxSends ?? 64,
      claimTtlMs: defaults.claimTtlMs,
      isShared: options.isShared ?? false,
    });
    this.#worker = new WorkerLoop({
      env,
      waiters: this.#waiters,
      providers: this.#providers,
      get maxTurns() {
        return quotas.turnsAtOnce ?? defaults.maxTurns ?? 1_000;
      },
      leaseTtlMs: defaults.leaseTtlMs ?? LEASE_TTL_MS,
      isShared: options.isShared ?? false,
      onCommit: (key, commit) => this.#committed(key, commit),
      onTyping: (key, typing, signal) => this.#typing.tell(key, typing, signal),
    });
    this.#intake = new IntakeGate({
      gate,
      quotas,
      isShed: (tenant) => this.#worker.isFull && this.#worker.takesMost(tenant),
    });
    this.#typing = new TypingSigns({ bus: options.bus, roles: this.#roles, providers: this.#providers, world });
    this.#wakeUps = new WakeUps({
      env: options.env,
      world,
      bus: options.bus,
      roles: this.#roles,
      worker: this.#worker,
      sender: this.#sender,
      typing: this.#typing,
      providers: this.#providers,
      isShared: options.isShared ?? false,
    });
    this.#leaseTo = { worker: this.#worker.name, ttlMs: defaults.leaseTtlMs ?? LEASE_TTL_MS };
    this.#requests = new Requests({
      world,
      store,
      waiters: this.#waiters,
      accept: (provider, message, choice) =>
        this.#accept(provider, message, { isWaitedFor: true, request: choice && { choice } }),
      watchLog: (conversation, listener) => this.#wakeUps.watch(conversation, listener),
      isServing: (key) => this.#worker.isServing(key),
      cancel: (delivery) => this.#worker.cancel(delivery),
    });
  }

  async accept(provider: Provider, message: ReceivedMessage): Promise<Accepted> {
    const { accepted } = await this.#accept(provider, message, { isWaitedFor: false, request: undefined });
    return accepted;
  }

  async acceptEvent(provider: Provider, event: ReceivedEvent): Promise<Accepted> {
    const { message, request } = handEventOver(provider, event, this.#options.world.nowMs());
    const { accepted } = await this.#accept(provider, message, { isWaitedFor: false, request });
    return accepted;
  }

  async acceptNotice(provider: Provider, notice: ReceivedNotice): Promise<Accepted> {
    const { message, request } = handNoticeOver(provider, notice);
    const { accepted } = await this.#accept(provider, message, { isWaitedFor: false, request });
    return accepted;
  }

  async acceptConsent(end: ConsentEnd): Promise<void> {
    const { provider, message, request } = consentMessage(end, (key) => this.#providers.get(key));
    await this.#acceptOwn(provider, message, request);
  }

  noteReceipts(provider: Provider, receipts: readonly Receipt[]): void {
    this.#wakeUps.receipts(provider, receipts);
  }

  async request(
    provider: Provider,
    message: ReceivedMessage,
    options: { readonly timeoutMs: number; readonly choice?: FlowChoice; readonly signal?: AbortSignal },
  ): Promise<TurnReport> {
    return this.#requests.serve(provider, message, options);
  }

  watchLog(conversation: string, listener: () => void): () => void {
    return this.#wakeUps.watch(conversation, listener);
  }

  watchTyping(conversation: string, listener: () => void): () => void {
    return this.#typing.watch(conversation, listener);
  }

  channel(scope: Scope, channel: string): Provider | undefined {
    return this.#providers.get(`${scopeKey({ ...scope, team: scope.team ?? DEFAULT_TEAM })}:${channel}`);
  }

  listPacks(): readonly PackSummary[] {
    return this.#registry.list();
  }

  listOffers(scope: Scope): readonly FlowOffer[] {
    const team = scope.team ?? DEFAULT_TEAM;
    return offersOf(this.#registry.packsFor(scopeKey({ ...scope, team })), team);
  }

  webFile(scope: Scope, path: string): WebAnswer | undefined {
    const team = scope.team ?? DEFAULT_TEAM;
    return findWebFile(this.#registry.packsFor(scopeKey({ ...scope, team })), path, { tenant: scope.tenant, team });
  }

  watchPacks(listener: () => void): () => void {
    this.#packWatchers.add(listener);
    return () => void this.#packWatchers.delete(listener);
  }

  async loadPack(app: PackApp): Promise<PackSummary> {
    checkSecretCategory(app.pack, app.scope, this.#options.providers);
    await this.#intake.judgeLoad(app);
    const { packHash } = await this.#registry.load(app);
    const team = app.scope.team ?? DEFAULT_TEAM;
    const address = { env: app.scope.env, tenant: app.scope.tenant, team, channel: RELAY };
    // A tenant without channels has flows that start by themselves all the same.
    if (app.scope.team !== undefined || !this.#hasRelay(app.scope)) this.#addRelay(address);
    for (const listener of this.#packWatchers) listener();
    this.#scheduler.look();
    const key = scopeKey(app.scope);
    const loaded = this.#registry.list().find((pack) => pack.packHash === packHash && scopeKey(pack.scope) === key);
    return loaded as PackSummary;
  }

  async retainPack(app: PackApp): Promise<void> {
    await this.#intake.judgeLoad(app);
    await this.#registry.retain(app);
  }

  revokePack(scope: Scope, pack: { readonly name: string; readonly packHash: string }): void {
    this.#registry.revoke(scope, pack);
    for (const listener of this.#packWatchers) listener();
  }

  unloadPack(scope: Scope, name: string): void {
    this.#registry.unload(scope, name);
    for (const listener of this.#packWatchers) listener();
  }

  start(): void {
    if (this.#state !== "open") return;
    this.#state = "running";
    this.#wakeUps.start();
    if (this.#roles.has("gateway")) for (const provider of this.#providers.values()) this.#poll(provider);
    if (this.#roles.has("worker") || this.#roles.has("egress")) this.#sweeper.start();
    if (this.#roles.has("worker")) this.#scheduler.start();
  }

  async drain(timeoutMs: number): Promise<void> {
    if (this.#state === "draining" || this.#state === "closed") return;
    this.#state = "draining";
    this.#stop.abort();
    this.#wakeUps.stop();
    const finished = Promise.allSettled([
      this.#sweeper.stop(),
      this.#scheduler.stop(),
      this.#worker.drain(),
      this.#sender.drain(),
      ...this.#polls,
    ]);
    const isDone = await this.#within(timeoutMs, finished);
    if (!isDone) await this.#within(ABANDON_MS, this.#worker.abandon());
    this.#state = "closed";
    await this.#reach[Symbol.asyncDispose]();
    await this.#options.files?.blobs[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain(5_000);
  }

  /** Waits for what goes on, but no longer than that; tells whether it is over. */
  async #within(ms: number, goingOn: Promise<unknown>): Promise<boolean> {
    const { promise: timeout, resolve } = Promise.withResolvers<boolean>();
    const cancel = this.#options.world.schedule(ms, () => resolve(false));
    const isDone = await Promise.race([goingOn.then(() => true), timeout]);
    cancel();
    return isDone;
  }

  /** Gives a team its relay, where it has none. */
  #addRelay(address: Provider["address"]): void {
    if (this.#providers.has(channelKey(address))) return;
    const { world, bus } = this.#options;
    const relay = createRelay(address, {
      world,
      bus,
      packsFor: (teamKey) => this.#registry.packsFor(teamKey),
      providerOf: (key) => this.#providers.get(key),
      accept: (provider, message, request) => this.#acceptOwn(provider, message, request),
    });
    this.#providers.set(channelKey(address), relay);
  }

  #hasRelay(scope: Scope): boolean {
    const prefix = `${scopeKey(scope)}:`;
    return [...this.#providers.values()].some(
      ({ address }) => address.channel === RELAY && channelKey(address).startsWith(prefix),
    );
  }

  async #acceptOwn(provider: Provider, message: ReceivedMessage, request: OwnRequest | undefined): Promise<void> {
    await this.#accept(provider, message, { isWaitedFor: false, request, isOwn: true });
  }

  /** The schedules of every team's flows and channels. */
  #scheduled(): readonly (Scheduled & { readonly relay: Provider })[] {
    return [...this.#providers].flatMap(([key, relay]) => {
      if (relay.address.channel !== RELAY) return [];
      const teamKey = key.slice(0, key.lastIndexOf(":"));
      const timers = [...this.#providers.values()].flatMap((provider) =>
        provider.timer !== undefined && channelKey(provider.address).startsWith(`${teamKey}:`)
          ? [scheduleOfChannel(provider, provider.timer)]
          : [],
      );
      const flows = schedulesOf(this.#registry.packsFor(teamKey), relay.address.team);
      return [...flows, ...timers].map((one) => ({ ...one, relay }));
    });
  }

  async #accept(
    provider: Provider,
    message: ReceivedMessage,
    {
      isWaitedFor,
      request,
      isOwn = false,
    }: {
      readonly isWaitedFor: boolean;
      readonly request: OwnRequest | undefined;
      /** Whether the host hands it on to itself: it was let in before. */
      readonly isOwn?: boolean;
    },
  ): Promise<{ readonly accepted: Accepted; readonly entry: IngressEntry }> {
    if (this.#state === "draining" || this.#state === "closed") {
      throw new GreenticError("RUNNER_DRAINING", "Accept message: the host is shutting down");
    }
    const { world } = this.#options;
    if (!isOwn) await this.#intake.judge(provider, message);
    const key = sessionKeyOf(provider, message);
    const isPaid = !isOwn && (isWaitedFor || message.log !== undefined) && (await this.#intake.admitCaller(provider));
    const entry: IngressEntry = {
      key,
      dedupeKey: deliveryName(message.dedupeKey),
      receivedAtMs: world.nowMs(),
      traceId: randomHex(world, 16),
      envelope: ownEnvelope(provider, message, isPaid ? { ...request, paid: true } : request),
      dedupeTtlMs: message.dedupeTtlMs ?? provider.dedupeTtlMs,
      // Without a waiter the answer is all that is left of the turn.
      ...(message.isUnnamed === true && isWaitedFor ? { isUnnamed: true } : {}),
      ...(message.log === undefined ? {} : { log: message.log, ...logKeepOf(this.retention, provider.address.tenant) }),
    };
    const isHere = this.#state === "running" && this.#roles.has("worker");
    const canTake = isHere && this.#worker.canTake(key);
    const startedMs = this.#options.observe === undefined ? 0 : world.monotonicMs();
    const accepted = await this.store.accept(entry, canTake ? { leaseTo: this.#leaseTo } : undefined);
    const durationMs = this.#options.observe === undefined ? 0 : world.monotonicMs() - startedMs;
    this.#options.observe?.(acceptedEvent(provider, entry, { accepted, durationMs, locale: LIMITS.locale }));
    if (message.log !== undefined && accepted.kind === "accepted") this.#wakeUps.logged(key);
    if (accepted.lease !== undefined) this.#worker.take(accepted.lease);
    else if (accepted.kind === "accepted" && !canTake) this.#wakeUps.accepted(key, entry.traceId);
    return { accepted, entry };
  }

  #committed(key: SessionKeyText, commit: TurnCommit): void {
    if (commit.outbox.length > 0) this.#wakeUps.sends(key);
    if (commit.log.length > 0 || commit.answers !== undefined) this.#wakeUps.logged(key);
    for (const timer of commit.timersNew) this.#sweeper.expect(timer.dueAtMs);
    for (const { order, reason } of commit.deadLetters ?? [])
      this.#wakeUps.died(key, { stage: "ingress", id: String(order), code: reason });
  }

  #poll(provider: Provider): void {
    if (provider.poll === undefined && provider.listen === undefined) return;
    const accept = async (message: ReceivedMessage): Promise<void> => {
      await this.accept(provider, message);
    };
    const { signal } = this.#stop;
    const { world, store, isShared } = this.#options;
    const fetching =
      isShared && provider.poll !== undefined
        ? pollInTurn(provider, { world, store, channelKey: channelKey(provider.address), accept, signal })
        : provider.poll?.(accept, signal);
    for (const coming of [fetching, provider.listen?.(accept, signal)]) {
      const ended = coming?.catch((error: unknown) => {
        if (signal.aborted) return;
        this.#options.onError?.(
          toGreenticError(error, "RUNNER_SEND_FAILED", `Poll channel ${quote(provider.address.channel)}`),
          undefined,
        );
      });
      if (ended !== undefined) this.#polls.push(ended);
    }
  }
}

function channelKey({ env, tenant, team, channel }: Provider["address"]): string {
  return `${env}:${tenant}:${team}:${channel}`;
}
