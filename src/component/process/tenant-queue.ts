/** How much one tenant may have at once. */
export interface TenantLimits {
  /** Calls of one tenant that run together. */
  readonly maxRunning: number;
  /** Calls of one tenant that have just begun: short ones, which come and go by the hundred, never fill a process's line. */
  readonly maxYoung: number;
  /** Calls of one tenant that wait. */
  readonly maxWaiting: number;
}

interface Lane<T> {
  readonly waiting: T[];
  running: number;
  young: number;
}

/** Waiting work by tenant, taken in turn, so that one tenant's flood delays nobody else. */
export class TenantQueue<T> {
  readonly #limits: TenantLimits;
  /** In the order in which tenants get their turn. */
  readonly #lanes = new Map<string, Lane<T>>();

  constructor(limits: TenantLimits) {
    this.#limits = limits;
  }

  /** Adds work; false where the tenant has too much waiting already. */
  add(tenant: string, item: T): boolean {
    let lane = this.#lanes.get(tenant);
    if (lane === undefined) this.#lanes.set(tenant, (lane = { waiting: [], running: 0, young: 0 }));
    if (lane.waiting.length >= this.#limits.maxWaiting) return false;
    lane.waiting.push(item);
    return true;
  }

  /** Takes the next item of the next tenant that may run another, and moves that tenant to the end of the turn. */
  take(): { readonly tenant: string; readonly item: T } | undefined {
    for (const [tenant, lane] of this.#lanes) {
      if (lane.running >= this.#limits.maxRunning || lane.young >= this.#limits.maxYoung) continue;
      const item = lane.waiting.shift();
      if (item === undefined) continue;
      lane.running++;
      lane.young++;
      this.#lanes.delete(tenant);
      this.#lanes.set(tenant, lane);
      return { tenant, item };
    }
    return undefined;
  }

  /** Notes, once for each taken item and before it is done, that it is young no more. */
  grown(tenant: string): void {
    const lane = this.#lanes.get(tenant);
    if (lane !== undefined) lane.young--;
  }

  /** Notes that a taken item is done. */
  done(tenant: string): void {
    const lane = this.#lanes.get(tenant);
    if (lane === undefined) return;
    lane.running--;
    if (lane.running === 0 && lane.waiting.length === 0) this.#lanes.delete(tenant);
  }

  /** Takes everything that waits. */
  drain(): T[] {
    return [...this.#lanes.values()].flatMap((lane) => lane.waiting.splice(0));
  }
}
