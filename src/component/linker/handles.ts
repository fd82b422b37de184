import type { ResourceType } from "./component-types.ts";
import { Trap } from "./trap.ts";

/** What the borrows of one call add up to. */
export class BorrowScope {
  /** Handles lent to the callee for the time of the call; their owner can't give them away. */
  readonly #lent: Handle[] = [];
  /** Borrows that the callee was given and has not dropped. */
  borrows = 0;

  lend(handle: Handle): void {
    handle.lends++;
    this.#lent.push(handle);
  }

  /** Ends the call on the lender's side. */
  giveBack(): void {
    for (const handle of this.#lent) handle.lends--;
  }

  /** Ends the call on the borrower's side. */
  checkReturned(): void {
    if (this.borrows > 0) handleTrap(`${this.borrows} borrowed handles were not dropped`);
  }
}

/** An entry of a handle table. */
export interface Handle {
  readonly resource: ResourceType;
  /** The host's object, or the 32-bit number by which the defining component knows it. */
  readonly rep: unknown;
  readonly isOwn: boolean;
  /** For a borrow: the call that it ends with. */
  readonly scope: BorrowScope | null;
  lends: number;
}

function handleTrap(problem: string): never {
  throw new Trap("handle", `Use handle: ${problem}`);
}

/** The handles of one component instance. Index 0 is never given out. */
export class HandleTable {
  readonly #entries: (Handle | undefined)[] = [undefined];
  readonly #free: number[] = [];
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  add(handle: Handle): number {
    const reused = this.#free.pop();
    if (reused !== undefined) {
      this.#entries[reused] = handle;
      return reused;
    }
    if (this.#entries.length > this.#max) handleTrap(`more than ${this.#max} handles`);
    return this.#entries.push(handle) - 1;
  }

  get(index: number, resource: ResourceType): Handle {
    const handle = this.#entries[index];
    if (!handle) handleTrap(`handle ${index} is not live`);
    if (handle.resource.id !== resource.id) handleTrap(`handle ${index} is of another resource type`);
    return handle;
  }

  /** Takes an entry out; a handle that is lent stays. */
  remove(index: number, resource: ResourceType): Handle {
    const handle = this.get(index, resource);
    if (handle.lends > 0) handleTrap(`handle ${index} is lent`);
    this.#entries[index] = undefined;
    this.#free.push(index);
    return handle;
  }

  /** Takes out an entry that must own what it names. */
  removeOwn(index: number, resource: ResourceType): unknown {
    if (!this.get(index, resource).isOwn) handleTrap(`handle ${index} is borrowed, not owned`);
    return this.remove(index, resource).rep;
  }
}
