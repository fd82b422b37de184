/**
 * Time and chance as the engine sees them. Production hands in the machine's; tests and the simulation hand in their own, so
 * that a run can be repeated from its seed.
 */
export interface World {
  /** Wall clock, milliseconds since the epoch: for display, expiry and due times only. */
  nowMs(): number;
  /** Monotonic clock in milliseconds: for timeouts and durations. */
  monotonicMs(): number;
  /** Fills and returns `size` random bytes. */
  randomBytes(size: number): Uint8Array;
  /** Runs `task` once after `delayMs`; the returned function cancels it. */
  schedule(delayMs: number, task: () => void): () => void;
}

/** Makes a random lower-case hex id of `bytes` bytes. */
export function randomHex(world: World, bytes: number): string {
  return Buffer.from(world.randomBytes(bytes)).toString("hex");
}
