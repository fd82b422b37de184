/**
 * Storms: more to send than a platform takes, for ten minutes of virtual time, through the production sender and a channel's own paces,
 * by one process or by two that share a store. The platform counts what arrives, a bit later than it was sent, by what it publishes.
 */
import { openInProcessBus } from "../../src/bus/index.ts";
import type { ComponentHost } from "../../src/component/index.ts";
import type { Provider, SendHttp } from "../../src/messaging/index.ts";
import { providerOf } from "../../src/messaging/index.ts";
import { openRuntime } from "../../src/runner/index.ts";
import { createSecretReader } from "../../src/secrets/index.ts";
import type { SessionStore } from "../../src/session/index.ts";
import { openMemoryStore } from "../../src/session/index.ts";
import type { ChannelMessageEnvelope, World } from "../../src/types/index.ts";
import {
  channelId,
  conversationId,
  DEFAULT_TEAM,
  DENY_ALL,
  envId,
  formatSessionKey,
  tenantId,
  userId,
} from "../../src/types/index.ts";
import { Random } from "../../sim/random.ts";
import { Scheduler } from "../../sim/scheduler.ts";
import type { OpenSmtpLine } from "../../src/messaging/providers/email/smtp-line.ts";
import { createEmailProvider } from "../../src/messaging/providers/email/provider.ts";
import { readSettings } from "../../src/messaging/providers/email/settings.ts";
import { partsOf } from "./channel-settings.ts";
import type { PublishedLimit } from "./published-limits.ts";
import { LimitBook } from "./published-limits.ts";
import { loadMail, MAIL_LIMITS, MAIL_TURNS, mailLines } from "./storm-mail.ts";
import { STORM_PLATFORMS } from "./storm-platforms.ts";

/** A storm to be. */
export interface StormPlan {
  readonly type: Parameters<typeof providerOf>[0];
  /** How many messages wait for each conversation when it begins. */
  readonly load: ReadonlyMap<string, number>;
  /** Processes that send. */
  readonly senders: number;
  /** Milliseconds of virtual time. Default ten minutes. */
  readonly forMs?: number;
}

/** What came of it. */
export interface StormReport {
  /** Messages that the platform took. */
  readonly taken: number;
  /** Requests that came before the platform's limits let them. */
  readonly violations: number;
  /** Conversations whose messages came out of order or twice. */
  readonly disordered: readonly string[];
  /** Rows that were given up. */
  readonly failed: number;
}

const EPOCH_MS = Date.parse("2026-03-05T10:00:00Z");
/** How long a request is under way: what leaves a second apart may arrive closer. */
const [SHORTEST_MS, LONGEST_MS] = [10, 30];
const ANSWER_MS = 60;
const ROWS_A_TURN = 50;

/** Lets a storm loose. */
export async function runStorm(plan: StormPlan): Promise<StormReport> {
  return new Storm(plan).run();
}

class Storm {
  readonly #plan: StormPlan;
  readonly #scheduler: Scheduler;
  readonly #random = new Random(1, "storm");
  readonly #book = new LimitBook();
  readonly #seen = new Map<string, number>();
  readonly #disordered = new Set<string>();
  /** Until when a process was told to wait, by the platform's own words. */
  readonly #told = new Map<number, number>();
  #taken = 0;
  #violations = 0;

  constructor(plan: StormPlan) {
    this.#plan = plan;
    this.#scheduler = new Scheduler({
      keepsTrace: false,
      eventsMax: Number.POSITIVE_INFINITY,
      ...(plan.type === "email" && { turns: MAIL_TURNS }),
    });
  }

  async run(): Promise<StormReport> {
    const { type, senders, forMs = 600_000 } = this.#plan;
    if (type === "email") await loadMail();
    const store = openMemoryStore(this.#world("store"));
    await this.#fill(store);
    for (let at = 0; at < senders; at++) await this.#start(store, at);
    await this.#scheduler.run(() => false, forMs);
    const failed = (await store.listOutbox({ status: "failed" })).length;
    return { taken: this.#taken, violations: this.#violations, disordered: [...this.#disordered], failed };
  }

  #world(name: string): World {
    const random = new Random(1, name);
    return {
      nowMs: () => Math.floor(EPOCH_MS + this.#scheduler.nowMs),
      monotonicMs: () => this.#scheduler.nowMs,
      randomBytes: (size) => random.bytes(size),
      schedule: (delayMs, task) => this.#scheduler.after(delayMs, "", task),
    };
  }

  #provider(world: World, sender: number): Provider {
    const { type } = this.#plan;
    const address = { env: ENV, tenant: TENANT, team: DEFAULT_TEAM, channel: channelId(type) };
    const parts = { ...partsOf(type), world };
    return type === "email"
      ? createEmailProvider({
          ...parts,
          address,
          settings: readSettings(parts.config),
          find: () => Promise.resolve(["192.0.2.25"]),
          openLine: this.#mail(sender),
        })
      : providerOf(type).create(address, { ...parts, http: this.#http(sender) });
  }

  async #start(store: SessionStore, sender: number): Promise<void> {
    const world = this.#world(`sender ${sender}`);
    const runtime = await openRuntime({
      env: ENV,
      world,
      store,
      bus: openInProcessBus(),
      components: {} as ComponentHost,
      secrets: createSecretReader([]),
      providers: [this.#provider(world, sender)],
      apps: [],
      policy: () => DENY_ALL,
      roles: ["egress"],
      isShared: this.#plan.senders > 1,
    });
    runtime.start();
  }

  /** Puts all messages into the outbox, as turns do. */
  async #fill(store: SessionStore): Promise<void> {
    const { load, type } = this.#plan;
    const provider = this.#provider(this.#world("filler"), -1);
    const { env, tenant, team, channel } = provider.address;
    for (const [conversation, count] of load) {
      const key = formatSessionKey({
        env,
        tenant,
        team,
        channel,
        conversation: conversationId(conversation),
        user: userId("u1"),
      });
      for (let from = 0; from < count; from += ROWS_A_TURN) {
        const numbers = Array.from({ length: Math.min(ROWS_A_TURN, count - from) }, (_, at) => from + at);
        const envelope = messageTo(provider, conversation, "go");
        const entry = {
          key,
          dedupeKey: `${conversation} ${from}`,
          receivedAtMs: 0,
          traceId: "0".repeat(32),
          envelope,
          dedupeTtlMs: 1,
        };
        const { lease } = await store.accept(entry, { leaseTo: { worker: "filler", ttlMs: 1_000 } });
        if (lease === undefined) throw new Error("Fill outbox: no lease");
        await store.commit(lease, {
          session: null,
          consumed: lease.inbox.map(({ order }) => order),
          state: [],
          timersDone: [],
          timersNew: [],
          log: [],
          outbox: numbers.flatMap((n) =>
            provider.project(messageTo(provider, conversation, `n=${n};c=${conversation};`)).map((payload) => ({
              id: `${type}-${conversation}-${n}`,
              provider: channel,
              sinkClass: "A" as const,
              payload,
              traceId: "0".repeat(32),
            })),
          ),
        });
      }
    }
  }

  #http(sender: number): SendHttp {
    const platform = STORM_PLATFORMS[this.#plan.type];
    if (platform === undefined) throw new RangeError(`Storm: no platform ${this.#plan.type}`);
    return async (request) => {
      const waitMs = await this.#arrive(sender, platform.limitsOf(request), request.body);
      const answer = waitMs > 0 ? platform.tooMany(waitMs) : platform.taken(request);
      await this.#pass(ANSWER_MS);
      return answer;
    };
  }

  #mail(sender: number): OpenSmtpLine {
    const take = (bytes: Uint8Array): Promise<number> => this.#arrive(sender, MAIL_LIMITS, bytes);
    return mailLines(take, () => this.#pass(ANSWER_MS));
  }

  /** Counts a request once it is there; gives how long it has come too early. */
  async #arrive(
    sender: number,
    limits: readonly PublishedLimit[] | undefined,
    body: Uint8Array | undefined,
  ): Promise<number> {
    await this.#pass(SHORTEST_MS + this.#random.between(0, LONGEST_MS - SHORTEST_MS));
    const nowMs = this.#scheduler.nowMs;
    const { waitMs, isPublished } = this.#book.take(limits ?? [], nowMs);
    if (isPublished) this.#violations++;
    else if (waitMs > 0) this.#refuse(sender, waitMs, nowMs);
    else if (limits !== undefined) this.#note(body);
    return waitMs;
  }

  /** Where only refusals tell the limit, the first ones are no violation: what comes from who was told to wait is. */
  #refuse(sender: number, waitMs: number, nowMs: number): void {
    const isTold = nowMs > (this.#told.get(sender) ?? Number.POSITIVE_INFINITY);
    if (isTold) this.#violations++;
    // What is under way already when the answer comes was sent before it.
    const heardMs = nowMs + ANSWER_MS + LONGEST_MS;
    if (!isTold) {
      this.#told.set(sender, Math.min(this.#told.get(sender) ?? Number.POSITIVE_INFINITY, heardMs));
      this.#scheduler.after(waitMs, "", () => void this.#told.delete(sender));
    }
  }

  #note(body: Uint8Array | undefined): void {
    this.#taken++;
    const [, number = "", conversation = ""] = /n=(\d+);c=([^;]+);/.exec(Buffer.from(body ?? []).toString()) ?? [];
    const last = this.#seen.get(conversation) ?? -1;
    if (Number(number) !== last + 1) this.#disordered.add(conversation);
    this.#seen.set(conversation, Number(number));
  }

  #pass(ms: number): Promise<void> {
    return new Promise((later) => void this.#scheduler.after(ms, "", later));
  }
}

const ENV = envId("test");
const TENANT = tenantId("acme");

function messageTo({ address }: Provider, conversation: string, text: string): ChannelMessageEnvelope {
  return {
    id: "m",
    tenant: { env: address.env, tenant: address.tenant },
    channel: address.channel,
    session_id: conversation,
    text,
    attachments: [],
    metadata: {},
  };
}
