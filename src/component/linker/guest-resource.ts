import { MisfitError } from "./codec.ts";
import type { ResourceType } from "./component-types.ts";

/**
 * A guest's resource in the host's hands, opaque. An owned one goes back as an argument (`own` uses it up, `borrow` doesn't)
 * or is disposed of, which runs the guest's destructor.
 */
export class GuestResource implements Disposable {
  /** The resource's type; unique within the component's plan. */
  readonly type: ResourceType;
  readonly #rep: unknown;
  readonly #owner: object;
  readonly #dispose: ((rep: unknown) => void) | null;
  #isLive = true;

  constructor(type: ResourceType, rep: unknown, options: { owner: object; dispose: ((rep: unknown) => void) | null }) {
    this.type = type;
    this.#rep = rep;
    this.#owner = options.owner;
    this.#dispose = options.dispose;
  }

  /** Gives what the guest knows it by, to the instance that it came from. */
  repFor(owner: object, type: ResourceType): unknown {
    if (!this.#isLive) throw new MisfitError("Lower resource: it was given away or disposed of");
    if (this.#owner !== owner || this.type.id !== type.id) throw new MisfitError("Lower resource: it is another's");
    return this.#rep;
  }

  /** Gives it away for good. */
  takeFor(owner: object, type: ResourceType): unknown {
    const rep = this.repFor(owner, type);
    if (!this.#dispose) throw new MisfitError("Lower resource: it is borrowed, not owned");
    this.#isLive = false;
    return rep;
  }

  [Symbol.dispose](): void {
    if (!this.#isLive || !this.#dispose) return;
    this.#isLive = false;
    this.#dispose(this.#rep);
  }
}
