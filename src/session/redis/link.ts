import { randomBytes } from "node:crypto";
import type { GreenticError } from "../../types/index.ts";
import type { RedisClient, RedisNode } from "./client.ts";
import type { Argument } from "./codec.ts";
import { Patience } from "../patience.ts";
import type { Attempt } from "../patience.ts";
import { unavailable } from "../unavailable.ts";
import { redisFailure, remedyFor } from "./failure.ts";
import type { RedisFunction, RedisLibrary } from "./library.ts";
import { checkServers } from "./server-check.ts";
import type { Barrier, Demands } from "./server-check.ts";

/** A server that says nothing for so long is taken for gone. */
const STALL_MS = 4_000;
/** Requests that may wait or be under way; a store that can't keep up says so instead of filling the memory. */
const WAITING_MAX = 20_000;
const BATCH_MAX = 512;
const AGAIN_MS = 50;
/** How long a store that is closed waits for what is under way. */
const CLOSE_MS = 5_000;
/** How long a store waits for its servers when it is opened. */
const OPEN_MS = 10_000;
/** How often those that wait for a server are looked through. */
const LOOK_MS = 200;
const BARRIER_MS = 1_000;
const CHECK_AGAIN_MS = 1_000;
const GONE = "the server can't be reached";

/** Where a request goes. */
export interface Target {
  /** The key that names the slot; the functions find all others by it. */
  readonly key: string;
  /** `now` and `monotonic` as the functions shall see them; absent: the server's clock. */
  readonly clock?: readonly [number, number];
}

interface Request extends Attempt {
  readonly name: RedisFunction;
  readonly target: Target;
  readonly args: readonly Argument[];
  /** Known to the server from the first time, so that a repetition does nothing twice. */
  readonly token: string;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: GreenticError) => void;
  isAgain: boolean;
}

/**
 * Sends requests to the servers: all that are made in one turn of the event loop go out in one write for each slot. Where an answer
 * is lost the request is sent again under its old token, until it is answered or its time is over.
 */
export class RedisLink {
  readonly #client: RedisClient;
  readonly #library: RedisLibrary;
  readonly #demands: Demands;
  readonly #waiting = new Map<string, Request[]>();
  readonly #settled = new Set<Promise<unknown>>();
  readonly #patience = new Patience();
  readonly #name = randomBytes(9).toString("base64url");
  #count = 0;
  #serial = 0;
  #isReady = false;
  #isScheduled = false;
  #isClosed = false;
  /** Set when what is still under way is given up. */
  #isGone = false;
  #barrier: Barrier | undefined;
  #looking: NodeJS.Timeout | undefined;
  /** Why the servers can't be used although they can be reached. */
  #refusal: GreenticError | undefined;
  #preparing: Promise<void> | undefined;

  private constructor(client: RedisClient, library: RedisLibrary, demands: Demands) {
    this.#client = client;
    this.#library = library;
    this.#demands = demands;
  }

  /** Connects and holds the servers to the demands. @throws STORE_UNAVAILABLE, STORE_DURABILITY_WEAK, STORE_SERVER_UNFIT */
  static async open(client: RedisClient, library: RedisLibrary, demands: Demands): Promise<RedisLink> {
    const link = new RedisLink(client, library, demands);
    client.onDown(() => link.#down());
    let late: NodeJS.Timeout | undefined;
    try {
      // A cluster's client tries for ever.
      const isLate = new Promise<never>((_, reject) => {
        late = setTimeout(() => reject(new Error("it takes too long")), OPEN_MS);
      });
      await Promise.race([client.connect().then(() => link.#check()), isLate]);
    } catch (error) {
      client.close();
      // A connection that is refused just closes; why was said before.
      throw redisFailure(remedyFor(error) === "again" ? (client.lastError() ?? error) : error, "Open Redis store");
    } finally {
      clearTimeout(late);
    }
    client.onReady(() => void link.#prepare());
    return link;
  }

  /** Asks for one operation. @throws STORE_UNAVAILABLE, STORE_READ_ONLY */
  call(target: Target, name: RedisFunction, args: readonly Argument[]): Promise<unknown> {
    const refusal = this.#refusalFor(name);
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#count++;
    const answered = new Promise<unknown>((resolve, reject) => {
      // One server takes everything in one write; a cluster takes what lies in one slot.
      const lane = this.#client.kind === "cluster" ? target.key : "";
      const token = `${this.#name}${(++this.#serial).toString(36)}`;
      const startedMs = performance.now();
      this.#enqueue({ lane, target, name, args, token, startedMs, resolve, reject, isAgain: false });
    });
    return this.#track(answered);
  }

  /** Walks the names of keys of one pattern, some thousand at a time; one may come twice. */
  async *scan(pattern: string): AsyncGenerator<readonly string[]> {
    for (const node of this.#client.nodes().masters) {
      let cursor = "0";
      do {
        const page = await node.call("SCAN", cursor, "MATCH", pattern, "COUNT", 2_000).catch((error: unknown) => {
          throw redisFailure(error, "Ask Redis for keys");
        });
        const [next, keys] = page as readonly [string, readonly string[]];
        cursor = next;
        if (keys.length > 0) yield keys;
      } while (cursor !== "0");
    }
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
    this.#client.close();
    await Promise.allSettled(this.#settled);
  }

  async #track(answered: Promise<unknown>): Promise<unknown> {
    this.#settled.add(answered);
    try {
      return await answered;
    } finally {
      this.#count--;
      this.#settled.delete(answered);
    }
  }

  #refusalFor(name: RedisFunction): GreenticError | undefined {
    const doing = `Ask Redis to ${name}`;
    if (this.#isClosed) return unavailable(doing, "the store is closed");
    if (this.#count >= WAITING_MAX) return unavailable(doing, `${WAITING_MAX} requests are waiting already`);
    if (this.#isReady) return undefined;
    return this.#refusal ?? (this.#patience.isHopeless(name) ? unavailable(doing, GONE) : undefined);
  }

  #enqueue(request: Request): void {
    const waiting = this.#waiting.get(request.lane);
    if (waiting === undefined) this.#waiting.set(request.lane, [request]);
    else waiting.push(request);
    if (this.#isReady) this.#schedule();
    else this.#look();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      if (!this.#isReady) {
        this.#look();
        return;
      }
      const lanes = [...this.#waiting.values()];
      this.#waiting.clear();
      for (const requests of lanes) {
        for (let at = 0; at < requests.length; at += BATCH_MAX) void this.#send(requests.slice(at, at + BATCH_MAX));
      }
    });
  }

  async #send(batch: readonly Request[]): Promise<void> {
    const pipeline = this.#client.pipeline();
    for (const { target, name, args, token, isAgain } of batch) {
      const [nowMs, monotonicMs] = target.clock ?? ["", ""];
      const all = [target.key, nowMs, monotonicMs, token, isAgain ? 1 : 0, ...args];
      pipeline.fcall(this.#library.nameOf(name), 1, ...all);
    }
    const barrier = this.#barrier;
    if (barrier?.command === "WAIT") pipeline.call("WAIT", barrier.replicas, BARRIER_MS);
    if (barrier?.command === "WAITAOF") pipeline.call("WAITAOF", 1, barrier.replicas, BARRIER_MS);
    const stalled = setTimeout(() => this.#client.reconnect(), STALL_MS);
    try {
      const results = (await pipeline.exec()) ?? [];
      const isPassed = barrier === undefined || hasPassed(barrier, results[batch.length]);
      for (const [n, request] of batch.entries()) {
        const [error, answer] = results[n] ?? [new Error("no answer")];
        if (error !== null) this.#failed(request, error);
        else if (isPassed) {
          this.#patience.answered(request.lane);
          request.resolve(answer);
        } else this.#failed(request, new Error("not enough disks have it"));
      }
    } catch (error) {
      for (const request of batch) this.#failed(request, error);
    } finally {
      clearTimeout(stalled);
    }
  }

  #failed(request: Request, error: unknown): void {
    const remedy = remedyFor(error);
    const failure = redisFailure(error, `Ask Redis to ${request.name}`);
    if (remedy !== "none") this.#patience.failed(request.lane);
    if (remedy === "none" || this.#isGone || this.#patience.isOver(request)) {
      request.reject(failure);
      return;
    }
    if (remedy === "load") void this.#prepare();
    if (remedy === "reconnect") this.#client.reconnect();
    request.isAgain = true;
    setTimeout(() => this.#enqueue(request), AGAIN_MS);
  }

  #down(): void {
    this.#isReady = false;
    this.#patience.down();
  }

  /** Looks through those that wait for a server, until none does. */
  #look(): void {
    this.#looking ??= setInterval(() => {
      for (const [lane, requests] of this.#waiting) {
        const patient = requests.filter(
          (request) => this.#refusal === undefined && !this.#isGone && !this.#patience.isOver(request),
        );
        for (const request of requests) {
          if (!patient.includes(request))
            request.reject(this.#refusal ?? unavailable(`Ask Redis to ${request.name}`, GONE));
        }
        if (patient.length === 0) this.#waiting.delete(lane);
        else this.#waiting.set(lane, patient);
      }
      if (this.#waiting.size > 0) return;
      clearInterval(this.#looking);
      this.#looking = undefined;
    }, LOOK_MS);
  }

  /** Checks the servers after they came back or changed; only then are requests sent. */
  #prepare(): Promise<void> {
    this.#preparing ??= this.#check()
      .catch((error: unknown) => this.#refuse(error))
      .finally(() => {
        this.#preparing = undefined;
      });
    return this.#preparing;
  }

  /** Holds the servers to the demands and gives them the library. */
  async #check(): Promise<void> {
    this.#barrier = await checkServers(this.#client, this.#demands);
    await Promise.all(this.#client.nodes().masters.map((node) => loadLibrary(node, this.#library)));
    this.#refusal = undefined;
    this.#patience.up();
    this.#isReady = true;
    this.#schedule();
  }

  /** A server that took over may not keep what the one before it did; it is asked again until it does. */
  #refuse(error: unknown): void {
    this.#isReady = false;
    if (remedyFor(error) === "none") {
      this.#refusal = redisFailure(error, "Check Redis server");
    }
    setTimeout(() => {
      if (!this.#isReady && !this.#isClosed) void this.#prepare();
    }, CHECK_AGAIN_MS).unref();
  }
}

async function loadLibrary(node: RedisNode, { code }: RedisLibrary): Promise<void> {
  try {
    await node.call("FUNCTION", "LOAD", code);
  } catch (error) {
    // The name holds the code's hash: what is there is the same.
    if (!(error instanceof Error && error.message.includes("already exists"))) throw error;
  }
}

function hasPassed(barrier: Barrier, result: readonly [Error | null, unknown] | undefined): boolean {
  const [error, answer] = result ?? [new Error("no answer")];
  if (error !== null) return false;
  if (barrier.command === "WAIT") return Number(answer) >= barrier.replicas;
  const [local, replicas] = answer as readonly [number, number];
  return local >= 1 && replicas >= barrier.replicas;
}
