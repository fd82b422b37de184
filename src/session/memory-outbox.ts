import { claimLost, fateOf, isPending } from "./outbox-rules.ts";
import { SendLanes } from "./send-lanes.ts";
import type { ClaimedRow } from "./send-lanes.ts";
import { CLAIM_TTL_MS, conversationOf, SEND_GIVEN_UP, SENT_RETENTION_MS } from "./store.ts";
import type { NewOutboxRow, OutboxRow, OutboxStatus, SendResult, StoreStats } from "./store.ts";
import type { SessionKeyText, World } from "../types/index.ts";

/** The memory store's outbox. Rows are immutable; each change files a new one. */
export class MemoryOutbox {
  readonly #world: World;
  readonly #rows = new Map<string, OutboxRow>();
  readonly #lanes = new SendLanes<OutboxRow>();
  /** Sent rows with the time of their end, oldest first. */
  readonly #sent: { readonly id: string; readonly atMs: number }[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  has(id: string): boolean {
    return this.#rows.has(id);
  }

  add(
    row: NewOutboxRow,
    place: { readonly key: SessionKeyText; readonly conversation: string; readonly order: number },
  ): void {
    const added: OutboxRow = {
      id: row.id,
      provider: row.provider,
      sinkClass: row.sinkClass,
      payload: row.payload,
      traceId: row.traceId,
      key: place.key,
      order: place.order,
      status: "queued",
      attempts: 0,
      wasUnknown: false,
      notBeforeMs: 0,
      createdAtMs: this.#world.nowMs(),
    };
    this.#rows.set(row.id, added);
    this.#lanes.add(place.conversation, added);
  }

  claim(sender: string, limit: number, ttlMs = CLAIM_TTL_MS): OutboxRow[] {
    this.#expire();
    const expiresAtMs = this.#world.monotonicMs() + ttlMs;
    return this.#lanes.claim(sender, limit, { nowMs: this.#world.nowMs(), expiresAtMs });
  }

  begin(row: OutboxRow, sender: string): void {
    const claimed = claimedRow(row, sender);
    const held = this.#lanes.held(claimed);
    if (held === undefined || held.hasBegun || held.isGone) throw claimLost("Begin send", row.id);
    this.#file({ ...held.row, status: "sending", attempts: held.row.attempts + 1 });
    this.#lanes.begin(claimed);
  }

  end(row: OutboxRow, sender: string, result: SendResult): void {
    const claimed = claimedRow(row, sender);
    const held = this.#lanes.held(claimed);
    if (held === undefined) throw claimLost("End send", row.id);
    if (held.isGone) return this.#lanes.end(claimed);
    const { lastError, ...fate } = fateOf(held.row, result);
    const ended: OutboxRow = {
      ...held.row,
      ...fate,
      ...(lastError === undefined ? {} : { lastError }),
      ...(isPending(fate.status) ? {} : { endedAtMs: this.#world.nowMs() }),
    };
    this.#rows.set(ended.id, ended);
    if (isPending(ended.status)) this.#lanes.end(claimed, ended);
    else this.#lanes.end(claimed);
    if (ended.status === "sent") this.#sent.push({ id: ended.id, atMs: this.#world.nowMs() });
  }

  retry(id: string): boolean {
    const row = this.#rows.get(id);
    if (row === undefined || (row.status !== "failed" && row.status !== "unknown" && row.status !== "abandoned"))
      return false;
    const { endedAtMs: _endedAtMs, ...kept } = row;
    const queued: OutboxRow = { ...kept, status: "queued", notBeforeMs: 0 };
    if (row.status === "unknown") this.#file(queued);
    else {
      this.#rows.set(id, queued);
      this.#lanes.add(conversationOf(row.key), queued);
    }
    return true;
  }

  abandon(id: string): boolean {
    this.#expire();
    const row = this.#rows.get(id);
    if (row === undefined || !isPending(row.status)) return false;
    const conversation = conversationOf(row.key);
    if (this.#lanes.isHeld(conversation, row.order)) return false;
    const endedAtMs = this.#world.nowMs();
    this.#rows.set(id, { ...row, status: "abandoned", notBeforeMs: 0, lastError: SEND_GIVEN_UP, endedAtMs });
    this.#lanes.drop(conversation, ({ order }) => order === row.order);
    return true;
  }

  drop(order: number): boolean {
    for (const { id, order: own, status } of this.#rows.values()) {
      if (own !== order) continue;
      if (isPending(status)) return false;
      const at = this.#sent.findIndex((sent) => sent.id === id);
      if (at >= 0) this.#sent.splice(at, 1);
      return this.#rows.delete(id);
    }
    return false;
  }

  /** Newest first. */
  list(matches: (row: OutboxRow) => boolean, status: OutboxStatus | undefined, limit: number): OutboxRow[] {
    const rows = [...this.#rows.values()].filter(
      (row) => (status === undefined || row.status === status) && matches(row),
    );
    return rows.sort((a, b) => b.order - a.order).slice(0, limit);
  }

  /** Forgets rows; one that a sender holds leaves its lane when the sender is done with it. Returns how many there were. */
  erase(isWanted: (key: SessionKeyText) => boolean): number {
    let count = 0;
    const conversations = new Set<string>();
    for (const { id, key } of this.#rows.values()) {
      if (!isWanted(key)) continue;
      this.#rows.delete(id);
      conversations.add(conversationOf(key));
      count++;
    }
    for (const conversation of conversations) {
      this.#lanes.drop(conversation, (row) => isWanted(row.key));
    }
    return count;
  }

  stats(): Pick<StoreStats, "queued" | "oldestQueuedAtMs" | "unknown" | "failed"> {
    let [queued, unknown, failed] = [0, 0, 0];
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const { status, createdAtMs } of this.#rows.values()) {
      if (status === "unknown") unknown++;
      else if (status === "failed") failed++;
      else if (isPending(status)) {
        queued++;
        oldestMs = Math.min(oldestMs, createdAtMs);
      }
    }
    return queued === 0 ? { queued, unknown, failed } : { queued, oldestQueuedAtMs: oldestMs, unknown, failed };
  }

  hasReady(): boolean {
    return this.#lanes.hasReady({ nowMs: this.#world.nowMs(), monotonicMs: this.#world.monotonicMs() });
  }

  dropSent(nowMs: number): void {
    const beforeMs = nowMs - SENT_RETENTION_MS;
    let count = 0;
    for (const { id, atMs } of this.#sent) {
      if (atMs > beforeMs) break;
      this.#rows.delete(id);
      count++;
    }
    if (count > 0) this.#sent.splice(0, count);
  }

  #expire(): void {
    for (const row of this.#lanes.expire(this.#world.monotonicMs())) {
      this.#file({ ...row, status: "unknown", wasUnknown: true });
    }
  }

  #file(row: OutboxRow): void {
    this.#rows.set(row.id, row);
    this.#lanes.replace(conversationOf(row.key), row);
  }
}

function claimedRow(row: OutboxRow, sender: string): ClaimedRow {
  return { conversation: conversationOf(row.key), order: row.order, attempts: row.attempts, sender };
}
