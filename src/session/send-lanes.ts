import { DueHeap } from "./due-heap.ts";

/** A row that waits to be sent, as the lanes see it. */
export interface LaneRow {
  readonly order: number;
  readonly notBeforeMs: number;
  readonly attempts: number;
}

/** Who holds a lane's first row. */
export interface Claim {
  readonly sender: string;
  /** On the monotonic clock. */
  readonly expiresAtMs: number;
  /** The row's attempts when it was claimed: tells this claim from a later one by the same sender. */
  readonly attempts: number;
  /** The row's order: a lane that was read back after its first row had been erased must not hold the next one instead. */
  readonly order: number;
  hasBegun: boolean;
  /** Set once the row was dropped under its holder: it leaves the lane when it is given back. */
  isGone?: boolean;
}

interface Lane<R> {
  readonly conversation: string;
  /** By order; only the first may leave. */
  readonly rows: R[];
  claim: Claim | undefined;
  /** When the delay under which it was last filed ends; tells living entries of the heap from stale ones. */
  delayedUntilMs: number;
}

/** What a sender says about the row that it holds. */
export interface ClaimedRow {
  readonly conversation: string;
  readonly order: number;
  readonly attempts: number;
  readonly sender: string;
}

/**
 * One lane a conversation, with the rows that are yet to leave it: the first is ready, delayed or claimed. Both embedded stores
 * keep this in memory, about 300 bytes a conversation that has something to send.
 */
export class SendLanes<R extends LaneRow> {
  readonly #lanes = new Map<string, Lane<R>>();
  readonly #ready = new Set<Lane<R>>();
  readonly #claimed = new Set<Lane<R>>();
  readonly #delayed = new DueHeap<Lane<R>>();
  #nextExpiryMs = Number.POSITIVE_INFINITY;
  #journal: { readonly conversation: string; readonly claim: Claim | undefined }[] | undefined;

  /** Starts to keep what `claimsBefore` needs; call it again to start over. */
  startJournal(): void {
    this.#journal = [];
  }

  /** The claims, by conversation, as they were when the journal was started: what a failed transaction has to go back to. */
  claimsBefore(): Map<string, Claim> {
    const claims = new Map<string, Claim>();
    for (const { conversation, claim } of this.#claimed) if (claim !== undefined) claims.set(conversation, claim);
    for (const { conversation, claim } of (this.#journal ?? []).toReversed()) {
      if (claim === undefined) claims.delete(conversation);
      else claims.set(conversation, claim);
    }
    return claims;
  }

  /** Gives lanes their claims back after a failed transaction. */
  restore(claims: ReadonlyMap<string, Claim>): void {
    for (const [conversation, claim] of claims) {
      const lane = this.#lanes.get(conversation);
      if (lane?.rows[0]?.order === claim.order) this.#hold(lane, claim);
    }
  }

  /** Adds a row where its order belongs. */
  add(conversation: string, row: R): void {
    const lane = this.#lanes.get(conversation);
    if (lane === undefined) {
      const created: Lane<R> = { conversation, rows: [row], claim: undefined, delayedUntilMs: 0 };
      this.#lanes.set(conversation, created);
      this.#file(created);
      return;
    }
    const last = lane.rows.at(-1);
    if (last === undefined || last.order < row.order) {
      lane.rows.push(row);
      return;
    }
    // A row that was given up and is tried again may be older than what waits; it never overtakes the one under way.
    const from = lane.claim === undefined ? 0 : 1;
    let at = lane.rows.findIndex((other, index) => index >= from && other.order > row.order);
    if (at < 0) at = lane.rows.length;
    lane.rows.splice(at, 0, row);
    if (at === 0) this.#file(lane);
  }

  /** Claims the first rows of up to `limit` lanes that are ready. Call `expire` first. */
  claim(sender: string, limit: number, clock: { readonly nowMs: number; readonly expiresAtMs: number }): R[] {
    this.#wake(clock.nowMs);
    const rows: R[] = [];
    for (const lane of this.#ready) {
      if (rows.length >= limit) break;
      const row = lane.rows[0];
      if (row === undefined) continue;
      if (row.notBeforeMs > clock.nowMs) {
        this.#file(lane);
        continue;
      }
      this.#note(lane);
      const { attempts, order } = row;
      this.#hold(lane, { sender, expiresAtMs: clock.expiresAtMs, attempts, order, hasBegun: false });
      rows.push(row);
    }
    return rows;
  }

  /** Frees rows whose claims expired and returns those whose sending had begun: nobody knows their fate. */
  expire(monotonicMs: number): R[] {
    if (monotonicMs < this.#nextExpiryMs) return [];
    const begun: R[] = [];
    let next = Number.POSITIVE_INFINITY;
    for (const lane of this.#claimed) {
      const claim = lane.claim;
      if (claim !== undefined && claim.expiresAtMs > monotonicMs) {
        next = Math.min(next, claim.expiresAtMs);
        continue;
      }
      const row = lane.rows[0];
      if (claim?.hasBegun === true && claim.isGone !== true && row !== undefined) begun.push(row);
      this.#unclaim(lane);
    }
    this.#nextExpiryMs = next;
    return begun;
  }

  /** Finds the row that a sender holds; undefined once its claim is lost. */
  held(claimed: ClaimedRow): { readonly row: R; readonly hasBegun: boolean; readonly isGone: boolean } | undefined {
    const lane = this.#heldLane(claimed);
    const row = lane?.rows[0];
    const claim = lane?.claim;
    return row === undefined || claim === undefined
      ? undefined
      : { row, hasBegun: claim.hasBegun, isGone: claim.isGone === true };
  }

  /** Tells whether a sender holds a row. */
  isHeld(conversation: string, order: number): boolean {
    const lane = this.#lanes.get(conversation);
    return lane?.claim !== undefined && lane.rows[0]?.order === order;
  }

  /** Notes that the sending of a held row has begun. */
  begin(claimed: ClaimedRow): void {
    const lane = this.#heldLane(claimed);
    if (lane?.claim === undefined) return;
    this.#note(lane);
    lane.claim.hasBegun = true;
  }

  /** Gives a held row back: it leaves the lane, or stays first (`keep`), maybe delayed. */
  end(claimed: ClaimedRow, keep?: R): void {
    const lane = this.#heldLane(claimed);
    if (lane === undefined) return;
    if (lane.claim?.isGone !== true) {
      if (keep === undefined) lane.rows.shift();
      else lane.rows[0] = keep;
    }
    this.#unclaim(lane);
  }

  /** Takes rows out of a lane for good; the one that a sender holds leaves it when it is given back. */
  drop(conversation: string, isGone: (row: R) => boolean): void {
    const lane = this.#lanes.get(conversation);
    if (lane === undefined) return;
    const [first] = lane.rows;
    const { claim } = lane;
    const kept = lane.rows.filter((row) => (claim !== undefined && row === first) || !isGone(row));
    lane.rows.splice(0, lane.rows.length, ...kept);
    if (claim !== undefined) {
      if (first === undefined || !isGone(first)) return;
      this.#note(lane);
      claim.isGone = true;
      return;
    }
    this.#ready.delete(lane);
    if (lane.rows.length === 0) this.#lanes.delete(conversation);
    else this.#file(lane);
  }

  /** Exchanges a waiting row, e.g. one whose delay was lifted. False where the lane has no such row. */
  replace(conversation: string, row: R): boolean {
    const lane = this.#lanes.get(conversation);
    const at = lane?.rows.findIndex((other) => other.order === row.order) ?? -1;
    if (lane === undefined || at < 0) return false;
    lane.rows[at] = row;
    if (at === 0 && lane.claim === undefined) this.#file(lane);
    return true;
  }

  /** Tells whether `expire` and `claim` would find a row. */
  hasReady(clock: { readonly nowMs: number; readonly monotonicMs: number }): boolean {
    this.#wake(clock.nowMs);
    if (this.#ready.size > 0) return true;
    if (clock.monotonicMs < this.#nextExpiryMs) return false;
    for (const lane of this.#claimed) if ((lane.claim?.expiresAtMs ?? 0) <= clock.monotonicMs) return true;
    return false;
  }

  #heldLane(claimed: ClaimedRow): Lane<R> | undefined {
    const lane = this.#lanes.get(claimed.conversation);
    const claim = lane?.claim;
    const isHeld =
      claim !== undefined &&
      claim.sender === claimed.sender &&
      claim.attempts === claimed.attempts &&
      lane?.rows[0]?.order === claimed.order;
    return isHeld ? lane : undefined;
  }

  #note({ conversation, claim }: Lane<R>): void {
    this.#journal?.push({ conversation, claim: claim === undefined ? undefined : { ...claim } });
  }

  #hold(lane: Lane<R>, claim: Claim): void {
    lane.claim = claim;
    this.#ready.delete(lane);
    this.#claimed.add(lane);
    if (claim.expiresAtMs < this.#nextExpiryMs) this.#nextExpiryMs = claim.expiresAtMs;
  }

  #unclaim(lane: Lane<R>): void {
    this.#note(lane);
    if (lane.claim?.isGone === true) lane.rows.shift();
    lane.claim = undefined;
    this.#claimed.delete(lane);
    if (lane.rows.length === 0) this.#lanes.delete(lane.conversation);
    else this.#file(lane);
  }

  /** Puts an unclaimed lane where its first row belongs; the delayed ones come back through `#wake`. */
  #file(lane: Lane<R>): void {
    const notBeforeMs = lane.rows[0]?.notBeforeMs ?? 0;
    lane.delayedUntilMs = notBeforeMs;
    if (notBeforeMs > 0) {
      this.#ready.delete(lane);
      this.#delayed.push(notBeforeMs, lane);
    } else this.#ready.add(lane);
  }

  #wake(nowMs: number): void {
    for (;;) {
      const lane = this.#delayed.peek();
      const atMs = this.#delayed.nextAtMs;
      if (lane === undefined || atMs === undefined || atMs > nowMs) return;
      this.#delayed.popDue(nowMs);
      const isAlive = this.#lanes.get(lane.conversation) === lane && lane.delayedUntilMs === atMs;
      if (isAlive && lane.claim === undefined) this.#ready.add(lane);
    }
  }
}
