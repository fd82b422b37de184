import { randomBytes } from "node:crypto";
import { Patience } from "../patience.ts";
import type { Attempt } from "../patience.ts";
import { Connection } from "./connection.ts";
import type { Purpose } from "./connection.ts";
import { unavailable } from "../unavailable.ts";
import { postgresFailure, remedyFor } from "./failure.ts";
import type { PostgresFunction } from "./library.ts";

/** A server that says nothing for so long is taken for gone. */
const STALL_MS = 4_000;
/** Requests that may wait or be under way; a store that can't keep up says so instead of filling the memory. */
const WAITING_MAX = 20_000;
const AGAIN_MS = 20;
/** How long a store that is closed waits for what is under way. */
const CLOSE_MS = 5_000;
/** How often those that wait for a server are looked through. */
const LOOK_MS = 200;
const CONNECT_AGAIN_MS = 200;
const REFUSED_AGAIN_MS = 1_000;
const GONE = "the server can't be reached";

interface Request extends Attempt {
  readonly name: PostgresFunction;
  readonly values: (isAgain: boolean) => readonly unknown[];
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  isAgain: boolean;
}

/** What is asked for. */
export interface Ask {
  readonly name: PostgresFunction;
  readonly args: readonly unknown[];
  /** Requests of one lane are done one after the other, in their order; others side by side. */
  readonly lane?: string;
  /** Whether the last argument tells if the request is a repetition. */
  readonly tellsAgain?: boolean;
  /** `now` and `monotonic` as the functions shall see them; absent: the server's clock. */
  readonly clock?: readonly [number, number] | undefined;
}

/**
 * Sends requests to the server, over a handful of connections. Where an answer is lost the request is sent again under its old token,
 * until it is answered or its time is over.
 */
export class PostgresLink {
  readonly #purpose: Purpose;
  readonly #max: number;
  readonly #idle: Connection[] = [];
  readonly #open = new Set<Connection>();
  #opening = 0;
  /** First of each lane may go, the others wait for it. */
  readonly #lanes = new Map<string, Request[]>();
  readonly #queue: Request[] = [];
  readonly #settled = new Set<Promise<unknown>>();
  readonly #patience = new Patience();
  readonly #name = randomBytes(9).toString("base64url");
  #serial = 0;
  #isClosed = false;
  /** Set when what is still under way is given up. */
  #isGone = false;
  /** Why the server can't be used although it can be reached. */
  #refusal: Error | undefined;
  #looking: NodeJS.Timeout | undefined;
  #retrying: NodeJS.Timeout | undefined;

  private constructor(purpose: Purpose, max: number) {
    this.#purpose = purpose;
    this.#max = max;
  }

  /** Connects. @throws STORE_UNAVAILABLE, STORE_DURABILITY_WEAK, STORE_SERVER_UNFIT, STORE_SCHEMA_NEWER */
  static async open(purpose: Purpose, max: number): Promise<PostgresLink> {
    const link = new PostgresLink(purpose, max);
    try {
      link.#add(await Connection.open(purpose, (ended) => link.#remove(ended)));
    } catch (error) {
      throw postgresFailure(error, "Open PostgreSQL store");
    }
    return link;
  }

  /** Asks for one operation. @throws STORE_UNAVAILABLE, STORE_READ_ONLY; RangeError for names that can't be kept */
  call({ name, args, lane, tellsAgain = false, clock }: Ask): Promise<unknown> {
    const refusal = this.#refusalFor(name);
    if (refusal !== undefined) return Promise.reject(refusal);
    const answered = new Promise<unknown>((resolve, reject) => {
      const token = `${this.#name}${(++this.#serial).toString(36)}`;
      const [nowMs, monotonicMs] = clock ?? [null, null];
      this.#enqueue({
        lane: lane ?? token,
        name,
        values: (isAgain) => [nowMs, monotonicMs, token, ...args, ...(tellsAgain ? [isAgain] : [])],
        startedMs: performance.now(),
        resolve,
        reject,
        isAgain: false,
      });
    });
    return this.#track(answered);
  }

  /** Lets what is under way end, for some seconds at most, then closes the connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    let late: NodeJS.Timeout | undefined;
    const isLate = new Promise<void>((resolve) => {
      late = setTimeout(resolve, CLOSE_MS);
    });
    await Promise.race([Promise.allSettled(this.#settled), isLate]);
    clearTimeout(late);
    this.#isGone = true;
    clearTimeout(this.#retrying);
    this.#giveUp();
    const busy = [...this.#open].filter((connection) => !this.#idle.includes(connection));
    for (const connection of busy) connection.destroy();
    await Promise.all(this.#idle.splice(0).map((connection) => connection.close()));
    await Promise.allSettled(this.#settled);
  }

  async #track(answered: Promise<unknown>): Promise<unknown> {
    this.#settled.add(answered);
    try {
      return await answered;
    } finally {
      this.#settled.delete(answered);
    }
  }

  #refusalFor(name: PostgresFunction): Error | undefined {
    const doing = doingOf(name);
    if (this.#isClosed) return unavailable(doing, "the store is closed");
    if (this.#settled.size >= WAITING_MAX) return unavailable(doing, `${WAITING_MAX} requests are waiting already`);
    if (this.#open.size > 0) return undefined;
    return this.#refusal ?? (this.#patience.isHopeless(name) ? unavailable(doing, GONE) : undefined);
  }

  #enqueue(request: Request): void {
    const lane = this.#lanes.get(request.lane);
    if (lane === undefined) {
      this.#lanes.set(request.lane, [request]);
      this.#go(request);
    } else lane.push(request);
  }

  /** Sends the first of a lane, as soon as there is a connection. */
  #go(request: Request): void {
    this.#queue.push(request);
    this.#dispatch();
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const connection = this.#idle.pop();
      if (connection === undefined) break;
      const request = this.#queue.shift();
      if (request === undefined) this.#idle.push(connection);
      else void this.#run(connection, request);
    }
    const isShort = this.#queue.length > this.#opening && this.#open.size + this.#opening < this.#max;
    if (isShort && this.#retrying === undefined && !this.#isGone) void this.#connect();
    if (this.#queue.length > 0) this.#look();
  }

  async #run(connection: Connection, request: Request): Promise<void> {
    const stalled = setTimeout(() => connection.destroy(), STALL_MS);
    try {
      const answer = await connection.run(request.name, request.values(request.isAgain));
      this.#patience.answered("");
      this.#next(request);
      request.resolve(answer);
    } catch (error) {
      this.#failed(connection, request, error);
    } finally {
      clearTimeout(stalled);
      if (connection.isOpen) {
        this.#idle.push(connection);
        this.#dispatch();
      }
    }
  }

  #failed(connection: Connection, request: Request, error: unknown): void {
    const remedy = remedyFor(error);
    if (remedy !== "none") this.#patience.failed("");
    if (remedy === "reconnect" || remedy === "install") this.#drop(connection);
    if (remedy === "none" || this.#isGone || this.#patience.isOver({ ...request, lane: "" })) {
      this.#next(request);
      request.reject(postgresFailure(error, doingOf(request.name)));
      return;
    }
    request.isAgain = true;
    setTimeout(() => this.#go(request), AGAIN_MS);
  }

  /** Lets the following request of a lane go. */
  #next(request: Request): void {
    const lane = this.#lanes.get(request.lane);
    lane?.shift();
    const following = lane?.[0];
    if (following === undefined) this.#lanes.delete(request.lane);
    else this.#go(following);
  }

  async #connect(): Promise<void> {
    this.#opening++;
    try {
      const connection = await Connection.open(this.#purpose, (ended) => this.#remove(ended));
      this.#opening--;
      if (this.#isGone) await connection.close();
      else this.#add(connection);
    } catch (error) {
      this.#opening--;
      const remedy = remedyFor(error);
      if (remedy === "none") this.#refusal = postgresFailure(error, "Check PostgreSQL server");
      this.#connectLater(remedy === "none" ? REFUSED_AGAIN_MS : CONNECT_AGAIN_MS);
    }
  }

  /** A server that is gone is tried again until it is back, whether or not anybody waits. */
  #connectLater(delayMs: number): void {
    if (this.#open.size === 0) this.#patience.down();
    if (this.#retrying !== undefined || this.#isGone) return;
    this.#retrying = setTimeout(() => {
      this.#retrying = undefined;
      if (this.#open.size === 0 && this.#opening === 0 && !this.#isGone) void this.#connect();
      else this.#dispatch();
    }, delayMs);
    this.#retrying.unref();
  }

  #add(connection: Connection): void {
    if (!connection.isOpen) {
      this.#connectLater(CONNECT_AGAIN_MS);
      return;
    }
    this.#open.add(connection);
    this.#idle.push(connection);
    this.#refusal = undefined;
    this.#patience.up();
    this.#dispatch();
  }

  #drop(connection: Connection): void {
    connection.destroy();
    connection.isOpen = false;
    this.#remove(connection);
  }

  #remove(connection: Connection): void {
    this.#open.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    if (this.#open.size > 0 || this.#isGone) return;
    // The others of a server that restarts or fails over are no use either; the first look is at once.
    this.#patience.down();
    if (this.#opening === 0 && this.#retrying === undefined) void this.#connect();
  }

  /** Looks through those that wait for a connection, until none does. */
  #look(): void {
    this.#looking ??= setInterval(() => {
      this.#giveUp();
      if (this.#queue.length > 0) return;
      clearInterval(this.#looking);
      this.#looking = undefined;
    }, LOOK_MS);
  }

  /** Refuses those that have waited long enough, and those behind them in their lanes. */
  #giveUp(): void {
    const hasServer = this.#open.size > 0 && !this.#isGone;
    for (const request of this.#queue.slice()) {
      const lane = this.#lanes.get(request.lane) ?? [request];
      for (const waiting of [...lane].toReversed()) {
        const isOver = this.#patience.isOver({ ...waiting, lane: "" });
        if (!isOver && !this.#isGone && (hasServer || this.#refusal === undefined)) continue;
        lane.splice(lane.indexOf(waiting), 1);
        waiting.reject(this.#refusal ?? unavailable(doingOf(waiting.name), GONE));
      }
      if (lane[0] === request) continue;
      this.#queue.splice(this.#queue.indexOf(request), 1);
      const following = lane[0];
      if (following === undefined) this.#lanes.delete(request.lane);
      else this.#go(following);
    }
    if (this.#queue.length === 0) clearInterval(this.#looking);
    if (this.#queue.length === 0) this.#looking = undefined;
  }
}

function doingOf(name: PostgresFunction): string {
  return `Ask PostgreSQL to ${name}`;
}
