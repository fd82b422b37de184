import { createMachineWorld } from "../../src/runner/machine-world.ts";
import { TestWorld } from "../../src/runner/runtime-fixture.ts";

/** Time that passes by itself, as real components need it. */
export class PassingWorld extends TestWorld {
  readonly #machine = createMachineWorld();
  override nowMs(): number {
    return this.#machine.nowMs();
  }
  override monotonicMs(): number {
    return this.#machine.monotonicMs();
  }
  override schedule(delayMs: number, task: () => void): () => void {
    return this.#machine.schedule(delayMs, task);
  }
}
