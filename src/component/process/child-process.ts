import type { ChildProcess } from "node:child_process";
import { fork } from "node:child_process";
import { constants, setPriority } from "node:os";
import { readFile } from "node:fs/promises";
import type { Admission } from "./admission-cache.ts";
import { checkResult } from "./check-result.ts";
import { childCode } from "./child-code.ts";
import type { ComponentResult } from "../host.ts";
import type { LinkerLimits } from "../linker/index.ts";
import type { Invocation } from "./invocation.ts";
import type { ToChild, ToParent } from "./messages.ts";

/** Within what a component-host process lives. */
export interface ChildLimits {
  readonly linker: Partial<LinkerLimits>;
  readonly maxHeapMb: number;
  readonly maxRssBytes: number;
  /** How long after its deadline a guest may still hold the thread before the process is killed. */
  readonly killGraceMs: number;
  /** How long the process may leave a ping unanswered. */
  readonly silenceMs: number;
}

/** What a process tells its pool. */
export interface ChildEvents {
  /** A call has ended; how, as far as it was run. */
  readonly onDone: (invocation: Invocation, end: Loss | ComponentResult | undefined) => void;
  /** A call waits for an answer. */
  readonly onAsk: (invocation: Invocation) => void;
  /** A call computes for long and asks for nothing. */
  readonly onHog: (invocation: Invocation, process: ComponentProcess) => void;
  readonly onExit: (child: ComponentProcess) => void;
  /** Gives an admitted component; rejects where it can't be had any more. */
  readonly planOf: (sha256: string) => Promise<Admission>;
}

/** Whose fault it may be that a process ended: that of the one call which held it, or of any where nobody knows. */
export type Loss = "innocent" | "suspect";

interface Flight {
  readonly invocation: Invocation;
  readonly killTimer: NodeJS.Timeout;
  /** Undefined until it is in the process. */
  begunMs: number | undefined;
  /** Questions that this process has not answered yet. */
  openAsks: number;
}

const PAGE_BYTES = 4096;
const HOG_MS = 250;
const MAX_WARM_NOTED = 4096;

/** The flags under which a component-host process runs: it can read its own sources and do nothing else. */
export function childFlags(limits: ChildLimits): readonly string[] {
  const pages = limits.linker.maxMemoryPages ?? 1024;
  return [
    "--permission",
    ...childCode().readable.map((path) => `--allow-fs-read=${path}`),
    `--max-old-space-size=${limits.maxHeapMb}`,
    `--wasm-max-mem-pages=${pages}`,
    `--wasm-max-table-size=${limits.linker.maxTableElements ?? 65_536}`,
    "--disable-proto=delete",
    "--no-warnings",
  ];
}

/** One component-host process and the calls in it; watched, and killed where it doesn't answer or grows too large. */
export class ComponentProcess {
  readonly #limits: ChildLimits;
  readonly #events: ChildEvents;
  readonly #child: ChildProcess;
  readonly #flights = new Map<number, Flight>();
  /** What is in it or on its way. */
  readonly #sent = new Map<string, Promise<void>>();
  /** Keys of calls that were here, the oldest first. */
  readonly #warm = new Set<string>();
  readonly #watch: NodeJS.Timeout;
  /** Milliseconds from spawn to the first word; undefined until then. */
  readyAfterMs: number | undefined;
  readonly #ready = Promise.withResolvers<void>();
  /** For whose sake it was killed. */
  #culprit: Invocation | undefined;
  #isSlow = false;
  #nextId = 0;
  #silentSinceMs: number | undefined;
  #isOver = false;
  /** Somebody waits for its end: a component handed over meanwhile must not let go of the event loop. */
  #isEnding = false;

  constructor(limits: ChildLimits, events: ChildEvents) {
    this.#limits = limits;
    this.#events = events;
    const spawnedMs = performance.now();
    this.#child = fork(childCode().entry, [JSON.stringify(limits.linker)], {
      execArgv: [...childFlags(limits)],
      env: {},
      serialization: "advanced",
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    this.#child.on("message", (message) => {
      this.readyAfterMs ??= performance.now() - spawnedMs;
      this.#ready.resolve();
      // A process that says what makes no sense has been taken over or is broken: either way it ends.
      try {
        this.#receive(message as ToParent);
      } catch {
        this.kill();
      }
    });
    this.#child.on("error", () => (this.#child.pid === undefined ? this.#end() : this.kill()));
    this.#child.once("exit", () => this.#end());
    this.#watch = setInterval(() => void this.#look(), 250);
    this.#watch.unref();
    this.#holdOpen();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Calls in it. */
  get load(): number {
    return this.#flights.size;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether it is left to calls that compute for long. */
  get isSlow(): boolean {
    return this.#isSlow;
  }

  /** Leaves it to calls that compute for long, for good: whoever else has work for a processor goes first. */
  slowDown(): void {
    this.#isSlow = true;
    const { pid } = this.#child;
    try {
      if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_LOW);
    } catch {
      // It has just ended, or the system knows no priorities.
    }
  }

  hasComponent(sha256: string): boolean {
    return this.#sent.has(sha256);
  }

  /** Whether an instance may be here that served calls of this key. */
  mayHaveWarm(key: string): boolean {
    return this.#warm.has(key);
  }

  run(invocation: Invocation): void {
    if (invocation.warmKey !== undefined) this.#noteWarm(invocation.warmKey);
    const id = this.#nextId++;
    // Where this process itself was held up, the result may be there unread: it is read before anyone is killed.
    const overdue = (): void => void setImmediate(() => this.#overdue(id));
    const killTimer = setTimeout(overdue, Math.max(0, invocation.leftMs) + this.#limits.killGraceMs);
    this.#flights.set(id, { invocation, killTimer, begunMs: undefined, openAsks: 0 });
    this.#holdOpen();
    void this.#begin(id, invocation);
  }

  /** Hands the call over behind its components. */
  async #begin(id: number, invocation: Invocation): Promise<void> {
    try {
      // Behind the start, so that a call whose time runs out meanwhile is never begun.
      await Promise.all([this.#ready.promise, ...invocation.components.map((sha256) => this.prepare(sha256))]);
    } catch {
      // What was admitted can't be had again, so the call can't be run here or elsewhere.
      this.#land(id)?.fail("COMPONENT_HOST_LOST", "Call component: it could not be read again");
      return;
    }
    const flight = this.#flights.get(id);
    if (flight?.invocation !== invocation) return;
    flight.begunMs = performance.now();
    this.#send({ kind: "run", id, run: invocation.begin() });
  }

  #overdue(id: number): void {
    const flight = this.#flights.get(id);
    if (flight === undefined) return;
    if (this.readyAfterMs === undefined) {
      this.#land(id)?.fail("COMPONENT_DEADLINE_EXCEEDED", "Call component: no process was ready in its time");
      return;
    }
    this.#culprit = flight.invocation;
    this.kill();
  }

  /** Ends the process at once; the calls in it are lost. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Ends the process and waits until it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#child.once("exit", () => resolve());
    this.#isEnding = true;
    this.#holdOpen();
    this.kill();
    await promise;
  }

  #receive(message: ToParent): void {
    this.#silentSinceMs = undefined;
    switch (message.kind) {
      case "ready":
      case "pong":
        return;
      case "admitted":
      case "refused":
        // It was asked for neither.
        this.kill();
        return;
      case "missing": {
        // The child let go of one for others; this send is behind its word, so none can be lost again before the call.
        const flight = this.#flights.get(message.id);
        if (flight === undefined) return;
        for (const sha256 of flight.invocation.components) this.#sent.delete(sha256);
        void this.#begin(message.id, flight.invocation);
        return;
      }
      case "result": {
        const result = checkResult(message.result);
        if (result === undefined) this.kill();
        else this.#land(message.id, result)?.finish(result);
        return;
      }
      case "ask":
        this.#answer(message.id, message.ask, message).catch(() => this.kill());
        return;
      case "log":
        this.#flights.get(message.id)?.invocation.gate.log(message.line);
    }
  }

  async #answer(id: number, ask: number, { request, part }: Extract<ToParent, { kind: "ask" }>): Promise<void> {
    const flight = this.#flights.get(id);
    if (flight === undefined) return;
    flight.openAsks++;
    this.#events.onAsk(flight.invocation);
    const answer = await flight.invocation.gate.ask(request, part);
    flight.openAsks--;
    if (this.#flights.get(id) === flight) this.#send({ kind: "answer", id, ask, answer });
  }

  #land(id: number, result?: ComponentResult): Invocation | undefined {
    const flight = this.#flights.get(id);
    if (flight === undefined) return undefined;
    clearTimeout(flight.killTimer);
    this.#flights.delete(id);
    this.#holdOpen();
    this.#events.onDone(flight.invocation, result);
    return flight.invocation;
  }

  /** Hands an admitted component over, once. */
  prepare(sha256: string): Promise<void> {
    const sent = this.#sent.get(sha256) ?? this.#handOver(sha256);
    this.#sent.set(sha256, sent);
    return sent;
  }

  async #handOver(sha256: string): Promise<void> {
    try {
      const { info, plan } = await this.#events.planOf(sha256);
      this.#send({ kind: "prepare", info, plan });
    } catch (error) {
      this.#sent.delete(sha256);
      throw error;
    }
  }

  #noteWarm(key: string): void {
    this.#warm.delete(key);
    this.#warm.add(key);
    const [oldest] = this.#warm;
    if (oldest !== undefined && this.#warm.size > MAX_WARM_NOTED) this.#warm.delete(oldest);
  }

  #send(message: ToChild): void {
    this.#holdOpen();
    // A process that is ending can't take it; its exit settles everything.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** Keeps this process's event loop alive exactly as long as something is expected. */
  #holdOpen(): void {
    const { channel } = this.#child;
    if (this.load > 0 || this.#isEnding) {
      this.#child.ref();
      channel?.ref();
    } else {
      this.#child.unref();
      channel?.unref();
    }
  }

  async #look(): Promise<void> {
    if (this.load === 0 || this.readyAfterMs === undefined) return;
    const nowMs = performance.now();
    this.#lookForHog(nowMs);
    if (this.#silentSinceMs === undefined) {
      this.#silentSinceMs = nowMs;
      this.#send({ kind: "ping", id: 0 });
    } else if (nowMs - this.#silentSinceMs > this.#limits.silenceMs) {
      this.kill();
      return;
    }
    const rss = await residentBytes(this.#child.pid);
    if (rss !== undefined && rss > this.#limits.maxRssBytes) this.kill();
  }

  /** The oldest call that asks for nothing is why the younger ones wait. */
  #lookForHog(nowMs: number): void {
    for (const { invocation, begunMs, openAsks } of this.#flights.values()) {
      if (begunMs === undefined || openAsks > 0) continue;
      if (nowMs - begunMs > HOG_MS) this.#events.onHog(invocation, this);
      return;
    }
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#watch);
    const lost = [...this.#flights.values()];
    this.#flights.clear();
    this.#events.onExit(this);
    for (const { invocation, killTimer } of lost) {
      clearTimeout(killTimer);
      const isInnocent = this.#culprit !== undefined && this.#culprit !== invocation;
      this.#events.onDone(invocation, isInnocent ? "innocent" : "suspect");
    }
  }
}

/** Reads a process's resident size; undefined where the system has no `/proc`. */
export async function residentBytes(pid: number | undefined): Promise<number | undefined> {
  try {
    const fields = (await readFile(`/proc/${pid}/statm`, "utf8")).split(" ");
    return Number(fields[1]) * PAGE_BYTES;
  } catch {
    return undefined;
  }
}
