import type { IngressEntry, SendResult, SessionStore } from "../src/session/index.ts";
import { CLAIM_TTL_MS } from "../src/session/index.ts";
import type { RawIngress } from "../src/session/sqlite-protocol.ts";
import { SqliteSessionStore } from "../src/session/sqlite-store.ts";
import type { World } from "../src/types/index.ts";
import { GreenticError } from "../src/types/index.ts";
import type { Backing, StoreAnswer, StoreCall } from "./backing.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SimProcess } from "./sim-process.ts";

/** An operation that waits for its flush. */
interface Waiting extends StoreCall {
  readonly answer: (answer: StoreAnswer) => void;
}

/** What may go wrong between a process and the store, asked for each operation. */
export interface StoreWeather {
  /** Whether the store refuses: a full disk, a server that is starting. */
  isRefusing(): boolean;
  losesRequest(): boolean;
  losesAnswer(): boolean;
  /** Extra time that a message takes. */
  lateMs(): number;
}

/** Faults of the store itself that only planted bugs have. */
export interface StoreSwitches {
  readonly acksBeforeJournal?: boolean;
  readonly skipsFlush?: boolean;
}

export interface StoreServerOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly backing: Backing;
  /** The process that it runs in. */
  readonly host: SimProcess;
  /** Whether the host is the only client: then nothing is between them. */
  readonly isEmbedded: boolean;
  readonly isOrdered: boolean;
  readonly weather: StoreWeather;
  readonly switches: StoreSwitches;
  /** Told of rows as the store's answers show them. */
  readonly onRows: (rows: readonly { readonly id: string; readonly isUnknown: boolean }[]) => void;
}

const NEVER = new Promise<never>(() => undefined);
const ANSWER_TIMEOUT_MS = 2_000;

/**
 * The durable store behind all processes. Operations that wait when it wakes go into one batch, one flush, and are answered behind
 * it; what a crash finds unflushed is gone.
 */
export class StoreServer {
  readonly #options: StoreServerOptions;
  #waiting: Waiting[] = [];
  #isDirty = false;
  /** Until when claims may live that senders made before the host died; by its monotonic clock. */
  #claimedUntilMs = 0;

  constructor(options: StoreServerOptions) {
    this.#options = options;
  }

  /** The host died: what waits is lost, and what clients wait for doesn't come. */
  crash(): void {
    const { isEmbedded, scheduler } = this.#options;
    const lost = this.#waiting;
    this.#waiting = [];
    this.#isDirty = true;
    if (isEmbedded) return;
    for (const { answer } of lost) scheduler.after(1, "", () => answer(unavailable("its server went")));
  }

  /** The host starts: what is durable is there again. */
  open(): void {
    const { backing, host, isEmbedded } = this.#options;
    if (this.#isDirty) {
      backing.recover(host);
      // SQLite's claims end with it, since its senders do; those of a server that processes share outlive it.
      if (!isEmbedded && backing.has === undefined) this.#claimedUntilMs = host.monotonicMs + CLAIM_TTL_MS;
    }
    this.#isDirty = false;
  }

  submit(call: Waiting): void {
    const { host, random } = this.#options;
    if (!host.isUp) return call.answer(unavailable("nobody listens"));
    this.#waiting.push(call);
    if (this.#waiting.length === 1) host.post(random.between(0.05, 1.5), "", () => void this.#flush());
  }

  async #flush(): Promise<void> {
    const { host, backing, random, switches, scheduler } = this.#options;
    const batch = this.#waiting;
    if (switches.acksBeforeJournal === true) return this.#flushLate(batch);
    if (host.reach("flush.before")) {
      // The batch was among what the crash lost; with a real file some of it may be on disk.
      backing.tear?.(batch, host, random);
      if (backing.tear !== undefined) this.#isDirty = false;
      return;
    }
    this.#waiting = [];
    const answers = await backing.apply(this.#own(batch), { nowMs: host.nowMs, monotonicMs: host.monotonicMs });
    if (switches.skipsFlush !== true || random.chance(0.1)) backing.flush();
    scheduler.note(`store: ${batch.map(({ op }, i) => wordOf(op, answers[i])).join(", ")}`);
    for (const [i, call] of batch.entries()) this.#tellRows(call, answers[i]);
    if (host.reach("flush.after")) {
      if (!this.#options.isEmbedded) for (const { answer } of batch) answer(unavailable("its server went"));
      return;
    }
    for (const [i, { answer }] of batch.entries()) answer(answers[i] as StoreAnswer);
  }

  /** Calls as a server of its own takes them: by its clock, and with the claims that it knows of from before it died. */
  #own(batch: readonly Waiting[]): readonly StoreCall[] {
    const { host, isEmbedded } = this.#options;
    if (isEmbedded) return batch;
    const isHeld = host.monotonicMs < this.#claimedUntilMs;
    return batch.map(({ op, args }) => {
      if (op === "accept") return { op, args: arrivedAt(args, host.nowMs) };
      // No row is claimed where none is asked for.
      if (op === "claimSends" && isHeld) return { op, args: [args[0], 0, args[2]] };
      return { op, args };
    });
  }

  /** A planted bug: what is answered is written only later. */
  async #flushLate(batch: readonly Waiting[]): Promise<void> {
    const { host, backing, scheduler } = this.#options;
    this.#waiting = [];
    const answers = await backing.apply(batch, { nowMs: host.nowMs, monotonicMs: host.monotonicMs });
    scheduler.note(`store: ${batch.map(({ op }, i) => wordOf(op, answers[i])).join(", ")} (unwritten)`);
    for (const [i, { answer }] of batch.entries()) answer(answers[i] as StoreAnswer);
    if (!host.reach("flush.before")) host.post(20, "", () => backing.flush());
  }

  /** What an operator could read by now: rows that are in doubt. */
  #tellRows({ op, args }: StoreCall, answer: StoreAnswer | undefined): void {
    if (answer === undefined || "error" in answer) return;
    if (op === "endSend") {
      const [{ id }] = args as readonly [{ readonly id: string }];
      this.#options.onRows([{ id, isUnknown: (args.at(-1) as SendResult).kind === "unknown" }]);
    } else if (op === "claimSends") {
      const rows = answer.result as readonly {
        readonly id: string;
        readonly wasUnknown?: boolean;
        readonly was_unknown?: number;
      }[];
      this.#options.onRows(
        rows.map((row) => ({ id: row.id, isUnknown: row.wasUnknown === true || row.was_unknown === 1 })),
      );
    }
  }

  /** The store as somebody sees it who stands beside all this: without time, faults or losses. */
  peek(): SessionStore {
    const { backing, host } = this.#options;
    return this.#over(host.world(), async (op, args) => {
      const [answer] = await backing.apply([{ op, args }], { nowMs: host.nowMs, monotonicMs: host.monotonicMs });
      if (answer === undefined || "error" in answer) throw answer?.error;
      return answer.result;
    });
  }

  /** The store as one life of a process sees it. */
  connect(process: SimProcess): SessionStore {
    const client = new StoreClient(process, this, this.#options);
    return this.#over(process.world(), (op, args) => client.call(op, args));
  }

  #over(world: World, call: (op: string, args: readonly unknown[]) => Promise<unknown>): SessionStore {
    if (this.#options.backing.has === undefined) {
      const link = {
        call: (name: string, ...args: readonly unknown[]) => call(name, args) as never,
        close: async () => undefined,
      };
      return new SqliteSessionStore(link, world);
    }
    return new Proxy({} as SessionStore, {
      get: (_target, name) => {
        if (name === "isDurable") return true;
        if (typeof name === "symbol") return name === Symbol.asyncDispose ? async () => undefined : undefined;
        // What a store need not have is asked for by looking.
        if (this.#options.backing.has?.(name) === false) return undefined;
        return (...args: readonly unknown[]) => call(name, args);
      },
    });
  }
}

/** One life's connection. */
class StoreClient {
  readonly #process: SimProcess;
  readonly #life: number;
  readonly #server: StoreServer;
  readonly #options: StoreServerOptions;
  #lastArrivalMs = 0;
  #lastAnswerMs = 0;

  constructor(process: SimProcess, server: StoreServer, options: StoreServerOptions) {
    this.#process = process;
    this.#life = process.life;
    this.#server = server;
    this.#options = options;
  }

  call(op: string, args: readonly unknown[]): Promise<unknown> {
    const process = this.#process;
    if (!process.isAlive(this.#life) || process.reach(`${op}.before`)) return NEVER;
    const { isEmbedded, scheduler, weather } = this.#options;
    return new Promise((resolve, reject) => {
      const settle = (answer: StoreAnswer): void => {
        if (process.reach(`${op}.after`)) return;
        if ("error" in answer) reject(answer.error);
        else resolve(answer.result);
      };
      const respond = (answer: StoreAnswer, delayMs: number): void => {
        if (process.isAlive(this.#life))
          process.post(delayMs, "error" in answer ? `${process.name}: ${op} fails` : "", () => settle(answer));
      };
      if (weather.isRefusing()) return respond(unavailable("it refuses"), 1);
      if (isEmbedded) return this.#server.submit({ op, args, answer: (answer) => respond(answer, 0) });
      if (weather.losesRequest()) return respond(unavailable("no answer came"), ANSWER_TIMEOUT_MS);
      const answer = (given: StoreAnswer): void => {
        if (weather.losesAnswer()) return respond(unavailable("no answer came"), ANSWER_TIMEOUT_MS);
        this.#lastAnswerMs = this.#arrival(this.#lastAnswerMs);
        respond(given, this.#lastAnswerMs - scheduler.nowMs);
      };
      this.#lastArrivalMs = this.#arrival(this.#lastArrivalMs);
      // On its way it is nobody's: it arrives though who sent it be dead by then.
      scheduler.after(this.#lastArrivalMs - scheduler.nowMs, "", () => this.#server.submit({ op, args, answer }));
    });
  }

  #arrival(afterMs: number): number {
    const { random, scheduler, weather, isOrdered } = this.#options;
    const atMs = scheduler.nowMs + random.between(0.1, 1) + weather.lateMs();
    return isOrdered ? Math.max(atMs, afterMs) : atMs;
  }
}

/**
 * The arguments of an `accept` whose message arrives by a server's own clock. SQLite's caller keeps the message that its lease is for,
 * so what asks for a lease stays as it is.
 */
function arrivedAt([entry, ...rest]: readonly unknown[], nowMs: number): readonly unknown[] {
  if (!Array.isArray(entry)) return [{ ...(entry as IngressEntry), receivedAtMs: nowMs }, ...rest];
  const [key, dedupe, , trace, body, ttl, isUnnamed, log, worker, leaseTtl, logKeepMs] = entry as unknown as RawIngress;
  const received: RawIngress = [key, dedupe, nowMs, trace, body, ttl, isUnnamed, log, worker, leaseTtl, logKeepMs];
  return worker === undefined ? [received, ...rest] : [entry, ...rest];
}

function unavailable(state: string): StoreAnswer {
  return { error: new GreenticError("STORE_UNAVAILABLE", `Use session store: ${state}`) };
}

function wordOf(op: string, answer: StoreAnswer | undefined): string {
  if (answer !== undefined && "error" in answer) return `${op} refused (${answer.error.message})`;
  return op;
}
