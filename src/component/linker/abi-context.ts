import type { ResourceType } from "./component-types.ts";
import type { BorrowScope, HandleTable } from "./handles.ts";
import { abiTrap, Trap } from "./trap.ts";
import type { CoreFunction, WasmMemory } from "./wasm.ts";
import type { StringCodec } from "./strings.ts";

/** What is counted down during one call, over all component instances that it passes through. */
export interface CallBudget {
  liftBudget: number;
  lowerBudget: number;
}

/** The instance that resources belong to, and that ends them. */
export interface ResourceOwner {
  /** Runs the destructor of a resource that the host held. */
  destroy(resource: ResourceType, rep: unknown): void;
}

const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);
/** Longer strings and lists are refused by the canonical ABI. */
const MAX_BYTES = 2 ** 28 - 1;

/** What codecs work with: the memory, the allocator and the handles that one canonical definition names. */
export class AbiContext {
  readonly handles: HandleTable;
  readonly owner: ResourceOwner;
  /** The component instance whose values are lifted and lowered here. */
  readonly instance: number;
  readonly strings: StringCodec;
  /** Counts borrows while a call is under way. */
  scope: BorrowScope | null = null;
  /** Results of `StringCodec.store` and of storing a list; two fields, so that no pair is allocated. */
  storedPointer = 0;
  storedLength = 0;
  readonly #budget: CallBudget;
  readonly #memory: WasmMemory | null;
  readonly #realloc: CoreFunction | null;
  #bytes = NO_BYTES;
  #view = NO_VIEW;

  constructor(options: {
    readonly handles: HandleTable;
    readonly owner: ResourceOwner;
    readonly instance: number;
    readonly strings: StringCodec;
    readonly budget: CallBudget;
    readonly memory: WasmMemory | null;
    readonly realloc: CoreFunction | null;
  }) {
    this.handles = options.handles;
    this.owner = options.owner;
    this.instance = options.instance;
    this.strings = options.strings;
    this.#budget = options.budget;
    this.#memory = options.memory;
    this.#realloc = options.realloc;
  }

  /** The memory's bytes. Growing detaches the old buffer, which shows as a length of 0. */
  get bytes(): Uint8Array {
    if (this.#bytes.length === 0) this.#refresh();
    return this.#bytes;
  }

  get view(): DataView {
    if (this.#bytes.length === 0) this.#refresh();
    return this.#view;
  }

  #refresh(): void {
    const buffer = this.#memory?.buffer ?? abiTrap("a canonical definition without a memory passes values in memory");
    this.#bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
  }

  /** Takes from the call's lift budget, before anything is allocated. */
  charge(bytes: number): void {
    if ((this.#budget.liftBudget -= bytes) < 0) {
      throw new Trap("lift-budget", "Lift value: the call's values are larger than its budget");
    }
  }

  /** Checks that `size` bytes at an aligned place are in memory. */
  check(pointer: number, size: number, align: number): void {
    if (pointer % align !== 0) abiTrap(`pointer ${pointer} is not aligned to ${align}`);
    if (pointer + size > this.bytes.length) abiTrap(`${size} bytes at ${pointer} are out of bounds`);
  }

  /** Checks the size of a string or list. */
  checkByteLength(size: number): void {
    if (size > MAX_BYTES) abiTrap(`${size} bytes, at most ${MAX_BYTES}`);
  }

  /** Asks the guest for memory, and checks what it gives. */
  allocate(size: number, align: number): number {
    this.checkByteLength(size);
    if ((this.#budget.lowerBudget -= size) < 0) {
      throw new Trap("lower-budget", "Lower value: the values that the guest was given are larger than its budget");
    }
    if (!this.#realloc) abiTrap("a canonical definition without realloc receives values in memory");
    const pointer = Number(this.#realloc(0, 0, align, size)) >>> 0;
    this.check(pointer, size, align);
    return pointer;
  }
}
