const FIRST_MS = 400;
const LONGEST_MS = 15_000;

/** Milliseconds to wait before attempt `attempt` (from 1): doubling, half of it random so that clients don't return in step. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt - 1, 16));
  return Math.round(ceiling / 2 + (ceiling / 2) * random());
}

/** Waits, and ends early when the signal aborts or `hurry` fires (the network is back, the page is looked at again). */
export function pause(
  delayMs: number,
  options: { readonly signal: AbortSignal; readonly hurry?: EventTarget },
): Promise<void> {
  const { signal, hurry } = options;
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      hurry?.removeEventListener("hurry", done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    signal.addEventListener("abort", done);
    hurry?.addEventListener("hurry", done);
    if (signal.aborted) done();
  });
}
