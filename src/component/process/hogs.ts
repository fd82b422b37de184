import type { ComponentResult } from "../host.ts";
import type { Invocation } from "./invocation.ts";

/** Fuel of a call that computes for some tenths of a second. */
const MUCH_FUEL = 100_000_000;
const REMEMBERED_MS = 60_000;

/**
 * Remembers who computes for long or breaks off, by tenant and component, so that others' calls need not share a process with
 * them: what ends in a trap has often held the thread until then, by lifting, growing or hoarding up to its limit.
 */
export class Hogs {
  readonly #until = new Map<string, number>();
  /** Calls that were marked before their end was known. */
  readonly #suspected = new WeakSet<Invocation>();

  has(invocation: Invocation): boolean {
    return (this.#until.get(keyOf(invocation)) ?? 0) > performance.now();
  }

  /** Whether anyone is remembered. */
  get isAny(): boolean {
    const nowMs = performance.now();
    for (const [key, untilMs] of this.#until) if (untilMs <= nowMs) this.#until.delete(key);
    return this.#until.size > 0;
  }

  mark(invocation: Invocation): void {
    this.#until.set(keyOf(invocation), performance.now() + REMEMBERED_MS);
  }

  /** Marks a call that seems to compute. */
  suspect(invocation: Invocation): void {
    this.#suspected.add(invocation);
    this.mark(invocation);
  }

  /** Judges by what a call has used in the end: one that slept, or was compiled, was suspected wrongly. */
  judge(invocation: Invocation, result: ComponentResult): void {
    const hasTrapped = result.kind === "error" && result.error.code === "COMPONENT_TRAPPED";
    if (hasTrapped || result.stats.fuel >= MUCH_FUEL) this.mark(invocation);
    else if (this.#suspected.has(invocation)) this.#until.delete(keyOf(invocation));
  }
}

function keyOf({ ctx, call }: Invocation): string {
  return `${ctx.env}/${ctx.tenant}/${call.sha256}`;
}
