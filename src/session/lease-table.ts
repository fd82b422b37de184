/** Who holds a session. */
export interface Hold {
  readonly worker: string;
  readonly fence: number;
  /** On the monotonic clock: a jump of the wall clock neither ends nor prolongs a lease. */
  expiresAtMs: number;
  readonly ttlMs: number;
  /** Set once it was seen to be past its time; its fence counts until the session is granted anew. */
  isExpired?: boolean;
}

/** A session as the lease table sees it. */
export interface Leasable {
  readonly key: string;
  hold: Hold | undefined;
  /** Whether it has unread messages or due timers. */
  readonly hasWork: boolean;
}

/** What is asked for less is wanted at once, in its order. */
const FAIR_FROM = 100;
/** How far is looked behind a crowd, in times of what was asked for. */
const LOOK_BEHIND = 20;

/** Which sessions are held by whom, and which free ones have work, longest waiting first. Both embedded stores use it. */
export class LeaseTable<S extends Leasable> {
  readonly #runnable = new Set<S>();
  readonly #held = new Set<S>();
  /** No lease expires before this. */
  #nextExpiryMs = Number.POSITIVE_INFINITY;
  #journal: { readonly key: string; readonly hold: Hold | undefined }[] | undefined;

  /** Starts to keep what `holdsBefore` needs; call it again to start over. */
  startJournal(): void {
    this.#journal = [];
  }

  /** The holds, by session, as they were when the journal was started: what a failed transaction has to go back to. */
  holdsBefore(): Map<string, Hold> {
    const holds = new Map<string, Hold>();
    for (const session of this.#held) if (session.hold !== undefined) holds.set(session.key, session.hold);
    for (const { key, hold } of (this.#journal ?? []).toReversed()) {
      if (hold === undefined) holds.delete(key);
      else holds.set(key, hold);
    }
    return holds;
  }

  /** Files a session anew after its work or its hold changed. */
  refresh(session: S): void {
    const isOpen = session.hold === undefined || session.hold.isExpired === true;
    if (isOpen && session.hasWork) this.#runnable.add(session);
    else this.#runnable.delete(session);
  }

  /** Hands a session to a worker, whoever held it before. */
  grant(session: S, hold: Hold): void {
    this.#note(session);
    session.hold = hold;
    this.#held.add(session);
    this.#runnable.delete(session);
    if (hold.expiresAtMs < this.#nextExpiryMs) this.#nextExpiryMs = hold.expiresAtMs;
  }

  /** Lets a hold live until `expiresAtMs`. */
  renew(session: S, expiresAtMs: number): void {
    if (session.hold === undefined) return;
    this.#note(session);
    session.hold.expiresAtMs = expiresAtMs;
    session.hold.isExpired = false;
    this.#held.add(session);
    this.#runnable.delete(session);
    if (expiresAtMs < this.#nextExpiryMs) this.#nextExpiryMs = expiresAtMs;
  }

  /** Takes a session from whoever holds it. */
  free(session: S): void {
    this.#note(session);
    session.hold = undefined;
    this.#held.delete(session);
    this.refresh(session);
  }

  /** Drops a session that ceases to exist. */
  forget(session: S): void {
    this.#note(session);
    session.hold = undefined;
    this.#held.delete(session);
    this.#runnable.delete(session);
  }

  /** Tells whether a session can be leased at this moment. */
  isFree(session: S, monotonicMs: number): boolean {
    return session.hold === undefined || session.hold.expiresAtMs <= monotonicMs;
  }

  /** Picks up to `limit` sessions that have work and are free. */
  pick(limit: number, monotonicMs: number): S[] {
    this.#expire(monotonicMs);
    if (limit >= FAIR_FROM && this.#runnable.size > limit) return this.#pickFairly(limit);
    const picked: S[] = [];
    for (const session of this.#runnable) {
      if (picked.length >= limit) break;
      picked.push(session);
    }
    return picked;
  }

  /** One tenant's crowd takes half of the room while others wait behind it. */
  #pickFairly(limit: number): S[] {
    const picked: S[] = [];
    const rest: S[] = [];
    const shares = new Map<string, number>();
    let looked = 0;
    for (const session of this.#runnable) {
      if (picked.length >= limit || ++looked > limit * LOOK_BEHIND) break;
      const tenant = session.key.split(":", 2)[1] ?? "";
      const share = shares.get(tenant) ?? 0;
      if (share >= limit / 2) {
        if (rest.length < limit) rest.push(session);
        continue;
      }
      shares.set(tenant, share + 1);
      picked.push(session);
    }
    return [...picked, ...rest.slice(0, limit - picked.length)];
  }

  #note({ key, hold }: S): void {
    this.#journal?.push({ key, hold: hold === undefined ? undefined : { ...hold } });
  }

  #expire(monotonicMs: number): void {
    if (monotonicMs < this.#nextExpiryMs) return;
    let next = Number.POSITIVE_INFINITY;
    for (const session of this.#held) {
      const hold = session.hold;
      if (hold === undefined) continue;
      if (hold.expiresAtMs > monotonicMs) {
        next = Math.min(next, hold.expiresAtMs);
        continue;
      }
      hold.isExpired = true;
      this.refresh(session);
    }
    this.#nextExpiryMs = next;
  }
}
