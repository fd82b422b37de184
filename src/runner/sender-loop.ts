import type { BlobStore } from "../blob/index.ts";
import type { OpenFile, Provider } from "../messaging/index.ts";
import type { PolicyGate, Quotas } from "../policy/index.ts";
import type { OutboxRow, SendResult, SessionStore } from "../session/index.ts";
import { channelOf, CLAIM_TTL_MS } from "../session/index.ts";
import type { TurnObserver } from "../telemetry/index.ts";
import type { GreenticError, Policy, SessionKeyText, TenantCtx, World } from "../types/index.ts";
import { channelId, isGreenticError, parseSessionKey, randomHex, toGreenticError } from "../types/index.ts";
import { DoubtfulSends } from "./doubtful-sends.ts";
import { questionOf } from "./policy-questions.ts";
import { RELAY } from "./relay.ts";
import type { Scope } from "./runtime.ts";
import { SendPace } from "./send-pace.ts";
import { ORPHAN_MS } from "./orphans.ts";

export interface SenderOptions {
  readonly world: World;
  readonly store: SessionStore;
  readonly providers: ReadonlyMap<string, Provider>;
  /** Where the files are that rows name. */
  readonly blobs: BlobStore | undefined;
  readonly policy: (scope: Scope) => Policy;
  readonly gate: PolicyGate;
  readonly quotas: Quotas;
  readonly observe: TurnObserver | undefined;
  readonly onError: (error: GreenticError, key: SessionKeyText | undefined) => void;
  /** Told of rows that nobody sends any more unless an operator asks for it, with the code of why. */
  readonly onDead: (row: OutboxRow, code: string) => void;
  /** Sends under way at once. */
  readonly maxSends: number;
  /** How long a claim lasts that isn't renewed. Default longer than any send, which counts for stores without renewal. */
  readonly claimTtlMs: number | undefined;
  /** Whether other processes send by the same channels. */
  readonly isShared: boolean;
}

/** Attempts after which a row that the platform keeps refusing goes to the dead letters. */
const MAX_ATTEMPTS = 10;
/** A platform that asks for a while refuses nothing: such rows are tried for a day, however often it asks. */
const RATE_LIMITED = "MESSAGING_RATE_LIMITED";
const RATE_LIMITED_FOR_MS = 86_400_000;
const MAX_LIMITED_BACKOFF_MS = 8_000;
const BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 300_000;
/** How long a send may take. */
const SEND_TIMEOUT_MS = 45_000;
/** A send whose fate is unknown rests before policy decides: its answer may still show. */
const UNKNOWN_REST_MS = 5_000;
const STORE_BACKOFF_MS = 1_000;
/** When a row is offered again that this process has no channel for, and how long it claims nothing, so that others get it. */
const ELSEWHERE_MS = 500;
const ASIDE_MS = 2_500;

/** Drains the outbox: in order within a conversation, conversations side by side, every attempt on record before and after. */
export class SenderLoop {
  readonly name: string;
  readonly #options: SenderOptions;
  readonly #active = new Set<Promise<void>>();
  /** Rows under way, with the time from which their claims live. */
  readonly #inHand = new Map<OutboxRow, number>();
  readonly #pace: SendPace;
  readonly #doubts: DoubtfulSends;
  readonly #claimTtlMs: number;
  #isRenewing = false;
  #isAside = false;
  #isClaiming = false;
  #isWanted = false;
  #isDraining = false;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.name = `sender-${randomHex(options.world, 8)}`;
    this.#pace = new SendPace(options);
    this.#doubts = new DoubtfulSends(options);
    this.#claimTtlMs = (options.store.renewSends && options.claimTtlMs) ?? CLAIM_TTL_MS;
  }

  /** Says that there may be something to send. */
  wake(): void {
    if (this.#isDraining || this.#isAside) return;
    this.#isWanted = true;
    if (this.#isClaiming) return;
    this.#isClaiming = true;
    queueMicrotask(() => void this.#claim());
  }

  /** Like `wake`; resolves once there is room for more, so that who offers can wait. */
  async offer(): Promise<void> {
    this.wake();
    while (!this.#isDraining && this.#active.size >= this.#options.maxSends) await Promise.race(this.#active);
  }

  /** Starts no more sends and waits for those under way. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#pace.stop();
    while (this.#active.size > 0) await Promise.allSettled(this.#active);
  }

  async #claim(): Promise<void> {
    const { store, maxSends, world } = this.#options;
    try {
      while (this.#isWanted && !this.#isDraining && !this.#isAside && this.#active.size < maxSends) {
        this.#isWanted = false;
        const limit = maxSends - this.#active.size;
        const askedMs = world.monotonicMs();
        const rows = await store.claimSends(this.name, { limit, ttlMs: this.#claimTtlMs });
        for (const row of rows) this.#take(row, askedMs);
        if (rows.length === limit) this.#isWanted = true;
      }
    } catch (error) {
      this.#options.onError(toGreenticError(error, "RUNNER_SEND_FAILED", "Claim sends"), undefined);
      this.#wakeIn(STORE_BACKOFF_MS);
    } finally {
      this.#isClaiming = false;
    }
  }

  #take(row: OutboxRow, claimedMs: number): void {
    const sending = this.#send(row).catch((error: unknown) => {
      // A claim that was lost is another sender's; anything else shows again when the claim expires.
      if (!isGreenticError(error, "STORE_CLAIM_LOST")) {
        this.#options.onError(toGreenticError(error, "RUNNER_SEND_FAILED", "Send row"), row.key);
      }
    });
    this.#active.add(sending);
    this.#inHand.set(row, claimedMs);
    this.#renewLater();
    void sending.finally(() => {
      this.#active.delete(sending);
      this.#inHand.delete(row);
      this.wake();
    });
  }

  /** Keeps the claims on what is in hand, so that others may take over soon what a dead process had. */
  #renewLater(): void {
    const { world, store, onError } = this.#options;
    if (this.#isRenewing || store.renewSends === undefined) return;
    this.#isRenewing = true;
    world.schedule(this.#claimTtlMs / 3, () => {
      this.#isRenewing = false;
      if (this.#inHand.size === 0) return;
      const askedMs = world.monotonicMs();
      const rows = [...this.#inHand.keys()];
      store.renewSends?.(rows, this.name, this.#claimTtlMs).then(
        (renewed) => {
          // A claim that was lost meanwhile stays as old as it is, so that its send isn't begun any more.
          for (const row of rows) if (renewed.has(row.id) && this.#inHand.has(row)) this.#inHand.set(row, askedMs);
        },
        (error: unknown) => onError(toGreenticError(error, "RUNNER_SEND_FAILED", "Renew claims"), undefined),
      );
      this.#renewLater();
    });
  }

  async #send(row: OutboxRow): Promise<void> {
    const { store, providers, world } = this.#options;
    const startedMs = world.monotonicMs();
    const provider = providers.get(channelKeyOf(row));
    const verdict = await this.#judge(row, provider);
    if (verdict !== undefined) return this.#end(row, verdict, startedMs);
    await store.beginSend(row, this.name);
    // Who stood still for so long may have been overtaken: policy may have judged the row, and others of its conversation have left.
    if (world.monotonicMs() - (this.#inHand.get(row) ?? startedMs) >= this.#claimTtlMs)
      return this.#end(row, { kind: "retry", error: "STORE_CLAIM_LOST", notBeforeMs: world.nowMs() }, startedMs);
    return this.#end(row, this.#settle(row, await this.#attempt(row, provider as Provider)), startedMs);
  }

  /** What becomes of a row without sending it; undefined where it is to be sent, once the channel's pace lets it. */
  async #judge(row: OutboxRow, provider: Provider | undefined): Promise<SendResult | undefined> {
    if (provider?.send === undefined) return this.#withoutChannel(row);
    const verdict = row.status === "unknown" ? await this.#doubts.judge(row, provider) : undefined;
    if (verdict !== undefined) return verdict;
    if (this.#options.gate.judges("send") && (await this.#isDenied(row)))
      return { kind: "failed", error: "POLICY_DENIED" };
    return this.#awaitPace(row, provider);
  }

  /** A row that policy denies goes to the dead letters; it can be sent again once the rule is another. */
  async #isDenied(row: OutboxRow): Promise<boolean> {
    // What goes to other sessions of the host leaves nothing.
    if (row.provider === RELAY) return false;
    const ctx = ctxOf(row);
    try {
      await this.#options.gate.check(questionOf(ctx, "send"), ctx);
      return false;
    } catch (error) {
      if (isGreenticError(error, "POLICY_DENIED")) return true;
      throw error;
    }
  }

  /** Where others may have the channel, the row is theirs for a while: configurations change one process after the other. */
  #withoutChannel(row: OutboxRow): SendResult {
    const { isShared, world } = this.#options;
    const error = "RUNNER_CHANNEL_MISSING";
    if (!isShared || world.nowMs() - row.createdAtMs > ORPHAN_MS) return { kind: "failed", error };
    this.#stepAside();
    return { kind: "retry", error, notBeforeMs: world.nowMs() + ELSEWHERE_MS };
  }

  #stepAside(): void {
    if (this.#isAside) return;
    this.#isAside = true;
    this.#options.world.schedule(ASIDE_MS, () => {
      this.#isAside = false;
      this.wake();
    });
  }

  /** Counts a send of its tenant, or says how long it waits; what goes to other sessions of the host leaves nothing. */
  async #takeQuota({ key, provider }: OutboxRow): Promise<number> {
    const { env, tenant } = parseSessionKey(key);
    const { quotas } = this.#options;
    if (provider === RELAY || quotas.of(tenant).sendsPerMinute === undefined) return 0;
    return quotas.takeSend({ env, tenant });
  }

  async #awaitPace(row: OutboxRow, provider: Provider): Promise<SendResult | undefined> {
    const overQuotaMs = await this.#takeQuota(row);
    if (overQuotaMs > 0)
      return { kind: "retry", error: "POLICY_QUOTA_EXCEEDED", notBeforeMs: this.#options.world.nowMs() + overQuotaMs };
    const readyAtMs = await this.#pace.awaitTurn(provider, channelKeyOf(row), parseSessionKey(row.key).conversation);
    return readyAtMs === undefined
      ? undefined
      : { kind: "retry", error: "MESSAGING_RATE_LIMITED", notBeforeMs: readyAtMs };
  }

  async #attempt(row: OutboxRow, provider: Provider): Promise<SendResult> {
    const { world } = this.#options;
    const abort = new AbortController();
    const { promise, resolve } = Promise.withResolvers<SendResult>();
    const cancel = world.schedule(SEND_TIMEOUT_MS, () => {
      abort.abort();
      resolve({ kind: "unknown", error: "RUNNER_SEND_UNKNOWN" });
    });
    const { conversation } = parseSessionKey(row.key);
    const openFile = this.#openFile(row);
    try {
      provider
        .send?.(row.payload, {
          idempotencyKey: row.id,
          conversation,
          signal: abort.signal,
          attempt: row.attempts,
          ...(openFile && { openFile }),
        })
        .then(resolve, (error: unknown) => {
          this.#options.onError(toGreenticError(error, "RUNNER_SEND_FAILED", "Send row"), row.key);
          // A throw says nothing about what the platform got.
          resolve({ kind: "unknown", error: "RUNNER_SEND_FAILED" });
        });
      return await promise;
    } finally {
      cancel();
    }
  }

  /** Opens files of the row's own tenant. */
  #openFile({ key }: OutboxRow): OpenFile | undefined {
    const { blobs } = this.#options;
    return blobs && ((url) => blobs.open(parseSessionKey(key), url));
  }

  /** Bounds attempts and spaces them out. */
  #settle(row: OutboxRow, result: SendResult): SendResult {
    const attempts = row.attempts + 1;
    const nowMs = this.#options.world.nowMs();
    if (result.kind === "retry") {
      if (result.error === RATE_LIMITED && nowMs < row.createdAtMs + RATE_LIMITED_FOR_MS)
        return {
          ...result,
          notBeforeMs: result.notBeforeMs + Math.min(MAX_LIMITED_BACKOFF_MS, this.#backoffMs(attempts)),
        };
      if (attempts >= MAX_ATTEMPTS)
        return { kind: "failed", error: result.error === "" ? "RUNNER_SEND_EXHAUSTED" : result.error };
      return { ...result, notBeforeMs: Math.max(result.notBeforeMs, nowMs + this.#backoffMs(attempts)) };
    }
    if (result.kind === "unknown") {
      if (attempts >= MAX_ATTEMPTS) return { kind: "failed", error: result.error };
      this.#doubts.waited(row);
      return {
        ...result,
        notBeforeMs: Math.max(result.notBeforeMs ?? 0, nowMs + UNKNOWN_REST_MS + this.#backoffMs(attempts)),
      };
    }
    return result;
  }

  #backoffMs(attempts: number): number {
    const jitter = (this.#options.world.randomBytes(1)[0] ?? 0) / 255;
    return Math.min(MAX_BACKOFF_MS, BACKOFF_MS * 2 ** (attempts - 1)) * (0.5 + jitter / 2);
  }

  async #end(row: OutboxRow, result: SendResult, startedMs: number): Promise<void> {
    const { store, world, observe } = this.#options;
    await store.endSend(row, this.name, result);
    if ((result.kind === "retry" || result.kind === "unknown") && result.notBeforeMs !== undefined) {
      this.#wakeIn(result.notBeforeMs - world.nowMs());
    }
    if (result.kind === "failed" || result.kind === "abandoned") this.#options.onDead(row, result.error);
    observe?.({
      kind: "send.ended",
      ctx: ctxOf(row),
      outcome: result.kind,
      atMs: world.nowMs(),
      durationMs: world.monotonicMs() - startedMs,
      ...(result.kind === "sent" ? {} : { errorCode: result.error }),
    });
  }

  #wakeIn(ms: number): void {
    this.#options.world.schedule(Math.max(1, ms), () => this.wake());
  }
}

/** The channel that a row leaves by: its session's own, or the relay of the same team. */
function channelKeyOf(row: OutboxRow): string {
  const own = channelOf(row.key);
  return own.slice(0, own.lastIndexOf(":") + 1) + row.provider;
}

function ctxOf(row: OutboxRow): TenantCtx {
  const key = parseSessionKey(row.key);
  return {
    env: key.env,
    tenant: key.tenant,
    team: key.team,
    user: key.user,
    session: row.key,
    provider: channelId(row.provider),
    traceId: row.traceId,
    correlationId: row.traceId,
    attempt: row.attempts + 1,
    idempotencyKey: row.id,
    locale: "en",
  };
}
