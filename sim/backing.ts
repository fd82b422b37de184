import { copyFileSync, mkdtempSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openMemoryStore } from "../src/session/memory-store.ts";
import type { RawCall } from "../src/session/sqlite-protocol.ts";
import { openDatabase } from "../src/session/sqlite-schema.ts";
import { defineRowSum } from "../src/session/sqlite-sum.ts";
import { SqliteWriter } from "../src/session/sqlite-writer.ts";
import type { SessionStore } from "../src/session/index.ts";
import { GreenticError } from "../src/types/index.ts";
import type { Random } from "./random.ts";

/** One operation on its way through the store. */
export interface StoreCall {
  readonly op: string;
  readonly args: readonly unknown[];
}

/** How an operation ended. */
export type StoreAnswer = { readonly result: unknown } | { readonly error: Error };

export interface Clock {
  readonly nowMs: number;
  readonly monotonicMs: number;
}

/**
 * What a store's server keeps: a durable image, and behind it a tail that a loss of power takes. `apply` changes what is in memory,
 * `flush` makes it durable, `recover` starts over from the image.
 */
export interface Backing {
  /** Whether the store's interface has an operation, where calls are the interface's own; else they are the SQLite writer's. */
  has?(op: string): boolean;
  apply(calls: readonly StoreCall[], clock: Clock): Promise<readonly StoreAnswer[]>;
  flush(): void;
  recover(clock: Clock): void;
  /** Loses power while a batch is being written: whatever of it is on disk, none of it was answered. */
  tear?(calls: readonly StoreCall[], clock: Clock, random: Random): void;
  close(): void;
}

interface Logged extends StoreCall {
  readonly clock: Clock;
}

/** The production memory store as a server that keeps a log of its operations: recovery runs the durable part of it again. */
export class MemoryBacking implements Backing {
  #log: Logged[] = [];
  #durable = 0;
  #clock: Clock = { nowMs: 0, monotonicMs: 0 };
  #store: SessionStore;

  constructor() {
    this.#store = this.#open();
  }

  has(op: string): boolean {
    return op in this.#store;
  }

  async apply(calls: readonly StoreCall[], clock: Clock): Promise<readonly StoreAnswer[]> {
    const answers: Promise<StoreAnswer>[] = [];
    for (const { op, args } of calls) {
      this.#log.push({ op, args, clock });
      answers.push(this.#run({ op, args }, clock));
    }
    return Promise.all(answers);
  }

  flush(): void {
    this.#durable = this.#log.length;
  }

  recover(): void {
    this.#log = this.#log.slice(0, this.#durable);
    this.#store = this.#open();
    for (const { op, args, clock } of this.#log) void this.#run({ op, args }, clock);
  }

  close(): void {
    this.#log = [];
  }

  #open(): SessionStore {
    return openMemoryStore({
      nowMs: () => this.#clock.nowMs,
      monotonicMs: () => this.#clock.monotonicMs,
      randomBytes: (size) => new Uint8Array(size),
      schedule: () => () => undefined,
    });
  }

  /** Its methods do everything before they first wait, so operations never run through one another. */
  #run({ op, args }: StoreCall, clock: Clock): Promise<StoreAnswer> {
    this.#clock = clock;
    const method = Reflect.get(this.#store, op) as (...values: readonly unknown[]) => Promise<unknown>;
    return method.apply(this.#store, args as unknown[]).then(
      (result) => ({ result }),
      (error: unknown) => ({ error: error as Error }),
    );
  }
}

let template: { readonly image: Uint8Array; readonly isFlushed: boolean } | undefined;

/** The image of an empty store, as the production code makes it, and whether its commits wait for the disk. */
function emptyImage(): { readonly image: Uint8Array; readonly isFlushed: boolean } {
  if (template !== undefined) return template;
  const dir = mkdtempSync(join(tmpdir(), "greentic-sim-"));
  try {
    const db = openDatabase(join(dir, "sessions.db"));
    const image = db.serialize();
    const isFlushed = Number(db.prepare("PRAGMA synchronous").get()?.["synchronous"]) >= 2;
    db.close();
    // A database in memory has no log: the header says so.
    image[18] = 1;
    image[19] = 1;
    template = { image, isFlushed };
    return template;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The production SQLite writer on a database in this process's memory; a commit is durable, as FULL makes it. */
export class SqliteBacking implements Backing {
  readonly #isFlushed: boolean;
  #db: DatabaseSync;
  #writer: SqliteWriter;
  /** What a loss of power leaves, where commits don't wait for the disk. */
  #image: Uint8Array | undefined;
  #commits = 0;

  constructor(clock: Clock) {
    const { image, isFlushed } = emptyImage();
    this.#isFlushed = isFlushed;
    this.#image = isFlushed ? undefined : image;
    this.#db = openImage(image);
    this.#writer = new SqliteWriter(this.#db, clock.nowMs);
  }

  async apply(calls: readonly StoreCall[], clock: Clock): Promise<readonly StoreAnswer[]> {
    return runBatch(this.#writer, calls, clock);
  }

  flush(): void {
    // Without a flush the log reaches the disk now and then.
    if (!this.#isFlushed && ++this.#commits % 8 === 0) this.#image = this.#db.serialize();
  }

  recover({ nowMs }: Clock): void {
    if (this.#image !== undefined) {
      this.#db.close();
      this.#db = openImage(this.#image);
    }
    this.#writer = new SqliteWriter(this.#db, nowMs);
  }

  close(): void {
    this.#db.close();
  }
}

function openImage(image: Uint8Array): DatabaseSync {
  const db = new DatabaseSync(":memory:");
  defineRowSum(db);
  db.deserialize(image);
  return db;
}

function runBatch(writer: SqliteWriter, calls: readonly StoreCall[], clock: Clock): readonly StoreAnswer[] {
  const raw = calls.map(({ op, args }) => [op, args]) as unknown as readonly RawCall[];
  const { results, failures } = writer.run(raw, clock);
  const answers: StoreAnswer[] = results.map((result) => ({ result }));
  for (const { index, code, message } of failures ?? []) {
    answers[index] = { error: code === undefined ? new RangeError(message) : new GreenticError(code, message) };
  }
  return answers;
}

/** The production store on a real file, whose log a loss of power cuts anywhere behind the last flush. Slow: a few seeds only. */
export class SqliteFileBacking implements Backing {
  readonly #dir = mkdtempSync(join(tmpdir(), "greentic-sim-"));
  #db: DatabaseSync;
  #writer: SqliteWriter;
  #generation = 0;

  constructor(clock: Clock) {
    this.#db = openDatabase(this.#file);
    this.#writer = new SqliteWriter(this.#db, clock.nowMs);
  }

  async apply(calls: readonly StoreCall[], clock: Clock): Promise<readonly StoreAnswer[]> {
    return runBatch(this.#writer, calls, clock);
  }

  flush(): void {
    // Its commits are.
  }

  recover(clock: Clock): void {
    this.#reopen(clock, undefined);
  }

  tear(calls: readonly StoreCall[], clock: Clock, random: Random): void {
    const before = sizeOf(`${this.#file}-wal`);
    runBatch(this.#writer, calls, clock);
    const after = sizeOf(`${this.#file}-wal`);
    // A commit that became whole may be there although nobody was told.
    this.#reopen(clock, before + random.int(after - before + 1));
  }

  close(): void {
    this.#db.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  get #file(): string {
    return join(this.#dir, `${this.#generation}`, "sessions.db");
  }

  /** Opens what is on disk, as a new process finds it: the files as they are, without the old connection's parting words. */
  #reopen({ nowMs }: Clock, walBytes: number | undefined): void {
    const from = this.#file;
    const old = this.#db;
    this.#generation++;
    openDatabase(this.#file).close();
    copyFileSync(from, this.#file);
    rmSync(`${this.#file}-wal`, { force: true });
    if (sizeOf(`${from}-wal`) > 0) {
      copyFileSync(`${from}-wal`, `${this.#file}-wal`);
      if (walBytes !== undefined) truncateSync(`${this.#file}-wal`, walBytes);
    }
    old.close();
    this.#db = openDatabase(this.#file);
    this.#writer = new SqliteWriter(this.#db, nowMs);
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
