import type { Meter } from "@opentelemetry/api";

/** What waits in a store, as its `stats` tell. Times are wall-clock milliseconds. */
export interface WaitingCounts {
  readonly unread: number;
  readonly oldestUnreadAtMs?: number;
  readonly queued: number;
  readonly oldestQueuedAtMs?: number;
  readonly unknown: number;
  readonly failed: number;
  readonly deadLetters: number;
  readonly sessions: number;
}

/**
 * Makes gauges of what waits, asked for once an export: `greentic.inbox.unread` and `greentic.inbox.lag` (ms), `greentic.outbox.queued`
 * and `greentic.outbox.lag` (ms), `greentic.outbox.unknown`, `greentic.outbox.failed`, `greentic.dead_letters`, `greentic.sessions`. A
 * store that can't be asked tells nothing.
 */
export function createStoreGauges(
  meter: Meter,
  from: { readonly stats: () => Promise<WaitingCounts>; readonly nowMs: () => number },
): void {
  const gauge = (name: string, description: string, unit?: string): ReturnType<Meter["createObservableGauge"]> =>
    meter.createObservableGauge(name, { description, ...(unit !== undefined && { unit }) });
  const unread = gauge("greentic.inbox.unread", "Messages that no turn has consumed");
  const inboxLag = gauge("greentic.inbox.lag", "Age of the oldest unread message", "ms");
  const queued = gauge("greentic.outbox.queued", "Sends that wait");
  const outboxLag = gauge("greentic.outbox.lag", "Age of the oldest send that waits", "ms");
  const unknown = gauge("greentic.outbox.unknown", "Sends whose fate is unknown");
  const failed = gauge("greentic.outbox.failed", "Sends that were given up");
  const dead = gauge("greentic.dead_letters", "Messages that no turn could handle");
  const sessions = gauge("greentic.sessions", "Sessions that are kept");
  meter.addBatchObservableCallback(
    async (result) => {
      const counts = await from.stats().catch(() => undefined);
      if (counts === undefined) return;
      const ageMs = (sinceMs: number | undefined): number =>
        sinceMs === undefined ? 0 : Math.max(0, from.nowMs() - sinceMs);
      result.observe(unread, counts.unread);
      result.observe(inboxLag, ageMs(counts.oldestUnreadAtMs));
      result.observe(queued, counts.queued);
      result.observe(outboxLag, ageMs(counts.oldestQueuedAtMs));
      result.observe(unknown, counts.unknown);
      result.observe(failed, counts.failed);
      result.observe(dead, counts.deadLetters);
      result.observe(sessions, counts.sessions);
    },
    [unread, inboxLag, queued, outboxLag, unknown, failed, dead, sessions],
  );
}
