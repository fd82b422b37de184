import type { World } from "../types/index.ts";

/** Resolves after a time, or at once when the signal aborts. */
export function pause(
  delayMs: number,
  { world, signal }: { readonly world: Pick<World, "schedule">; readonly signal: AbortSignal },
): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = world.schedule(delayMs, resolve);
  const abort = (): void => {
    cancel();
    resolve();
  };
  signal.addEventListener("abort", abort, { once: true });
  return promise.finally(() => signal.removeEventListener("abort", abort));
}
