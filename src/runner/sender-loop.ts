import type { Provider } from "../messaging/index.ts";
import type { OutboxRow, SendResult, SessionStore } from "../session/index.ts";
import { channelOf } from "../session/index.ts";
import type { TurnObserver } from "../telemetry/index.ts";
import type { GreenticError, Policy, SessionKeyText, TenantCtx, World } from "../types/index.ts";
import { channelId, isGreenticError, parseSessionKey, randomHex, toGreenticError } from "../types/index.ts";
import type { Scope } from "./runtime.ts";

export interface SenderOptions {
  readonly world: World;
  readonly store: SessionStore;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly policy: (scope: Scope) => Policy;
  readonly observe: TurnObserver | undefined;
  readonly onError: (error: GreenticError, key: SessionKeyText | undefined) => void;
  /** Sends under way at once. */
  readonly maxSends: number;
}

/** Attempts after which a row that the platform keeps refusing goes to the dead letters. */
const MAX_ATTEMPTS = 10;
const BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 300_000;
/** How long a send may take, and how long the claim lasts. */
const SEND_TIMEOUT_MS = 45_000;
const CLAIM_TTL_MS = 60_000;
/** A send whose fate is unknown rests before policy decides: its answer may still show. */
const UNKNOWN_REST_MS = 5_000;
const STORE_BACKOFF_MS = 1_000;
/** How long a row waits in hand for its channel's pace; for longer it goes back to the queue. */
const PACE_WAIT_MS = 2_000;

/** Drains the outbox: in order within a conversation, conversations side by side, every attempt on record before and after. */
export class SenderLoop {
  readonly name: string;
  readonly #options: SenderOptions;
  readonly #active = new Set<Promise<void>>();
  #isClaiming = false;
  #isWanted = false;
  #isDraining = false;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.name = `sender-${randomHex(options.world, 8)}`;
  }

  /** Says that there may be something to send. */
  wake(): void {
    if (this.#isDraining) return;
    this.#isWanted = true;
    if (this.#isClaiming) return;
    this.#isClaiming = true;
    queueMicrotask(() => void this.#claim());
  }

  /** Starts no more sends and waits for those under way. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    while (this.#active.size > 0) await Promise.allSettled(this.#active);
  }

  async #claim(): Promise<void> {
    const { store, maxSends } = this.#options;
    try {
      while (this.#isWanted && !this.#isDraining && this.#active.size < maxSends) {
        this.#isWanted = false;
        const limit = maxSends - this.#active.size;
        const rows = await store.claimSends(this.name, { limit, ttlMs: CLAIM_TTL_MS });
        for (const row of rows) this.#take(row);
        if (rows.length === limit) this.#isWanted = true;
      }
    } catch (error) {
      this.#options.onError(toGreenticError(error, "RUNNER_SEND_FAILED", "Claim sends"), undefined);
      this.#wakeIn(STORE_BACKOFF_MS);
    } finally {
      this.#isClaiming = false;
    }
  }

  #take(row: OutboxRow): void {
    const sending = this.#send(row).catch((error: unknown) => {
      // A claim that was lost is another sender's; anything else shows again when the claim expires.
      if (!isGreenticError(error, "STORE_CLAIM_LOST")) {
        this.#options.onError(toGreenticError(error, "RUNNER_SEND_FAILED", "Send row"), row.key);
      }
    });
    this.#active.add(sending);
    void sending.finally(() => {
      this.#active.delete(sending);
      this.wake();
    });
  }

  async #send(row: OutboxRow): Promise<void> {
    const { store, providers, world } = this.#options;
    const startedMs = world.monotonicMs();
    const provider = providers.get(channelKeyOf(row));
    const verdict = this.#judge(row, provider) ?? (await this.#awaitPace(row, provider));
    if (verdict !== undefined) return this.#end(row, verdict, startedMs);
    await store.beginSend(row, this.name);
    return this.#end(row, this.#settle(row, await this.#attempt(row, provider as Provider)), startedMs);
  }

  /** What becomes of a row without sending it; undefined where it is to be sent. */
  #judge(row: OutboxRow, provider: Provider | undefined): SendResult | undefined {
    if (provider?.send === undefined) return { kind: "failed", error: "RUNNER_CHANNEL_MISSING" };
    if (row.status !== "unknown" || row.sinkClass === "A") return undefined;
    // No provider reads back yet, so a send of class B that is in doubt is judged like an opaque one.
    const { env, tenant, team } = parseSessionKey(row.key);
    const { unknownSends } = this.#options.policy({ env, tenant, team });
    return unknownSends === "at-least-once" ? undefined : { kind: "abandoned", error: "RUNNER_SEND_UNKNOWN" };
  }

  /** Waits for the channel's pace before anything is on record: a crash meanwhile leaves no doubt about a send that never began. */
  async #awaitPace(row: OutboxRow, provider: Provider | undefined): Promise<SendResult | undefined> {
    const { world } = this.#options;
    if (provider?.readyAtMs === undefined) return undefined;
    const { conversation } = parseSessionKey(row.key);
    const giveUpMs = world.nowMs() + PACE_WAIT_MS;
    for (;;) {
      const nowMs = world.nowMs();
      const readyAtMs = provider.readyAtMs(conversation);
      if (readyAtMs <= nowMs) return undefined;
      if (readyAtMs > giveUpMs || this.#isDraining)
        return { kind: "retry", error: "MESSAGING_RATE_LIMITED", notBeforeMs: readyAtMs };
      await new Promise<void>((later) => void world.schedule(readyAtMs - nowMs, later));
    }
  }

  async #attempt(row: OutboxRow, provider: Provider): Promise<SendResult> {
    const { world } = this.#options;
    const abort = new AbortController();
    const { promise, resolve } = Promise.withResolvers<SendResult>();
    const cancel = world.schedule(SEND_TIMEOUT_MS, () => {
      abort.abort();
      resolve({ kind: "unknown", error: "RUNNER_SEND_UNKNOWN" });
    });
    const conversation = parseSessionKey(row.key).conversation;
    try {
      provider
        .send?.(row.payload, { idempotencyKey: row.id, conversation, signal: abort.signal })
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

  /** Bounds attempts and spaces them out. */
  #settle(row: OutboxRow, result: SendResult): SendResult {
    const attempts = row.attempts + 1;
    const nowMs = this.#options.world.nowMs();
    if (result.kind === "retry") {
      if (attempts >= MAX_ATTEMPTS)
        return { kind: "failed", error: result.error === "" ? "RUNNER_SEND_EXHAUSTED" : result.error };
      return { ...result, notBeforeMs: Math.max(result.notBeforeMs, nowMs + this.#backoffMs(attempts)) };
    }
    if (result.kind === "unknown") {
      if (attempts >= MAX_ATTEMPTS) return { kind: "failed", error: result.error };
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
