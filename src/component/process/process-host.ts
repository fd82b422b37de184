import { availableParallelism } from "node:os";
import { GreenticError } from "../../types/index.ts";
import type { TenantCtx } from "../../types/index.ts";
import { checkImports } from "../capabilities/declarations.ts";
import type { ComponentGrants } from "../grants.ts";
import type {
  ComponentCall,
  ComponentDescription,
  ComponentHost,
  ComponentInfo,
  ComponentLink,
  ComponentResult,
} from "../host.ts";
import type { LinkerLimits } from "../linker/index.ts";
import type { ChildLimits, Loss } from "./child-process.ts";
import { ComponentProcess } from "./child-process.ts";
import { Admissions } from "./admissions.ts";
import { DESCRIBE_CTX, DescriptionCache } from "./describe-call.ts";
import { Hogs } from "./hogs.ts";
import { Invocation } from "./invocation.ts";
import { Recheck } from "./recheck.ts";
import type { TenantLimits } from "./tenant-queue.ts";
import { TenantQueue } from "./tenant-queue.ts";

/** How many processes run components, and within what. */
export interface ProcessHostOptions {
  /** Default: one less than the machine's processors, at least 1. */
  readonly poolSize?: number;
  /** Calls that one process runs together. Default 32. */
  readonly maxCallsPerProcess?: number;
  /** Default 16 running, two for each process just begun, and 256 waiting. */
  readonly tenant?: Partial<TenantLimits>;
  readonly limits?: Partial<LinkerLimits>;
  /** Resident size at which a process is killed. Default 1.5 GiB. */
  readonly maxRssBytes?: number;
  /** Default 512. */
  readonly maxHeapMb?: number;
  /** Where admitted components are kept between runs; without it every run reads them again. */
  readonly admissionDir?: string;
  /** Within what one component is read: default 30 s and 1 GiB. */
  readonly admission?: { readonly admissionMs?: number; readonly maxRssBytes?: number };
}

/** A call that takes longer is not one of a storm of short ones; it may sleep, ask or compute beside others. */
const YOUNG_MS = 20;
/** How often it is looked whether the process for long calls is still needed. */
const SLOW_LANE_MS = 30_000;
const ADMISSION = { admissionMs: 30_000, maxRssBytes: 1 << 30 };

/**
 * Runs components in processes of their own under Node's permission model. Processes start when they are needed and hold this
 * one open only while calls are in them.
 */
export class ProcessComponentHost implements ComponentHost {
  readonly #poolSize: number;
  readonly #maxCallsPerProcess: number;
  readonly #limits: ChildLimits;
  readonly #admissions: Admissions;
  readonly #queue: TenantQueue<Invocation>;
  readonly #processes = new Set<ComponentProcess>();
  readonly #descriptions = new DescriptionCache();
  readonly #hogs = new Hogs();
  readonly #slowLane = new Recheck(SLOW_LANE_MS, () => this.#endIdle());
  /** Calls that have just begun. */
  readonly #young = new Map<Invocation, NodeJS.Timeout>();
  #isOver = false;

  constructor(options: ProcessHostOptions = {}) {
    this.#poolSize = options.poolSize ?? Math.max(1, availableParallelism() - 1);
    this.#maxCallsPerProcess = options.maxCallsPerProcess ?? 32;
    this.#queue = new TenantQueue({
      maxRunning: 16,
      maxYoung: 2 * this.#poolSize,
      maxWaiting: 256,
      ...options.tenant,
    });
    this.#limits = {
      linker: options.limits ?? {},
      maxHeapMb: options.maxHeapMb ?? 512,
      maxRssBytes: options.maxRssBytes ?? 1536 << 20,
      killGraceMs: 250,
      silenceMs: 5000,
    };
    const limits = { ...this.#limits, ...ADMISSION, ...options.admission };
    this.#admissions = new Admissions(limits, options.admissionDir);
  }

  /** The processes that live now. */
  get processes(): Iterable<ComponentProcess> {
    return this.#processes;
  }

  async admit(bytes: Uint8Array, grants: ComponentGrants): Promise<ComponentInfo> {
    const info = await this.examine(bytes);
    checkImports(info.imports, grants);
    return info;
  }

  async examine(bytes: Uint8Array): Promise<ComponentInfo> {
    return await this.#admissions.admit(bytes);
  }

  invoke(ctx: TenantCtx, call: ComponentCall): Promise<ComponentResult> {
    return this.#run(new Invocation(ctx, call));
  }

  describe(sha256: string, links?: readonly ComponentLink[]): Promise<ComponentDescription> {
    return this.#descriptions.get(sha256, links, (call) => this.#run(new Invocation(DESCRIBE_CTX, call, "describe")));
  }

  async #run(invocation: Invocation): Promise<ComponentResult> {
    if (!invocation.components.every((sha256) => this.#admissions.has(sha256))) {
      throw new GreenticError("COMPONENT_NOT_ADMITTED", "Call component: its hash is unknown");
    }
    if (this.#isOver) invocation.fail("COMPONENT_HOST_LOST", "Call component: the host is ending");
    else if (this.#queue.add(tenantOf(invocation), invocation)) this.#dispatch();
    else invocation.fail("COMPONENT_BUSY", "Call component: too many calls of this tenant wait");
    return invocation.result;
  }

  /** Starts a process with the admitted components in it, so that the first call doesn't wait for that. */
  warm(): void {
    const hashes = [...this.#admissions.hashes];
    if (this.#isOver || hashes.length === 0) return;
    const process = this.#leastLoaded();
    // What can't be read now is read when it is called, and said then.
    for (const sha256 of hashes) process.prepare(sha256).catch(() => undefined);
  }

  /** Ends every process; calls under way end with COMPONENT_HOST_LOST. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    this.#admissions[Symbol.dispose]();
    for (const invocation of this.#queue.drain()) {
      invocation.fail("COMPONENT_HOST_LOST", "Call component: the host is ending");
    }
    await Promise.all([...this.#processes].map((process) => process[Symbol.asyncDispose]()));
  }

  #dispatch(): void {
    while (this.#hasRoom()) {
      const next = this.#queue.take();
      if (next === undefined) return;
      const { item: invocation } = next;
      this.#young.set(invocation, setTimeout(() => this.#grown(invocation), YOUNG_MS).unref());
      if (invocation.leftMs <= 0) {
        this.#ended(invocation);
        invocation.fail("COMPONENT_BUSY", "Call component: its time was over before its turn came");
        continue;
      }
      this.#processFor(invocation).run(invocation);
    }
  }

  /** Makes room for the next call of its tenant, once. */
  #grown(invocation: Invocation): void {
    this.#noYouth(invocation);
    if (!this.#isOver) this.#dispatch();
  }

  #noYouth(invocation: Invocation): void {
    const timer = this.#young.get(invocation);
    if (timer === undefined) return;
    clearTimeout(timer);
    this.#young.delete(invocation);
    this.#queue.grown(tenantOf(invocation));
  }

  #ended(invocation: Invocation): void {
    this.#noYouth(invocation);
    this.#queue.done(tenantOf(invocation));
  }

  #hasRoom(): boolean {
    const lane = this.#lane(false);
    return lane.length < this.#poolSize || lane.some((process) => process.load < this.#maxCallsPerProcess);
  }

  /** The processes for calls that compute for long, or for all others. */
  #lane(isSlow: boolean): readonly ComponentProcess[] {
    return [...this.#processes].filter((process) => process.isSlow === isSlow);
  }

  /** Prefers a process that may have a warm instance, then an idle one that has the component, then the least loaded. */
  #processFor(invocation: Invocation): ComponentProcess {
    const { call, warmKey } = invocation;
    const isSlow = this.#hogs.has(invocation);
    const lane = this.#lane(isSlow);
    const half = this.#maxCallsPerProcess / 2;
    const warm = warmKey && lane.find((process) => process.mayHaveWarm(warmKey) && process.load < half);
    const ready = lane.find((process) => process.load === 0 && process.hasComponent(call.sha256));
    return warm || ready || this.#leastLoaded(isSlow);
  }

  #leastLoaded(isSlow = false): ComponentProcess {
    const lane = this.#lane(isSlow);
    const [best] = lane.toSorted((a, b) => a.load - b.load);
    if (best !== undefined && (best.load === 0 || lane.length >= (isSlow ? 1 : this.#poolSize))) return best;
    return this.#spawn(isSlow);
  }

  /** Leaves the process in which a call computes for long to such calls; others get a new one. */
  #onHog(invocation: Invocation, process: ComponentProcess): void {
    this.#hogs.suspect(invocation);
    if (process.isSlow || this.#lane(true).length > this.#poolSize) return;
    process.slowDown();
    this.#slowLane.plan();
    this.#dispatch();
  }

  /** Ends the processes for long calls once nobody is known to make any; says whether there are some left. */
  #endIdle(): boolean {
    const lane = this.#lane(true);
    for (const process of lane) if (process.load === 0 && !this.#hogs.isAny) process.kill();
    return lane.length > 0;
  }

  #spawn(isSlow: boolean): ComponentProcess {
    const process = new ComponentProcess(this.#limits, {
      planOf: (sha256) => this.#admissions.planOf(sha256),
      onExit: (ended) => this.#processes.delete(ended),
      onDone: (invocation, end) => this.#done(invocation, end),
      onAsk: (invocation) => this.#grown(invocation),
      onHog: (invocation, hogged) => this.#onHog(invocation, hogged),
    });
    if (isSlow) {
      process.slowDown();
      this.#slowLane.plan();
    }
    this.#processes.add(process);
    return process;
  }

  #done(invocation: Invocation, end: Loss | ComponentResult | undefined): void {
    this.#ended(invocation);
    if (typeof end === "string") this.#afterLoss(invocation, end);
    else if (end !== undefined) this.#hogs.judge(invocation, end);
    if (!this.#isOver) this.#dispatch();
  }

  /** Repeats a call that its process took along, where it has time left and changed nothing; once where it may be why. */
  #afterLoss(invocation: Invocation, loss: Loss): void {
    if (invocation.leftMs <= 0) {
      this.#hogs.mark(invocation);
      const afterMs = Math.round(invocation.timeoutMs);
      invocation.fail("COMPONENT_DEADLINE_EXCEEDED", `Call component: its process was stopped after ${afterMs} ms`);
      return;
    }
    if (loss === "suspect") invocation.suspicions++;
    const mayRepeat = !this.#isOver && invocation.suspicions < 2 && !invocation.gate.hadEffect;
    if (mayRepeat && this.#queue.add(tenantOf(invocation), invocation)) return;
    invocation.fail("COMPONENT_HOST_LOST", "Call component: the process that ran it ended");
  }
}

function tenantOf({ ctx }: Invocation): string {
  return `${ctx.env}/${ctx.tenant}`;
}
