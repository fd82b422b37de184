import { answer } from "./define.ts";
import type { WasiInterface } from "./define.ts";
import { Pollable } from "./pollable.ts";

const NANOSECONDS = 1_000_000;
/** Later than any deadline; keeps sums of a guest's 64-bit times within doubles. */
const MAX_WAIT_MS = 2 ** 50;

function toMs(nanoseconds: bigint): number {
  // Rounded up: a wait may be longer than asked, never shorter.
  return Math.min(MAX_WAIT_MS, Math.ceil(Number(nanoseconds) / NANOSECONDS));
}

export const wallClock: WasiInterface = {
  now: answer((wasi) => {
    const nowMs = wasi.nowMs();
    return { seconds: BigInt(Math.floor(nowMs / 1000)), nanoseconds: (nowMs % 1000) * NANOSECONDS };
  }),
  resolution: answer(() => ({ seconds: 0n, nanoseconds: NANOSECONDS })),
};

/** Guests live in UTC. */
export const timezone: WasiInterface = {
  display: answer(() => ({ utcOffset: 0, name: "UTC", inDaylightSavingTime: false })),
  "utc-offset": answer(() => 0),
};

export const monotonicClock: WasiInterface = {
  now: answer((wasi) => BigInt(wasi.monotonicMs()) * BigInt(NANOSECONDS)),
  resolution: answer(() => BigInt(NANOSECONDS)),
  "subscribe-instant": answer((_wasi, when: bigint) => new Pollable(toMs(when))),
  "subscribe-duration": answer((wasi, duration: bigint) =>
    // A part of the current millisecond is gone already, so one more is waited for.
    duration === 0n ? new Pollable() : new Pollable(wasi.monotonicMs() + toMs(duration) + 1),
  ),
};
