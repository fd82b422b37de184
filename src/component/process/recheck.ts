/**
 * Looks at something again after a while, for as long as there is a reason to. However often it is asked for, there is one timer:
 * one for each who asks would be as many more each time.
 */
export class Recheck {
  readonly #afterMs: number;
  readonly #look: () => boolean;
  #timer: NodeJS.Timeout | undefined;

  /** `look` says whether to look again. The timer keeps no process alive. */
  constructor(afterMs: number, look: () => boolean) {
    this.#afterMs = afterMs;
    this.#look = look;
  }

  /** Looks `afterMs` from now, unless that is planned already. */
  plan(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#look()) this.plan();
    }, this.#afterMs).unref();
  }
}
