import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { World } from "../../types/index.ts";
import type { Attempt } from "../patience.ts";
import { pad } from "./names.ts";
import { RecordCache } from "./record-cache.ts";
import { unavailable } from "../unavailable.ts";
import { DOING, isUnavailable } from "./records.ts";
import type { Records } from "./records.ts";
import { recordName } from "./space.ts";
import type { RecordChange, RecordKey } from "./space.ts";
import { cut, partsOf, spilledBody } from "./spill.ts";
import type { Spill } from "./spill.ts";
import { Unit } from "./unit.ts";
import type { Garbage } from "./unit.ts";

/** Whose time counts. */
export interface StoreClock {
  /** Wall-clock milliseconds. */
  nowMs(): number;
  /** Milliseconds that a jump of the wall clock doesn't change, where the store has such a clock. */
  monotonicMs(): number;
}

/** How often a unit is tried that others are always faster than. */
const TRIES_MAX = 16;
const PAUSE_MS = 4;
const PAUSE_MAX_MS = 200;
/** How long after its beginning a write is over for sure, so that parts that nothing refers to can go. */
const ORPHANED_MS = 3_600_000;
/** What a record's body may have around it: its names. */
const NAMES_BYTES = 3_000;
/** Names of garbage that one note holds. */
const NOTED_MAX = 200;

/** Runs units: reads, decides and writes, again where others were faster. */
export class Units {
  readonly records: Records;
  readonly clock: StoreClock;
  readonly #world: World;
  readonly #cache = new RecordCache();
  /** The last of each lane; what is in one lane waits for what was before it. */
  readonly #lanes = new Map<string, Promise<unknown>>();

  constructor(records: Records, { world, clock }: { readonly world: World; readonly clock: StoreClock }) {
    this.records = records;
    this.#world = world;
    this.clock = clock;
  }

  /** Runs a unit behind all others of its lane in this process, so that they don't fight. @throws STORE_UNAVAILABLE */
  async run<T>(attempt: Attempt, lane: string, work: (unit: Unit) => Promise<T>): Promise<T> {
    const before = this.#lanes.get(lane);
    const turn = before === undefined ? undefined : this.records.wait(attempt, before);
    const done = turn === undefined ? this.#try(attempt, work) : turn.then(() => this.#try(attempt, work));
    // Who waits no longer lets nobody pass who came later.
    const settled = Promise.allSettled([before, done]);
    this.#lanes.set(lane, settled);
    try {
      return await done;
    } finally {
      void settled.then(() => this.#lanes.get(lane) === settled && this.#lanes.delete(lane));
    }
  }

  /** Drops what nothing refers to; `note` says so until it is done. */
  async collect(attempt: Attempt, garbage: readonly Garbage[], note: RecordKey): Promise<void> {
    const size = this.records.limits.changes;
    const drops = garbage.flatMap(dropsOf);
    for (let from = 0; from < drops.length; from += size) {
      const batch = drops.slice(from, from + size);
      // Parts are nobody else's; a record may have been written anew.
      const found = await this.records.get(attempt, batch);
      const same = batch.filter(({ expected }, n) => expected === undefined || expected === found[n]?.version);
      // Where one is written right now, a sweep comes back to it.
      if (same.length > 0 && !(await this.records.write(attempt, same, randomUUID()))) return;
    }
    await this.records.write(attempt, [{ ...note, body: null }], randomUUID());
  }

  async #try<T>(attempt: Attempt, work: (unit: Unit) => Promise<T>): Promise<T> {
    let isFresh = false;
    for (let n = 0; n < TRIES_MAX; n++) {
      if (n > 1) await sleep(Math.min(PAUSE_MAX_MS, PAUSE_MS * 2 ** n) * this.#chance());
      const unit = new Unit({ records: this.records, cache: this.#cache, attempt, isFresh });
      let result: T;
      try {
        result = await work(unit);
      } catch (error) {
        // What others changed may have been the reason.
        if (!unit.isRemembering || isUnavailable(error)) throw error;
        isFresh = true;
        continue;
      }
      if (unit.isUnchanged && !unit.isRemembering) return result;
      if (!unit.isUnchanged && (await this.#write(attempt, unit))) return result;
      isFresh = true;
    }
    throw unavailable(DOING, "others change the same records all the time");
  }

  /** A number between a half and one. */
  #chance(): number {
    return 0.5 + (this.#world.randomBytes(1)[0] ?? 0) / 512;
  }

  async #write(attempt: Attempt, unit: Unit): Promise<boolean> {
    const { changes, garbage } = unit.finish();
    const spilled = await this.#spill(attempt, changes, unit.version);
    const fitted = this.#fit(spilled.changes, garbage, unit.version);
    const isDone = await this.records.write(attempt, fitted.changes, unit.version);
    if (isDone) unit.remember(spilled.spills);
    await this.#tidy(attempt, isDone ? fitted.notes : spilled.notes);
    return isDone;
  }

  /** Writes what is too large for one record, or together for one write, in parts before it. */
  async #spill(attempt: Attempt, changes: readonly RecordChange[], version: string): Promise<Spilled> {
    const { bytes, recordBytes } = this.records.limits;
    const sizes = changes.map(({ body }) => NAMES_BYTES + (typeof body === "string" ? Buffer.byteLength(body) : 0));
    const largestFirst = [...sizes.keys()].sort((a, b) => (sizes[b] ?? 0) - (sizes[a] ?? 0));
    let total = sizes.reduce((sum, size) => sum + size, 0);
    const spills = new Map<string, Spill>();
    const parts: RecordChange[] = [];
    const fitted = [...changes];
    for (const at of largestFirst) {
      const [size = 0, change] = [sizes[at], changes[at]];
      if ((size <= recordBytes && total <= bytes) || typeof change?.body !== "string") break;
      const bodies = cut(change.body, recordBytes - NAMES_BYTES);
      const spill = { name: `${version}.${spills.size}`, count: bodies.length };
      parts.push(...partsOf(spill).map((key, n) => ({ ...key, body: bodies[n] ?? "" })));
      spills.set(recordName(change), spill);
      total -= size - NAMES_BYTES;
      fitted[at] = { ...change, body: spilledBody(spill) };
    }
    if (spills.size === 0) return { changes, spills, notes: [] };
    const garbage = [...spills.values()].map(({ name, count }) => [name, count] as const);
    const note = this.#note(`s${version}`, this.clock.nowMs() + ORPHANED_MS, garbage);
    const expected = await this.#writeParts(attempt, parts, note);
    // Were the note gone, so would be the parts.
    return { changes: [...fitted, { ...note.key, body: null, expected }], spills, notes: [note] };
  }

  /** Writes parts, the note of them before all others. Returns the note's version. */
  async #writeParts(attempt: Attempt, parts: readonly RecordChange[], { key, body }: Note): Promise<string> {
    const { bytes, recordBytes, changes } = this.records.limits;
    const size = Math.max(1, Math.min(changes, Math.floor(bytes / recordBytes)) - 1);
    const version = randomUUID();
    await this.records.write(attempt, [{ ...key, body }, ...parts.slice(0, size)], version);
    for (let from = size; from < parts.length; from += size) {
      await this.records.write(attempt, parts.slice(from, from + size), randomUUID());
    }
    return version;
  }

  /** Adds as much of the garbage as there is room for, and notes of the rest. */
  #fit(
    changes: readonly RecordChange[],
    garbage: readonly Garbage[],
    version: string,
  ): { readonly changes: readonly RecordChange[]; readonly notes: readonly Note[] } {
    const drops = garbage.flatMap(dropsOf);
    if (changes.length + drops.length <= this.records.limits.changes)
      return { changes: [...changes, ...drops], notes: [] };
    const notes: Note[] = [];
    for (let from = 0; from < garbage.length; from += NOTED_MAX) {
      notes.push(this.#note(`g${version}.${from}`, this.clock.nowMs(), garbage.slice(from, from + NOTED_MAX)));
    }
    return { changes: [...changes, ...notes.map(({ key, body }) => ({ ...key, body }))], notes };
  }

  #note(name: string, atMs: number, garbage: readonly Garbage[]): Note {
    return { key: { partition: "x:0", sort: `${pad(atMs)} k${name}` }, body: JSON.stringify(garbage), garbage };
  }

  /** Drops noted garbage at once. What fails is left to a sweep. */
  async #tidy(attempt: Attempt, notes: readonly Note[]): Promise<void> {
    for (const { garbage, key } of notes) await this.collect(attempt, garbage, key).catch(() => undefined);
  }
}

function dropsOf(garbage: Garbage): RecordChange[] {
  if (garbage.length === 3) {
    const [partition, sort, expected] = garbage;
    return [{ partition, sort, body: null, expected }];
  }
  const [name, count] = garbage;
  return partsOf({ name, count }).map((key) => ({ ...key, body: null }));
}

interface Note {
  readonly key: RecordKey;
  readonly body: string;
  readonly garbage: readonly Garbage[];
}

interface Spilled {
  readonly changes: readonly RecordChange[];
  readonly spills: ReadonlyMap<string, Spill>;
  /** Of parts that only this write will refer to. */
  readonly notes: readonly Note[];
}
