import { randomUUID } from "node:crypto";
import type { Attempt } from "../patience.ts";
import type { Name } from "./names.ts";
import type { RecordCache } from "./record-cache.ts";
import type { Records, WholeRecord } from "./records.ts";
import { recordName } from "./space.ts";
import type { RecordChange, RecordKey, RecordRange } from "./space.ts";
import type { Spill } from "./spill.ts";

/** A record as a unit found it. */
interface Loaded {
  readonly record: WholeRecord | undefined;
  /** Whether that was only remembered, or guessed. */
  readonly isRemembered: boolean;
}

/** What a unit's write does, before it is fitted into the bounds of one write. */
export interface Changes {
  readonly changes: readonly RecordChange[];
  /** What nothing refers to any more once the write is done; it may go later. */
  readonly garbage: readonly Garbage[];
}

/** A record in a version, so that a later one of that name stays; or the parts of one. */
export type Garbage =
  | readonly [partition: string, sort: string, version: string]
  | readonly [spill: string, count: number];

/** Where a unit reads from. */
export interface UnitSource {
  readonly records: Records;
  readonly cache: RecordCache;
  readonly attempt: Attempt;
  /** Whether it must read what is there now instead of what this process remembers. */
  readonly isFresh: boolean;
}

/**
 * Reads records and collects what is to become of them; one write then does all of it, where nothing has changed that was read and is
 * written. Values are JSON.
 */
export class Unit {
  /** Becomes the version of all that the unit writes. */
  readonly version = randomUUID();
  readonly #source: UnitSource;
  readonly #loaded = new Map<string, Loaded>();
  readonly #changes = new Map<string, RecordChange & { readonly name: Name }>();
  readonly #garbage: Garbage[] = [];
  #isRemembering = false;

  constructor(source: UnitSource) {
    this.#source = source;
  }

  /** Whether anything rests on what others may have changed. */
  get isRemembering(): boolean {
    return this.#isRemembering;
  }

  get isUnchanged(): boolean {
    return this.#changes.size === 0;
  }

  /**
   * Reads records, in one request at most. `guesses` are read with them; where nothing else has to be read, they are taken for
   * missing, which the write checks.
   */
  async load(keys: readonly Name[], guesses: readonly Name[] = []): Promise<void> {
    const missing = this.#missing(keys);
    const unknown = this.#missing(guesses);
    if (missing.length === 0 && !this.#source.isFresh) {
      for (const key of unknown) this.#loaded.set(recordName(key), { record: undefined, isRemembered: true });
      this.#isRemembering ||= unknown.length > 0;
      return;
    }
    const wanted = [...new Map([...missing, ...unknown].map((key) => [recordName(key), key])).values()];
    const found = await this.#source.records.get(this.#source.attempt, wanted);
    for (const [n, key] of wanted.entries()) this.#keep(key, found[n]);
  }

  /** The value of a record that was loaded, or that this unit puts. */
  value(key: Name): unknown {
    const changed = this.#changes.get(recordName(key))?.body;
    const loaded = this.#loaded.get(recordName(key));
    if (changed === undefined && loaded === undefined) throw new TypeError("Read record: expected it to be loaded");
    const body = changed === undefined ? loaded?.record?.body : changed;
    return body === undefined || body === null ? undefined : (JSON.parse(body) as unknown);
  }

  /** The version of a record that was loaded; undefined where there is none. */
  versionOf(key: Name): string | undefined {
    return this.#loaded.get(recordName(key))?.record?.version;
  }

  /** Loads a record and returns its value. */
  async read<T>(key: Name): Promise<T | undefined> {
    await this.load([key]);
    return this.value(key) as T | undefined;
  }

  /** Reads a range as it is now. */
  async scan(range: RecordRange): Promise<readonly WholeRecord[]> {
    const found = await this.#source.records.scan(this.#source.attempt, range);
    for (const record of found) this.#loaded.set(recordName(record), { record, isRemembered: false });
    return found;
  }

  /** Reads what of a session's is remembered in a version that doesn't go with the rest. */
  async reload(key: Name): Promise<void> {
    const [record] = await this.#source.records.get(this.#source.attempt, [key]);
    this.#keep(key, record);
  }

  /** Writes a record. One that was loaded must not have changed since. */
  put(key: Name, value: unknown): void {
    this.#change(key, JSON.stringify(value));
  }

  /** Writes a record that must not be there. */
  create(key: Name, value: unknown): void {
    this.#changes.set(recordName(key), { ...keyOf(key), body: JSON.stringify(value), expected: null, name: key });
  }

  /** Drops a record. One that was loaded must not have changed since; one that may be large must have been loaded. */
  delete(key: Name): void {
    this.#change(key, null);
  }

  /** Drops a record once the unit is written, maybe later. It must have been loaded, and nothing may refer to it then. */
  discard(key: Name): void {
    const version = this.versionOf(key);
    if (version === undefined) return;
    this.#garbage.push([key.partition, key.sort, version]);
    this.#discardParts(key);
  }

  finish(): Changes {
    const changes = [...this.#changes.values()].map(({ name: _name, ...change }) => change);
    return { changes, garbage: this.#garbage };
  }

  /** Lets the process remember what was written, under the spills that bodies went to. */
  remember(spills: ReadonlyMap<string, Spill>): void {
    const { cache } = this.#source;
    for (const [name, { name: key, body }] of this.#changes) {
      if (key.isKept !== true) continue;
      const spill = spills.get(name);
      const { partition, sort } = key;
      if (typeof body !== "string") cache.delete(key);
      else cache.set({ partition, sort, version: this.version, body, ...(spill === undefined ? {} : { spill }) });
    }
    for (const [partition, sort] of this.#garbage) if (typeof sort === "string") cache.delete({ partition, sort });
  }

  #missing(keys: readonly Name[]): Name[] {
    return keys.filter((key) => {
      if (this.#loaded.has(recordName(key)) || this.#changes.has(recordName(key))) return false;
      const record = this.#source.isFresh || key.isKept !== true ? undefined : this.#source.cache.get(key);
      if (record === undefined) return true;
      this.#loaded.set(recordName(key), { record, isRemembered: true });
      this.#isRemembering = true;
      return false;
    });
  }

  #keep(key: Name, record: WholeRecord | undefined): void {
    this.#loaded.set(recordName(key), { record, isRemembered: false });
    if (key.isKept !== true) return;
    if (record === undefined) this.#source.cache.delete(key);
    else this.#source.cache.set(record);
  }

  #change(key: Name, body: string | null): void {
    const loaded = this.#loaded.get(recordName(key));
    const expected = loaded === undefined ? {} : { expected: loaded.record?.version ?? null };
    if (!this.#changes.has(recordName(key))) this.#discardParts(key);
    this.#changes.set(recordName(key), { ...keyOf(key), body, ...expected, name: key });
  }

  #discardParts(key: Name): void {
    const spill = this.#loaded.get(recordName(key))?.record?.spill;
    if (spill !== undefined) this.#garbage.push([spill.name, spill.count]);
  }
}

function keyOf({ partition, sort }: Name): RecordKey {
  return { partition, sort };
}
