import { openInProcessBus } from "../src/bus/index.ts";
import type { PackApp } from "../src/runner/index.ts";
import { loadCron } from "../src/runner/cron.ts";
import { openRuntime } from "../src/runner/index.ts";
import { createSecretReader } from "../src/secrets/index.ts";
import type { OutboxRow } from "../src/session/index.ts";
import type { Pack } from "../src/pack/index.ts";
import type { Policy } from "../src/types/index.ts";
import { DENY_ALL } from "../src/types/index.ts";
import type { Backing, Clock } from "./backing.ts";
import { MemoryBacking, SqliteBacking, SqliteFileBacking } from "./backing.ts";
import { RecordsBacking } from "./records-backing.ts";
import { check } from "./check.ts";
import { ENV, packOf, placeOf } from "./flows.ts";
import { History, textOf } from "./history.ts";
import { Persons } from "./persons.ts";
import type { Plan, ProcessPlan, TalkKind } from "./plan.ts";
import { STORE } from "./plan.ts";
import { Platforms } from "./platforms.ts";
import { Random } from "./random.ts";
import { Scheduler } from "./scheduler.ts";
import { Shop } from "./shop.ts";
import { SimWire } from "./sim-bus.ts";
import { SimProcess } from "./sim-process.ts";
import type { StoreSwitches } from "./store-server.ts";
import { StoreServer } from "./store-server.ts";
import { Weather } from "./weather.ts";

/** What came of a seed. */
export interface Verdict {
  readonly seed: number;
  /** What was broken, in words; empty where all promises were kept. */
  readonly violations: readonly string[];
  readonly traceHash: string;
  readonly events: number;
  readonly virtualMs: number;
  /** What happened, where it was asked for. */
  readonly trace: readonly string[];
}

export interface RunOptions {
  readonly keepsTrace?: boolean;
  readonly switches?: StoreSwitches;
}

const LEASE_TTL_MS = 6_000;
const SWEEP_MS = 4_000;
/** How long after the last fault everything must be done: claims, backoffs and the longest wait. */
const LIVENESS_MS = 400_000;
/** What ends by itself in time. */
const WAITS: ReadonlySet<string | undefined> = new Set(["more", "delay", "retry"]);
/** How long the run goes on when all is done: what comes twice comes then. */
const LINGER_MS = 1_500;

/** Runs a plan: the production engine over simulated time, store, bus and platforms, and judges what the outside saw. */
export async function simulate(plan: Plan, options: RunOptions = {}): Promise<Verdict> {
  // What the engine loads when it is first needed comes in the machine's time: nothing may wait for that in the run's.
  await loadCron();
  const packs = new Map<TalkKind, Pack>();
  for (const { kind } of plan.talks) packs.set(kind, await packOf(kind));
  return new Simulation(plan, options, packs).run();
}

class Simulation {
  readonly #plan: Plan;
  readonly #packs: ReadonlyMap<TalkKind, Pack>;
  readonly #scheduler: Scheduler;
  readonly #history = new History();
  readonly #weather: Weather;
  readonly #processes = new Map<string, SimProcess>();
  readonly #backing: Backing;
  readonly #server: StoreServer;
  readonly #wire: SimWire;
  readonly #platforms: Platforms;
  readonly #persons: Persons;
  readonly #shop: Shop;
  /** Ids of rows whose fate was ever in doubt, as far as the store has answered anyone. */
  readonly #unknown = new Set<string>();
  /** What the engine threw that it must not throw. */
  readonly #crashes: string[] = [];

  constructor(plan: Plan, options: RunOptions, packs: ReadonlyMap<TalkKind, Pack>) {
    this.#plan = plan;
    this.#packs = packs;
    this.#scheduler = new Scheduler({ keepsTrace: options.keepsTrace === true });
    const { seed } = plan;
    const scheduler = this.#scheduler;
    this.#weather = new Weather(scheduler, plan);
    for (const process of plan.processes) this.#add(process.name, (sim) => this.#boot(sim, process.roles));
    if (!plan.isEmbedded) this.#add(STORE, () => undefined);
    const host = this.#process(plan.isEmbedded ? (plan.processes[0]?.name ?? "") : STORE);
    this.#backing = backingOf(plan, host);
    this.#server = new StoreServer({
      scheduler,
      random: new Random(seed, "store"),
      backing: this.#backing,
      host,
      isEmbedded: plan.isEmbedded,
      isOrdered: plan.isOrdered,
      weather: this.#weather.store,
      switches: options.switches ?? {},
      onRows: (rows) => this.#noteRows(rows),
    });
    this.#wire = new SimWire({ random: new Random(seed, "bus"), weather: this.#weather.bus, scheduler });
    const random = new Random(seed, "platforms");
    const history = this.#history;
    this.#platforms = new Platforms({
      scheduler,
      history,
      random,
      weather: this.#weather.sink,
      isUnknownOnRecord: (id) => this.#unknown.has(id),
    });
    this.#shop = new Shop({
      history,
      random: new Random(seed, "shop"),
      weather: this.#weather.effect,
      nowMs: () => scheduler.nowMs,
    });
    const gateways = plan.processes.filter(({ roles }) => roles.includes("gateway"));
    this.#persons = new Persons({
      scheduler,
      random: new Random(seed, "persons"),
      history,
      weather: this.#weather,
      gateways: gateways.map(({ name }) => this.#process(name)),
    });
  }

  async run(): Promise<Verdict> {
    const { seed, talks, healAtMs } = this.#plan;
    const scheduler = this.#scheduler;
    // A process of Node ends with a rejection that nobody handles.
    const onRejection = (error: unknown): void => void this.#crashes.push(`unhandled: ${String(error)}`);
    process.on("unhandledRejection", onRejection);
    try {
      this.#schedule();
      for (const sim of this.#processes.values()) scheduler.after(0, "", () => sim.start());
      for (const talk of talks) this.#persons.begin(talk);
      const untilMs = healAtMs + LIVENESS_MS;
      let isDone = false;
      // Quiet is asked for now and then: it costs a look at the store.
      while (!isDone && scheduler.nowMs < untilMs && !scheduler.isEndless) {
        await scheduler.run(() => false, Math.min(untilMs, scheduler.nowMs + this.#lookEveryMs()));
        isDone =
          scheduler.nowMs >= healAtMs && this.#persons.isDone && (await this.#isQuiet()) && (await this.#isAsTold());
      }
      await scheduler.run(() => false, scheduler.nowMs + LINGER_MS);
      await this.#readEnd();
      const violations = [
        ...(isDone || (this.#persons.isDone && (await this.#isQuiet()))
          ? []
          : ["never finished: something was still unread, unsent or untaken when all faults were long over"]),
        ...(scheduler.isEndless ? ["never rests: something goes round in circles"] : []),
        ...this.#crashes,
        ...check(this.#history, this.#plan),
      ];
      for (const violation of violations) scheduler.note(`VIOLATION ${violation}`);
      const { traceHash, count: events, nowMs: virtualMs } = scheduler;
      return { seed, violations, traceHash, events, virtualMs, trace: scheduler.lines ?? [] };
    } finally {
      process.off("unhandledRejection", onRejection);
      this.#backing.close();
    }
  }

  #lookEveryMs(): number {
    const { nowMs } = this.#scheduler;
    return nowMs < this.#plan.healAtMs ? this.#plan.healAtMs - nowMs : 1_000;
  }

  #add(name: string, boot: (process: SimProcess) => void): void {
    const { seed, faults, isEmbedded, healAtMs } = this.#plan;
    const isHost = isEmbedded || name === STORE;
    const added = new SimProcess({
      seed,
      name,
      scheduler: this.#scheduler,
      crashes: faults.filter((fault) => fault.kind === "crash").filter((fault) => fault.process === name),
      stalls: faults.filter((fault) => fault.kind === "stall").filter((fault) => fault.process === name),
      healAtMs,
      boot: (sim) => {
        if (isHost) this.#server.open();
        boot(sim);
      },
      ...(isHost ? { onCrash: () => this.#server.crash() } : {}),
    });
    this.#processes.set(name, added);
  }

  #process(name: string): SimProcess {
    const process = this.#processes.get(name);
    if (process === undefined) throw new RangeError(`Simulate: no process ${name}`);
    return process;
  }

  #schedule(): void {
    const scheduler = this.#scheduler;
    for (const fault of this.#plan.faults) {
      if (fault.kind === "crash" || fault.kind === "stall" || fault.kind === "noise" || fault.kind === "outage")
        continue;
      const process = this.#process(fault.process);
      scheduler.after(fault.atMs, "", () => {
        if (fault.kind === "kill") process.crash(fault.restartMs, "killed");
        else if (fault.kind === "pause") process.pause(Math.min(fault.forMs, this.#plan.healAtMs - scheduler.nowMs));
        else if (fault.kind === "clock") process.jumpClock(fault.jumpMs);
        else this.#terminate(process, fault.restartMs);
      });
    }
  }

  #terminate(process: SimProcess, restartMs: number): void {
    const { life } = process;
    process.post(0, `${process.name} is asked to end`, () => {
      void process.runtime?.drain(5_000).then(() => {
        if (process.isAlive(life)) process.crash(restartMs, "it ended");
      });
    });
  }

  #boot(process: SimProcess, roles: ProcessPlan["roles"]): void {
    const { life } = process;
    this.#open(process, roles).catch((error: unknown) => {
      if (process.isAlive(life)) this.#crashes.push(`${process.name} can't start: ${String(error)}`);
    });
  }

  async #open(process: SimProcess, roles: ProcessPlan["roles"]): Promise<void> {
    const { life } = process;
    const { talks, hasOwnBus } = this.#plan;
    const world = process.world();
    const policy: Policy = { ...POLICY, unknownSends: this.#plan.unknownSends };
    const runtime = await openRuntime({
      env: ENV,
      world,
      store: this.#server.connect(process),
      bus: hasOwnBus ? openInProcessBus() : this.#wire.connect(process),
      components: this.#shop.connect(process),
      secrets: createSecretReader([]),
      providers: this.#platforms.connect(process, world, talks),
      apps: this.#apps(),
      policy: () => policy,
      roles,
      isShared: this.#plan.processes.length > 1,
      onError: (error) => {
        const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
        if (process.isAlive(life)) this.#scheduler.note(`${process.name}: ${error.code} ${error.message}${cause}`);
      },
      defaults: { leaseTtlMs: LEASE_TTL_MS, sweepIntervalMs: SWEEP_MS },
    });
    if (!process.isAlive(life)) return;
    process.runtime = runtime;
    runtime.start();
  }

  #apps(): readonly PackApp[] {
    const apps = new Map<string, PackApp>();
    for (const talk of this.#plan.talks) {
      const scope = placeOf(talk);
      const pack = this.#packs.get(talk.kind);
      if (pack !== undefined) apps.set(`${scope.tenant}:${scope.team}`, { scope, pack, defaultFlow: talk.kind });
    }
    return [...apps.values()];
  }

  #noteRows(rows: readonly { readonly id: string; readonly isUnknown: boolean }[]): void {
    for (const { id, isUnknown } of rows) if (isUnknown) this.#unknown.add(id);
  }

  /** Whether all that was to come is there: a turn may be under way whose messages a session keeps. */
  async #isAsTold(): Promise<boolean> {
    await this.#readEnd();
    return check(this.#history, this.#plan).length === 0;
  }

  async #isQuiet(): Promise<boolean> {
    if ([...this.#processes.values()].some(({ isUp }) => !isUp)) return false;
    const store = this.#server.peek();
    const [sessions, rows] = await Promise.all([store.list({ limit: 1_000 }), store.listOutbox({ limit: 1_000 })]);
    return (
      sessions.every(({ unread, session }) => unread === 0 && !WAITS.has(session?.waitReason)) && rows.every(isOver)
    );
  }

  /** What the outside reads when all is over: the logs, and what operators are shown. */
  async #readEnd(): Promise<void> {
    const store = this.#server.peek();
    this.#history.abandoned = [];
    this.#history.deadLetters = [];
    for (const talk of this.#plan.talks)
      if (talk.sink === "web") await this.#persons.read({ runtime: { store } } as never, talk);
    for (const row of await store.listOutbox({ limit: 1_000 })) {
      if (row.status === "abandoned")
        this.#history.abandoned.push({ tenant: row.key.split(":")[1] ?? "", text: textOf(row.payload) });
      else if (row.status === "failed")
        this.#history.deadLetters.push(`row ${JSON.stringify(row.payload)}: ${row.lastError ?? ""}`);
    }
    for (const { envelope, reason } of await store.listDeadLetters({ limit: 1_000 })) {
      this.#history.deadLetters.push(`message ${envelope.text ?? ""}: ${reason}`);
    }
  }
}

const POLICY: Policy = {
  ...DENY_ALL,
  network: { egress: { origins: ["https://shop.example.com"] }, privateAddresses: [] },
};

function isOver({ status }: OutboxRow): boolean {
  return status === "sent" || status === "failed" || status === "abandoned";
}

function backingOf({ backing }: Plan, clock: Clock): Backing {
  if (backing === "memory") return new MemoryBacking();
  if (backing === "records") return new RecordsBacking();
  return backing === "sqlite" ? new SqliteBacking(clock) : new SqliteFileBacking(clock);
}
