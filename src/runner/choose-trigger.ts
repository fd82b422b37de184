import type { Lease } from "../session/index.ts";
import { isJsonObject } from "../types/index.ts";
import type { Trigger } from "./trigger.ts";
import { LATER_TIMER, laterOf, WAIT_TIMER } from "./trigger.ts";

/**
 * Chooses what a lease's next turn is about: whatever came first, a message or a due timer. A turn that crashed is run again
 * first: its journal names its timer, so that no later arrival takes its place. Messages that were kept for later are older than
 * any unread one.
 */
export function chooseTrigger(lease: Lease): Trigger | undefined {
  const [entry] = lease.inbox;
  const [timer] = lease.timers;
  if (timer === undefined) return entry === undefined ? undefined : { kind: "message", entry };
  const crashed = crashedTimer(lease);
  if (crashed === null && entry !== undefined) return { kind: "message", entry };
  const due = crashed ?? closedWait(lease) ?? lease.timers.find(({ onceKey }) => onceKey === LATER_TIMER);
  if (due !== undefined) {
    const [later] = due.onceKey === LATER_TIMER ? laterOf(lease) : [];
    return later === undefined ? { kind: "timer", timer: due } : { kind: "message", entry: later, isLater: true };
  }
  if (entry === undefined) return { kind: "timer", timer };
  return entry.receivedAtMs <= timer.dueAtMs ? { kind: "message", entry } : { kind: "timer", timer };
}

/** The timer whose turn crashed; null where a message's did, undefined where none did. */
function crashedTimer(lease: Lease): Lease["timers"][number] | null | undefined {
  if (lease.steps.length === 0) return undefined;
  const revision = (lease.session?.revision ?? 0) + 1;
  const crashed = lease.steps.find((step) => step.turn === revision);
  if (crashed === undefined) return undefined;
  const at = crashed.node.lastIndexOf("@");
  if (at < 0) return null;
  const onceKey = crashed.node.slice(at + 1);
  return lease.timers.find((due) => due.onceKey === onceKey);
}

/** The timer of a wait that takes no messages: those that came before its end would only be kept for later. */
function closedWait(lease: Lease): Lease["timers"][number] | undefined {
  return lease.timers.find(
    ({ onceKey, payload }) => onceKey === WAIT_TIMER && isJsonObject(payload) && payload["closed"] === true,
  );
}
