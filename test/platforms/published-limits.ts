/** At most `count` requests in any span of `windowMs`, as a platform publishes it. */
export interface PublishedLimit {
  /** Requests of the same name count together. */
  readonly name: string;
  readonly count: number;
  readonly windowMs: number;
  /** Whether only its refusals tell of it. */
  readonly isUnpublished?: boolean;
}

/** What a platform makes of a request: one too many has to wait so long, and it is told whether the limit was published. */
export interface Verdict {
  readonly waitMs: number;
  readonly isPublished: boolean;
}

/** Counts requests against a platform's published limits, without any mercy. */
export class LimitBook {
  /** Times by limit, oldest first, from `heads` on. */
  readonly #times = new Map<string, number[]>();
  readonly #heads = new Map<string, number>();

  /** Counts a request that arrives now; gives how long the platform would have it wait where it is one too many, else 0. */
  take(limits: readonly PublishedLimit[], nowMs: number): Verdict {
    let waitMs = 0;
    let isPublished = false;
    for (const limit of limits) {
      const times = this.#timesOf(limit, nowMs);
      const head = this.#heads.get(keyOf(limit)) ?? 0;
      if (times.length - head < limit.count) continue;
      waitMs = Math.max(waitMs, (times[times.length - limit.count] ?? nowMs) + limit.windowMs - nowMs);
      isPublished ||= limit.isUnpublished !== true;
    }
    if (waitMs <= 0) for (const limit of limits) this.#timesOf(limit, nowMs).push(nowMs);
    return { waitMs, isPublished };
  }

  #timesOf(limit: PublishedLimit, nowMs: number): number[] {
    const key = keyOf(limit);
    let times = this.#times.get(key);
    if (times === undefined) this.#times.set(key, (times = []));
    let head = this.#heads.get(key) ?? 0;
    while (head < times.length && (times[head] ?? 0) <= nowMs - limit.windowMs) head++;
    if (head > 1_000) {
      times.splice(0, head);
      head = 0;
    }
    this.#heads.set(key, head);
    return times;
  }
}

const keyOf = ({ name, windowMs }: PublishedLimit): string => `${name} ${windowMs}`;
