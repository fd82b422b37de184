import type { Provider } from "../messaging/index.ts";
import type { Lease, TurnCommit } from "../session/index.ts";
import { channelOf } from "../session/index.ts";
import type { ErrorCode, SessionKeyText, TenantId } from "../types/index.ts";
import { GreenticError, isGreenticError, parseSessionKey, quote, randomHex, toGreenticError } from "../types/index.ts";
import { chooseTrigger } from "./choose-trigger.ts";
import type { EngineEnv } from "./engine-env.ts";
import { PinnedElsewhere } from "./pinned-elsewhere.ts";
import type { TurnReport } from "./runtime.ts";
import { startTurn } from "./start-turn.ts";
import { judgeGrowth } from "./stored-growth.ts";
import { isCondemned, isSuspect, markOf, processEnded, Suspects } from "./suspects.ts";
import type { MessageTrigger } from "./incoming-files.ts";
import { IncomingFiles } from "./incoming-files.ts";
import { hasOutgoingFiles, keepOutgoingFiles } from "./outgoing-files.ts";
import { hasLargestShare, pickFairly } from "./tenant-shares.ts";
import type { Trigger } from "./trigger.ts";
import { unreadOf } from "./trigger.ts";
import type { Turn } from "./turn.ts";
import { admitTurn } from "./turn-admission.ts";
import { TurnAborted } from "./turn-aborted.ts";
import type { Typing } from "./typing-signs.ts";
import { watchTyping } from "./typing-signs.ts";
import { answersOf, commitOf, leftOver, reportOf } from "./turn-commit.ts";
import type { Delivery, Waiters } from "./waiters.ts";

export interface WorkerOptions {
  readonly env: EngineEnv;
  readonly waiters: Waiters;
  readonly providers: ReadonlyMap<string, Provider>;
  /** Turns under way at once. */
  readonly maxTurns: number;
  readonly leaseTtlMs: number;
  /** Whether other processes work on the same store, and may have what this one hasn't. */
  readonly isShared: boolean;
  /** Told after a commit, before the session's next turn. */
  readonly onCommit: (key: SessionKeyText, commit: TurnCommit) => void;
  /** Told again and again while somebody waits for a turn's reply, until it commits or fails. */
  readonly onTyping: (key: SessionKeyText, typing: Typing, signal: AbortSignal) => void;
}

/** What waits in this process, and can be told to stop waiting. */
interface Waiting {
  readonly lease: Lease;
  readonly trigger: Trigger;
  giveUp(cause: unknown): void;
}

/** How often a turn that the engine can't run is tried before its message goes to the dead letters. */
const MAX_FAILURES = 5;
const BACKOFF_MS = 100;
const STORE_BACKOFF_MS = 1_000;
const LEASE_BATCH = 64;
/** What is told where it is denied. */
const DENIALS: ReadonlySet<string> = new Set(["POLICY_DENIED", "POLICY_QUOTA_EXCEEDED"] satisfies ErrorCode[]);
/** A session that another process may be able to go on with is looked at again after this. */
const ELSEWHERE_REST_MS = 1_000;
/** Why a turn was given up that nobody wants any more. */
const CANCELLED = "cancelled";
/** Why a turn was given up that this process has no time for any more. */
const STOPPED = "stopped";

/** Runs turns: one at a time for a session, many sessions side by side. */
export class WorkerLoop {
  readonly name: string;
  readonly #options: WorkerOptions;
  readonly #wanted = new Set<SessionKeyText>();
  /** Who is told once a wanted session was leased, or found to be another's. */
  readonly #offers = new Map<SessionKeyText, PromiseWithResolvers<void>>();
  readonly #active = new Set<Promise<void>>();
  readonly #serving = new Set<SessionKeyText>();
  /** Turns that wait for an effect, or for the files of their message. */
  readonly #waiting = new Map<SessionKeyText, Waiting>();
  readonly #files: IncomingFiles | undefined;
  /** Sessions whose turn failed in the engine: how often, and that they rest before the next try. */
  readonly #failures = new Map<SessionKeyText, { readonly count: number; isResting: boolean }>();
  readonly #suspects = new Suspects();
  /** Turns that this process outlived though the store doesn't know it, since it couldn't be told: how many, by session. */
  readonly #survived = new Map<SessionKeyText, number>();
  readonly #elsewhere: PinnedElsewhere | undefined;
  #isDraining = false;
  #isLeasing = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.name = `worker-${randomHex(options.env.world, 8)}`;
    const { world, registry, files } = options.env;
    this.#files = files && new IncomingFiles(options.env, files);
    this.#elsewhere = options.isShared ? new PinnedElsewhere(world, registry) : undefined;
  }

  /** Whether another session can be taken on right away. */
  canTake(key: SessionKeyText): boolean {
    // Who waits for room goes before who comes now.
    const hasRoom = this.#active.size + this.#wanted.size < this.#options.maxTurns;
    return !this.#isDraining && hasRoom && this.#failures.get(key)?.isResting !== true;
  }

  /** Runs a session that was leased to this worker already. */
  take(lease: Lease): void {
    this.#serving.add(lease.key);
    const survived = this.#survived.size === 0 ? 0 : (this.#survived.get(lease.key) ?? 0);
    const serving = this.#serve(survived === 0 ? lease : { ...lease, attempt: Math.max(0, lease.attempt - survived) });
    this.#active.add(serving);
    void serving.finally(() => {
      this.#serving.delete(lease.key);
      this.#active.delete(serving);
      if (this.#wanted.size > 0) this.#fill();
    });
  }

  /** Whether a turn of this session is under way here. */
  isServing(key: SessionKeyText): boolean {
    return this.#serving.has(key);
  }

  /** Ends the turn of a delivery where it is, if it is under way here and waits for an effect, now or later. */
  cancel({ key, dedupeKey }: Delivery): void {
    const turn = this.#waiting.get(key);
    if (turn?.trigger.kind === "message" && turn.trigger.entry.dedupeKey === dedupeKey) turn.giveUp(CANCELLED);
  }

  /** Says that a session has something to do. */
  wake(key: SessionKeyText): void {
    if (this.#isDraining || this.#failures.get(key)?.isResting === true || this.#suspects.isWaiting(key)) return;
    this.#wanted.add(key);
    this.#fill();
  }

  /** Whether all turns are under way that this process runs at once. */
  get isFull(): boolean {
    return this.#active.size >= this.#options.maxTurns;
  }

  /** Whether no tenant has more under way and waiting here than this one. */
  takesMost(tenant: TenantId): boolean {
    return hasLargestShare(tenant, [...this.#serving, ...this.#wanted]);
  }

  /** Like `wake`; resolves once the session was leased or found to be another's, so that who offers can wait. @throws RUNNER_DRAINING */
  offer(key: SessionKeyText): Promise<void> {
    if (this.#isDraining)
      return Promise.reject(new GreenticError("RUNNER_DRAINING", "Take session: the host is shutting down"));
    this.wake(key);
    if (!this.#wanted.has(key)) return Promise.resolve();
    const offer = this.#offers.get(key) ?? Promise.withResolvers<void>();
    this.#offers.set(key, offer);
    return offer.promise;
  }

  /** Takes no new sessions and waits until the running turns have committed. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#wanted.clear();
    for (const { reject } of this.#offers.values())
      reject(new GreenticError("RUNNER_DRAINING", "Take session: the host is shutting down"));
    this.#offers.clear();
    while (this.#active.size > 0) await Promise.allSettled(this.#active);
  }

  /** Lets go of the turns that still wait for an effect: others go on with them at once, behind the last effect on record. */
  async abandon(): Promise<void> {
    for (const turn of this.#waiting.values()) turn.giveUp(STOPPED);
    await Promise.allSettled(this.#active);
  }

  #fill(): void {
    if (this.#isLeasing) return;
    this.#isLeasing = true;
    // Whatever else wakes in this tick is leased in the same operation.
    queueMicrotask(() => void this.#lease());
  }

  async #lease(): Promise<void> {
    const { env, maxTurns, leaseTtlMs } = this.#options;
    try {
      while (this.#wanted.size > 0 && this.#active.size < maxTurns && !this.#isDraining) {
        const room = Math.min(LEASE_BATCH, maxTurns - this.#active.size);
        const keys = pickFairly(this.#wanted, room, this.#serving);
        for (const key of keys) this.#wanted.delete(key);
        try {
          for (const lease of await env.store.lease(this.name, { limit: keys.length, keys, ttlMs: leaseTtlMs }))
            this.take(lease);
        } finally {
          this.#answerOffers(keys);
        }
      }
    } catch (error) {
      // The sweep finds the sessions again.
      this.#report(error);
    } finally {
      this.#isLeasing = false;
    }
  }

  #answerOffers(keys: readonly SessionKeyText[]): void {
    if (this.#offers.size === 0) return;
    for (const key of keys) {
      this.#offers.get(key)?.resolve();
      this.#offers.delete(key);
    }
  }

  async #serve(first: Lease): Promise<void> {
    let lease: Lease | undefined = first;
    while (lease !== undefined) {
      const current: Lease = lease;
      try {
        lease = await (isSuspect(current) ? this.#suspectTurn(current) : this.#turn(current));
        if (this.#failures.get(current.key)?.isResting !== true) this.#failures.delete(current.key);
      } catch (error) {
        lease = await this.#recover(current, error);
      }
    }
  }

  /** Runs a turn that may have ended processes before: alone among its like, and on record before it begins. */
  async #suspectTurn(lease: Lease): Promise<Lease | undefined> {
    const trigger = chooseTrigger(lease);
    if (trigger === undefined) return this.#turn(lease);
    if (isCondemned(lease)) return this.#giveUp(lease, trigger, processEnded(lease));
    if (!this.#suspects.enter(lease.key)) return this.#release(lease);
    try {
      await this.#options.env.store.record(lease, markOf(lease, trigger));
      return await this.#turn(lease);
    } finally {
      const next = this.#suspects.leave();
      if (next !== undefined) this.wake(next);
    }
  }

  /** Runs one turn and commits it; returns the lease for the next one. */
  #turn(lease: Lease): Promise<Lease | undefined> {
    const { env, providers } = this.#options;
    const trigger = chooseTrigger(lease);
    if (trigger === undefined) return env.store.release(lease).then(() => undefined);
    const channel = channelOf(lease.key);
    const provider = providers.get(channel);
    if (provider === undefined) return this.#giveUp(lease, trigger, channelMissing(channel));
    if (this.#elsewhere?.isLeft(lease, channel.slice(0, channel.lastIndexOf(":"))) === true) {
      this.#rest(lease.key, ELSEWHERE_REST_MS, 0);
      return this.#release(lease);
    }
    const admitting = admitTurn(env, lease, trigger);
    if (admitting === undefined) return this.#begin(lease, trigger, provider);
    return admitting.then((admitted) => {
      if (admitted.kind === "go") return this.#begin(lease, trigger, provider);
      if (admitted.kind === "deny") return this.#giveUp(lease, trigger, admitted.error);
      // Nothing that was acknowledged is lost: it waits its turn.
      this.#rest(lease.key, admitted.ms, 0);
      return this.#release(lease);
    });
  }

  #begin(lease: Lease, trigger: Trigger, provider: Provider): Promise<Lease | undefined> {
    if (trigger.kind === "message" && this.#files?.isWanted({ trigger, provider }) === true)
      return this.#takeFiles({ lease, trigger, provider }).then((whole) => this.#run(lease, whole, provider));
    return this.#run(lease, trigger, provider);
  }

  #run(lease: Lease, trigger: Trigger, provider: Provider): Promise<Lease | undefined> {
    const { env, waiters } = this.#options;
    const channel = channelOf(lease.key);
    const wantsSteps =
      trigger.kind === "message" && waiters.has({ key: lease.key, dedupeKey: trigger.entry.dedupeKey });
    const { observe, world } = env;
    const startedMs = observe === undefined ? 0 : world.monotonicMs();
    const teamKey = channel.slice(0, channel.lastIndexOf(":"));
    const { turn, pending } = startTurn(env, lease, { trigger, teamKey, wantsSteps });
    if (pending === undefined) return this.#commit(turn, provider, startedMs);
    return this.#keepAlive(turn, pending).then(() => this.#commit(turn, provider, startedMs));
  }

  async #commit(turn: Turn, provider: Provider, startedMs: number): Promise<Lease | undefined> {
    const { env, waiters, onCommit } = this.#options;
    const { lease, trigger } = turn;
    if (env.files !== undefined && hasOutgoingFiles(turn))
      await this.#keepAlive(turn, keepOutgoingFiles(turn, provider, env.files));
    const commit = commitOf(turn, provider);
    const growth = judgeGrowth(turn, commit);
    if (growth?.denied !== undefined) return this.#giveUp(lease, trigger, growth.denied);
    const next = await env.store.commit(lease, commit, { keep: !this.#isDraining });
    if (growth !== undefined) env.quotas.noteStored(parseSessionKey(lease.key), growth.bytes);
    if (env.observe !== undefined) this.#observe(turn, startedMs);
    if (this.#survived.size > 0) this.#survived.delete(lease.key);
    onCommit(lease.key, commit);
    if (trigger.kind === "message") {
      const delivery = { key: lease.key, dedupeKey: trigger.entry.dedupeKey };
      if (waiters.has(delivery)) waiters.resolve(delivery, reportOf(turn));
    }
    return next;
  }

  #observe(turn: Turn, startedMs: number): void {
    const { observe, world } = this.#options.env;
    const flow = turn.lastFlow;
    if (flow === undefined) return;
    observe?.({
      kind: "flow.ended",
      ctx: turn.ctx,
      flow,
      pack: turn.loaded?.name ?? "",
      outcome: turn.error !== undefined ? "error" : turn.stack.length === 0 ? "done" : "waiting",
      atMs: world.nowMs(),
      durationMs: world.monotonicMs() - startedMs,
      ...(turn.error === undefined ? {} : { errorCode: turn.error.code }),
    });
  }

  /** Fetches the files of a message, so that its flow sees what is kept and never a platform's own reference. */
  async #takeFiles(of: {
    readonly lease: Lease;
    readonly trigger: MessageTrigger;
    readonly provider: Provider;
  }): Promise<Trigger> {
    const abort = new AbortController();
    const { promise: givenUp, reject } = Promise.withResolvers<never>();
    const taking = (this.#files as IncomingFiles).take({ ...of, signal: abort.signal });
    // Whatever it still says once it was given up, nobody waits for.
    taking.catch(() => undefined);
    const giveUp = (cause: unknown): void => {
      reject(new TurnAborted(cause));
      abort.abort();
    };
    return this.#keepAlive({ ...of, giveUp }, Promise.race([taking, givenUp]));
  }

  /** Renews the lease while a turn waits for effects; a turn whose lease is gone stops. */
  async #keepAlive<T>(turn: Waiting, pending: Promise<T>): Promise<T> {
    const { env, leaseTtlMs } = this.#options;
    let cancel = (): void => undefined;
    let isOver = false;
    const renew = (): void => {
      // A renewal that is answered behind the turn's end must not keep the session from everybody for ever.
      if (isOver) return;
      cancel = env.world.schedule(leaseTtlMs / 3, () => {
        env.store.renew(turn.lease, leaseTtlMs).then(
          (isHeld) => {
            if (isHeld) renew();
            else turn.giveUp("lease");
          },
          // An outage may pass before the lease does; the fence guards the commit.
          () => renew(),
        );
      });
    };
    renew();
    this.#waiting.set(turn.lease.key, turn);
    const stopTyping = watchTyping(turn, env.world, this.#options.onTyping);
    try {
      return await pending;
    } finally {
      isOver = true;
      stopTyping();
      cancel();
      this.#waiting.delete(turn.lease.key);
    }
  }

  /** Decides after a failed turn: dropped where another worker has the session, else tried again, at last given up. */
  async #recover(lease: Lease, thrown: unknown): Promise<Lease | undefined> {
    const error = thrown instanceof TurnAborted ? thrown.cause : thrown;
    if (error === "lease" || isGreenticError(error, "STORE_FENCE_STALE")) return this.#refused(lease);
    if (error === CANCELLED) return this.#callOff(lease);
    if (error === STOPPED) return this.#release(lease);
    if (isGreenticError(error) && (error.kind === "unavailable" || error.kind === "timeout")) {
      this.#rest(lease.key, STORE_BACKOFF_MS, this.#failures.get(lease.key)?.count ?? 0);
      return this.#release(lease);
    }
    this.#report(error, lease);
    const count = (this.#failures.get(lease.key)?.count ?? 0) + 1;
    const trigger = chooseTrigger(lease);
    if (count >= MAX_FAILURES && trigger !== undefined) {
      this.#failures.delete(lease.key);
      try {
        return await this.#giveUp(lease, trigger, toGreenticError(error, "RUNNER_TURN_FAILED", "Run turn"));
      } catch (failure) {
        return this.#recoverGivingUp(lease, failure);
      }
    }
    const { world } = this.#options.env;
    const jitter = (world.randomBytes(1)[0] ?? 0) / 255;
    this.#rest(lease.key, BACKOFF_MS * 2 ** (count - 1) * (0.5 + jitter), count);
    return this.#release(lease);
  }

  /** Lets go of a session that another worker has. */
  #refused({ key }: Lease): undefined {
    const { observe, world } = this.#options.env;
    const { env, tenant, team, channel } = parseSessionKey(key);
    const ctx = {
      env,
      tenant,
      team,
      session: key,
      provider: channel,
      traceId: "",
      correlationId: "",
      attempt: 1,
      locale: "",
    };
    observe?.({ kind: "fence.refused", ctx, atMs: world.nowMs() });
    return undefined;
  }

  /** Takes a message that nobody wants answered any more out of the inbox; its session is as it was before. */
  async #callOff(lease: Lease): Promise<Lease | undefined> {
    const trigger = chooseTrigger(lease);
    if (trigger === undefined) return this.#release(lease);
    const error = new GreenticError("RUNNER_TURN_CANCELLED", "Run turn: whoever asked for it called it off");
    try {
      return await this.#giveUp(lease, trigger, error);
    } catch (failure) {
      return this.#recoverGivingUp(lease, failure);
    }
  }

  #recoverGivingUp(lease: Lease, failure: unknown): Promise<undefined> {
    if (!isGreenticError(failure, "STORE_FENCE_STALE")) this.#rest(lease.key, STORE_BACKOFF_MS, MAX_FAILURES - 1);
    return this.#release(lease);
  }

  async #release(lease: Lease): Promise<undefined> {
    try {
      await this.#options.env.store.release(lease);
      this.#survived.delete(lease.key);
    } catch {
      // It expires; that its process died is what the store will think then.
      this.#survived.set(lease.key, (this.#survived.get(lease.key) ?? 0) + 1);
    }
    return undefined;
  }

  #rest(key: SessionKeyText, ms: number, count: number): void {
    if (this.#isDraining) return;
    const failure = { count, isResting: true };
    this.#failures.set(key, failure);
    this.#options.env.world.schedule(ms, () => {
      failure.isResting = false;
      // Nothing is known against it; whoever serves it, it needn't be remembered.
      if (count === 0 && this.#failures.get(key) === failure) this.#failures.delete(key);
      this.wake(key);
    });
  }

  /** Moves a message that no turn can handle to the dead letters; the session goes on with what comes next. */
  async #giveUp(lease: Lease, trigger: Trigger, error: GreenticError): Promise<Lease | undefined> {
    const { env, waiters, onCommit } = this.#options;
    const isWanted = error.code !== "RUNNER_TURN_CANCELLED";
    const report: TurnReport = {
      status: "error",
      reply: [],
      output: null,
      session: lease.key,
      error: { code: error.code, message: error.message, retryable: false },
      steps: [],
    };
    const provider = this.#options.providers.get(channelOf(lease.key));
    const answers = provider === undefined ? undefined : answersOf(trigger, provider, () => report);
    const unread = unreadOf(trigger);
    const commit: TurnCommit = {
      consumed: isWanted || unread === undefined ? [] : [unread],
      ...(unread !== undefined && isWanted ? { deadLetters: [{ order: unread, reason: error.code }] } : {}),
      state: [],
      ...leftOver(lease, trigger),
      outbox: [],
      log: [],
      ...(answers === undefined ? {} : { answers }),
    };
    const next = await env.store.commit(lease, commit, { keep: !this.#isDraining });
    if (isWanted && !DENIALS.has(error.code)) this.#report(error, lease);
    onCommit(lease.key, commit);
    if (trigger.kind === "message") {
      waiters.resolve({ key: lease.key, dedupeKey: trigger.entry.dedupeKey }, report);
    }
    return next;
  }

  #report(thrown: unknown, lease?: Lease): void {
    this.#options.env.onError(toGreenticError(thrown, "RUNNER_TURN_FAILED", "Run turn"), lease?.key);
  }
}

function channelMissing(channel: string): GreenticError {
  return new GreenticError("RUNNER_CHANNEL_MISSING", `Run turn: no channel ${quote(channel)} is configured`);
}
