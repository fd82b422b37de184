/**
 * Work in turns. A generator does the work and yields where its {@link Pace} says that others should have their turn; who runs it
 * decides whether they get it. One pace goes through all steps of a piece of work: steps that are short by themselves add up.
 */
export type Paced<T> = Generator<void, T, void>;

/** About six milliseconds of work on a slow machine. */
const TURN_STEPS = 6_000;

/** Counts work in steps, each about a microsecond on a slow machine, and says when a turn has had enough of them. */
export class Pace {
  #spent = 0;
  #most = 0;

  /** Announces work; true where others should have their turn before it is done. */
  spend(steps: number): boolean {
    const isOver = this.#spent > 0 && this.#spent + steps > TURN_STEPS;
    this.#spent = isOver ? steps : this.#spent + steps;
    this.#most = Math.max(this.#most, this.#spent);
    return isOver;
  }

  /** The most steps that were announced for one turn. */
  get most(): number {
    return this.#most;
  }
}

/** Does the work in one go. @throws what the work throws */
export function runWhole<T>(work: Paced<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

/** Does the work and gives the event loop a turn wherever it yields. @throws what the work throws */
export async function runInTurns<T>(work: Paced<T>): Promise<T> {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
    await nextTurn();
  }
}

/** Waits until everybody else had a turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
