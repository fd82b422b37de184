import { formatStateKey, GreenticError, quote } from "../types/index.ts";
import type { JsonValue, StateKey } from "../types/index.ts";
import { isJsonWithin } from "./json-size.ts";
import type { StateChange } from "./state-change.ts";

/** Bytes of JSON that one value may have. */
export const STATE_VALUE_MAX_BYTES = 256 * 1024;
/** Keys that one session may have. */
export const STATE_KEYS_MAX = 1_000;

const MAX_DEPTH = 64;

/** Lets a session's state take so many bytes more than before, or throws. */
export type AdmitGrowth = (bytes: number) => void;

/** Reads a session's state. */
export interface StateReader {
  get(key: StateKey): JsonValue | undefined;
  has(key: StateKey): boolean;
  /** All values under one prefix, by key. */
  entries(prefix: string): ReadonlyMap<string, JsonValue>;
}

/**
 * A turn's view of its session's state: reads see the turn's own writes, and nothing is written anywhere until the turn commits
 * {@link changes}. Dropping the working set undoes the turn.
 */
export class WorkingSet implements StateReader {
  readonly #base: ReadonlyMap<string, JsonValue>;
  readonly #writes = new Map<string, JsonValue | undefined>();
  readonly #admit: AdmitGrowth | undefined;
  #size: number;
  #grownBytes = 0;

  /** `base` is a lease's `state`; it is read, never written. `admit` lets what is written take more than before, or throws. */
  constructor(base: ReadonlyMap<string, JsonValue>, admit?: AdmitGrowth) {
    this.#base = base;
    this.#size = base.size;
    this.#admit = admit;
  }

  /** Whether somebody lets it grow, or doesn't. */
  get isBounded(): boolean {
    return this.#admit !== undefined;
  }

  /** How many bytes more the state takes with this turn's writes; counted only where somebody lets it. */
  get grownBytes(): number {
    return this.#grownBytes;
  }

  /** Number of keys that the session has with this turn's writes. */
  get size(): number {
    return this.#size;
  }

  get(key: StateKey): JsonValue | undefined {
    return this.#get(formatStateKey(key));
  }

  has(key: StateKey): boolean {
    return this.#get(formatStateKey(key)) !== undefined;
  }

  /**
   * Writes one value. The value belongs to the working set from then on: don't change it. What `isLetIn` was let in before.
   * @throws STATE_VALUE_TOO_LARGE, STATE_KEYS_TOO_MANY, and what lets it grow
   */
  set(key: StateKey, value: JsonValue, { isLetIn = false }: { readonly isLetIn?: boolean } = {}): void {
    const text = formatStateKey(key);
    if (!isJsonWithin(value, { maxBytes: STATE_VALUE_MAX_BYTES, maxDepth: MAX_DEPTH })) {
      throw new GreenticError(
        "STATE_VALUE_TOO_LARGE",
        `Write state ${quote(text)}: expected at most ${STATE_VALUE_MAX_BYTES} bytes of JSON and ${MAX_DEPTH} levels, got more`,
      );
    }
    const grownBytes = this.#admit === undefined ? 0 : this.#growth([[text, value]]);
    if (!isLetIn) this.#letIn(grownBytes);
    if (this.#get(text) === undefined) {
      if (this.#size >= STATE_KEYS_MAX) {
        throw new GreenticError(
          "STATE_KEYS_TOO_MANY",
          `Write state ${quote(text)}: expected at most ${STATE_KEYS_MAX} keys a session, got one more`,
        );
      }
      this.#size++;
    }
    this.#writes.set(text, value);
    this.#grownBytes += grownBytes;
  }

  /** Asks for several changes to be let in together, which are yet to be made; undefined deletes. @throws as `set` does */
  admit(changes: Iterable<StateKey & { readonly value?: JsonValue }>): void {
    if (this.#admit === undefined) return;
    this.#letIn(this.#growth([...changes].map(({ prefix, key, value }) => [formatStateKey({ prefix, key }), value])));
  }

  /** A change that makes nothing grow is let in, however much there is. */
  #letIn(bytes: number): void {
    if (bytes > 0 && this.#grownBytes + bytes > 0) this.#admit?.(this.#grownBytes + bytes);
  }

  #growth(changes: readonly (readonly [string, JsonValue | undefined])[]): number {
    return changes.reduce((sum, [key, value]) => sum + storedSize(key, value) - storedSize(key, this.#get(key)), 0);
  }

  /** Deletes one value; true where there was one. */
  delete(key: StateKey): boolean {
    const text = formatStateKey(key);
    if (this.#get(text) === undefined) return false;
    this.#size--;
    if (this.#admit !== undefined) this.#grownBytes += this.#growth([[text, undefined]]);
    if (this.#base.has(text)) this.#writes.set(text, undefined);
    else this.#writes.delete(text);
    return true;
  }

  entries(prefix: string): ReadonlyMap<string, JsonValue> {
    const start = `${prefix}/`;
    const found = new Map<string, JsonValue>();
    for (const [text, value] of this.#base) if (text.startsWith(start)) found.set(text.slice(start.length), value);
    for (const [text, value] of this.#writes) {
      if (!text.startsWith(start)) continue;
      if (value === undefined) found.delete(text.slice(start.length));
      else found.set(text.slice(start.length), value);
    }
    return found;
  }

  /** What the turn's commit has to write, each key once. */
  changes(): StateChange[] {
    const changes: StateChange[] = [];
    for (const [key, value] of this.#writes) changes.push({ key, value });
    return changes;
  }

  #get(text: string): JsonValue | undefined {
    const written = this.#writes.get(text);
    if (written !== undefined) return written;
    return this.#writes.has(text) ? undefined : this.#base.get(text);
  }
}

/** What a value takes in a store, with its key. */
export function storedSize(key: string, value: JsonValue | undefined): number {
  return value === undefined ? 0 : Buffer.byteLength(key) + Buffer.byteLength(JSON.stringify(value));
}
