import type { Composition } from "./composition.ts";

/** How long an instance may serve its tenant. */
export interface WarmLimits {
  /** Calls after which it is let go of. */
  readonly maxCalls: number;
  /** How far its memory may grow beyond what its first call left. */
  readonly maxGrowthBytes: number;
  readonly idleMs: number;
  /** Idle instances of one key; more are let go of. */
  readonly maxIdle: number;
  /** Memory of all idle instances of the process; what was used longest ago goes first. */
  readonly maxBytes: number;
}

export const WARM_LIMITS: WarmLimits = {
  maxCalls: 1000,
  maxGrowthBytes: 16 << 20,
  idleMs: 60_000,
  maxIdle: 4,
  maxBytes: 256 << 20,
};

interface Idle {
  readonly key: string;
  readonly composition: Composition;
  readonly sinceMs: number;
}

/**
 * Instances that wait for another call of the same key: same environment, tenant, pack, components, links and grants. One is taken
 * out for a call and put back behind it, so it never serves two at once, and comes back only after a call that ended well.
 */
export class WarmInstances implements Disposable {
  readonly #limits: WarmLimits;
  /** In the order of their last use. */
  #idle: readonly Idle[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: WarmLimits = WARM_LIMITS) {
    this.#limits = limits;
  }

  /** Takes the instance that was used last. */
  take(key: string): Composition | undefined {
    const found = this.#idle.findLast((idle) => idle.key === key);
    if (found !== undefined) this.#idle = this.#idle.filter((idle) => idle !== found);
    return found?.composition;
  }

  /** Puts an instance back, or lets go of it where it is worn out. */
  put(key: string, composition: Composition): void {
    const { maxCalls, maxGrowthBytes, maxIdle, maxBytes } = this.#limits;
    const others = this.#idle.filter((idle) => idle.key === key).length;
    if (composition.calls >= maxCalls || composition.growthBytes > maxGrowthBytes || others >= maxIdle) {
      composition[Symbol.dispose]();
      return;
    }
    this.#idle = [...this.#idle, { key, composition, sinceMs: performance.now() }];
    let bytes = this.#idle.reduce((sum, idle) => sum + idle.composition.memoryBytes, 0);
    this.#letGo(({ composition: { memoryBytes } }) => {
      const isOver = bytes > maxBytes;
      if (isOver) bytes -= memoryBytes;
      return isOver;
    });
    this.#schedule();
  }

  /** Lets go of every instance in which a component takes part. */
  forget(sha256: string): void {
    this.#letGo(({ composition }) => composition.uses(sha256));
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#letGo(() => true);
  }

  #letGo(isOver: (idle: Idle) => boolean): void {
    const kept: Idle[] = [];
    for (const idle of this.#idle) {
      if (isOver(idle)) idle.composition[Symbol.dispose]();
      else kept.push(idle);
    }
    this.#idle = kept;
  }

  #schedule(): void {
    const [oldest] = this.#idle;
    if (this.#timer !== undefined || oldest === undefined) return;
    const leftMs = Math.max(0, oldest.sinceMs + this.#limits.idleMs - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const nowMs = performance.now();
      this.#letGo(({ sinceMs }) => nowMs - sinceMs >= this.#limits.idleMs);
      this.#schedule();
    }, leftMs + 1);
    this.#timer.unref();
  }
}
