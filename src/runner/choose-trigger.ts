import type { Lease } from "../session/index.ts";
import type { Trigger } from "./trigger.ts";

/**
 * Chooses what a lease's next turn is about: whatever came first, a message or a due timer. A turn that crashed is run again
 * first: its journal names its timer, so that no later arrival takes its place.
 */
export function chooseTrigger(lease: Lease): Trigger | undefined {
  const [entry] = lease.inbox;
  const [timer] = lease.timers;
  if (timer === undefined) return entry === undefined ? undefined : { kind: "message", entry };
  if (entry === undefined) return { kind: "timer", timer };
  const revision = (lease.session?.revision ?? 0) + 1;
  const crashed = lease.steps.find((step) => step.turn === revision);
  if (crashed !== undefined) {
    const at = crashed.node.lastIndexOf("@");
    const onceKey = at < 0 ? undefined : crashed.node.slice(at + 1);
    const crashedTimer = lease.timers.find((due) => due.onceKey === onceKey);
    if (onceKey === undefined) return { kind: "message", entry };
    if (crashedTimer !== undefined) return { kind: "timer", timer: crashedTimer };
  }
  return entry.receivedAtMs <= timer.dueAtMs ? { kind: "message", entry } : { kind: "timer", timer };
}
