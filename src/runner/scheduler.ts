import type { Provider, ReceivedMessage } from "../messaging/index.ts";
import type { SessionStore } from "../session/index.ts";
import type { GreenticError, SessionKeyText, World } from "../types/index.ts";
import { toGreenticError } from "../types/index.ts";
import type { Times } from "./cron.ts";
import { nextOccurrence, previousOccurrences } from "./cron.ts";
import type { OwnRequest } from "./own-envelope.ts";
import { sessionKeyOf } from "./own-envelope.ts";
import { RELAY_USER } from "./relay.ts";
import type { Firing, Scheduled } from "./schedules.ts";
import { FIRING_TTL_MS, lastFired } from "./schedules.ts";

export interface SchedulerOptions {
  readonly world: World;
  readonly store: Pick<SessionStore, "read">;
  /** The schedules that run now, each with the channel of the team that it runs for. */
  readonly scheduled: () => readonly (Scheduled & { readonly relay: Provider })[];
  readonly accept: (relay: Provider, message: ReceivedMessage, request: OwnRequest) => Promise<void>;
  readonly onError: (error: GreenticError, key: SessionKeyText | undefined) => void;
}

/** However far the next firing is: clocks jump, and packs come. */
const LOOK_EVERY_MS = 30_000;
/** A firing that is no older was not missed. */
const GRACE_MS = 60_000;
/** Missed firings that `all` runs, the latest ones. */
const MAX_CAUGHT_UP = 100;

type Placed = Scheduled & { readonly relay: Provider };

/**
 * Starts flows, and channels' events, when their times come. Every worker does so by itself and accepts the same message into the flow's own session:
 * its dedupe key names the firing, so that one of them counts. The session remembers what fired last, by which a host that was away
 * finds out what it missed.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  /** Until when each schedule's calendar was looked at. */
  readonly #seenUntilMs = new Map<string, number>();
  #cancel: (() => void) | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isStopped = true;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#isStopped = false;
    this.look();
  }

  /** Looks at the calendars now: packs have changed. */
  look(): void {
    if (this.#isStopped) return;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#looking = this.#looking.then(() => this.#look());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancel?.();
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { world, scheduled, onError } = this.#options;
    let nextMs = LOOK_EVERY_MS;
    const living = new Set<string>();
    for (const placed of scheduled()) {
      const name = nameOf(placed);
      living.add(name);
      try {
        await this.#fireDue(placed, name);
        const nextAtMs = nextOccurrence(placed.times, world.nowMs());
        if (nextAtMs !== undefined) nextMs = Math.min(nextMs, Math.max(1, nextAtMs - world.nowMs()));
      } catch (error) {
        // What was not accepted is looked at again: `#seenUntilMs` stands where it was.
        nextMs = Math.min(nextMs, 1_000);
        if (!this.#isStopped) onError(toGreenticError(error, "RUNNER_TURN_FAILED", "Start scheduled flow"), undefined);
      }
    }
    for (const name of this.#seenUntilMs.keys()) if (!living.has(name)) this.#seenUntilMs.delete(name);
    // Where nothing is scheduled, the next pack makes it look again.
    if (this.#isStopped || living.size === 0) return;
    this.#cancel?.();
    this.#cancel = world.schedule(nextMs, () => this.look());
  }

  async #fireDue(placed: Placed, name: string): Promise<void> {
    const nowMs = this.#options.world.nowMs();
    const sinceMs = this.#seenUntilMs.get(name) ?? (await this.#since(placed, nowMs));
    for (const atMs of dueBetween(placed, { sinceMs, nowMs })) await this.#accept(placed, atMs, true);
    // A clock that went back looks at its times again; those that have fired are known.
    this.#seenUntilMs.set(name, nowMs);
  }

  /** Since when this host has to answer for a schedule: its last firing, else the day that it was first seen. */
  async #since(placed: Placed, nowMs: number): Promise<number> {
    if (placed.catchUp === "none") return nowMs;
    const found = await this.#options.store.read(sessionKeyOf(placed.relay, this.#message(placed, nowMs)));
    const firedAtMs = lastFired(found?.session?.snapshot)[placed.id];
    if (firedAtMs !== undefined) return firedAtMs;
    await this.#accept(placed, nowMs, false);
    return nowMs;
  }

  async #accept(placed: Placed, atMs: number, isFiring: boolean): Promise<void> {
    const { relay, conversation, id } = placed;
    const { env, tenant, team, channel } = relay.address;
    const firing: Firing = { id, at: atMs };
    const message = this.#message(placed, atMs);
    await this.#options.accept(
      relay,
      {
        ...message,
        dedupeKey: isFiring ? message.dedupeKey : `${message.dedupeKey}:since`,
        envelope: {
          id: `${conversation}-${id}-${atMs}`,
          tenant: { env, tenant, team },
          channel,
          session_id: conversation,
          text: "",
          attachments: [],
          metadata: {},
        },
      },
      isFiring ? { firing, ...placed.requestAt(atMs) } : { firing },
    );
  }

  #message({ conversation, id }: Placed, atMs: number): Omit<ReceivedMessage, "envelope"> {
    return {
      dedupeKey: `${conversation}:${id}:${atMs}`,
      conversation,
      user: RELAY_USER,
      dedupeTtlMs: FIRING_TTL_MS,
    };
  }
}

/** The firings after one instant and up to another that are still to run, by what the schedule says of missed ones. */
function dueBetween(
  { times, catchUp }: Scheduled,
  { sinceMs, nowMs }: { readonly sinceMs: number; readonly nowMs: number },
): readonly number[] {
  const found = occurrencesIn(times, { sinceMs, nowMs });
  const onTime = found.filter((atMs) => atMs > nowMs - GRACE_MS);
  const missed = found.slice(0, found.length - onTime.length);
  if (catchUp === "all") return found;
  return catchUp === "none" || onTime.length > 0 ? onTime : missed.slice(-1);
}

/** The times after one instant and up to another, at most {@link MAX_CAUGHT_UP} and then the latest. */
function occurrencesIn(
  times: Times,
  { sinceMs, nowMs }: { readonly sinceMs: number; readonly nowMs: number },
): readonly number[] {
  const found: number[] = [];
  for (let atMs = nextOccurrence(times, sinceMs); atMs !== undefined && atMs <= nowMs;) {
    found.push(atMs);
    // Looking back costs more than looking ahead; only after a long absence is it cheaper than going through all that was missed.
    if (found.length > MAX_CAUGHT_UP)
      return previousOccurrences(times, { count: MAX_CAUGHT_UP, beforeMs: nowMs + 1 }).toReversed();
    atMs = nextOccurrence(times, atMs);
  }
  return found;
}

function nameOf({ relay, conversation, id }: Placed): string {
  const { tenant, team } = relay.address;
  return `${tenant}\n${team}\n${conversation}\n${id}`;
}
