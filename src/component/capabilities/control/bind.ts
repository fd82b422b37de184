import type { Bindings, GuestCall } from "../guest-call.ts";
import { immediate } from "../guest-call.ts";
import { control } from "./declare.ts";

/** The most of a call's time that is left for ending in order. */
const MAX_GRACE_MS = 500;
const GRACE_SHARE = 0.1;

/**
 * Tells when a guest should leave: a tenth of the call's time before it is stopped, at most half a second before, so that what it
 * does last is still heard.
 */
function cooperativeDeadlineMs({ deadlineAtMs, timeoutMs }: Pick<GuestCall, "deadlineAtMs" | "timeoutMs">): number {
  return deadlineAtMs - Math.min(MAX_GRACE_MS, timeoutMs * GRACE_SHARE);
}

const shouldCancel = immediate((guest) => performance.now() >= cooperativeDeadlineMs(guest));

/** Lets the event loop go round once: timers, answers and other guests have their turn. */
const yieldNow = {
  isAsync: true,
  call: () => new Promise<void>((resolve) => void setImmediate(resolve)),
};

/** The functions of `greentic:component/control`. */
export const controlBindings: Bindings = Object.fromEntries(
  control.interfaces.flatMap((name) => [
    [`${name}#should-cancel`, shouldCancel],
    [`${name}#yield-now`, yieldNow],
  ]),
);
