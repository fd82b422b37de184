import { setTimeout as delay } from "node:timers/promises";
import { DatabaseSync } from "node:sqlite";
import { GreenticError, quote } from "../types/index.ts";

/** A lock between processes of one machine. */
export interface FileLock extends Disposable {
  /** Runs a task while nobody else holds the lock. @throws FILE_LOCK_TIMEOUT where others hold it too long */
  run<T>(task: () => Promise<T>): Promise<T>;
}

const WAIT_MS = 20_000;
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 50;

/**
 * Opens the lock that a file stands for. It is SQLite's own lock on an empty database: the system gives it back when its holder
 * dies, so that there is no stale lock to judge, as there is with files that merely exist.
 */
export function openFileLock(file: string): FileLock {
  let db: DatabaseSync | undefined;
  // Two tasks of one connection would be one transaction.
  let last: Promise<unknown> = Promise.resolve();
  const hold = async <T>(task: () => Promise<T>): Promise<T> => {
    db ??= new DatabaseSync(file, { timeout: 0 });
    await acquire(db, file);
    try {
      return await task();
    } finally {
      db.exec("ROLLBACK");
    }
  };
  return {
    run(task) {
      const mine = last.then(() => hold(task));
      last = mine.catch(() => undefined);
      return mine;
    },
    [Symbol.dispose]() {
      db?.close();
      db = undefined;
    },
  };
}

/** Runs one task under the lock that a file stands for. @throws FILE_LOCK_TIMEOUT */
export async function withFileLock<T>(file: string, task: () => Promise<T>): Promise<T> {
  using lock = openFileLock(file);
  return await lock.run(task);
}

async function acquire(db: DatabaseSync, file: string): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS;
  for (let waitedMs = 0; ; waitedMs += pauseMs, pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      // Nothing is ever written; a journal beside it would only be litter.
      db.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
      return;
    } catch (error) {
      if (!isBusy(error)) throw error;
    }
    if (waitedMs > WAIT_MS)
      throw new GreenticError("FILE_LOCK_TIMEOUT", `Lock ${quote(file)}: another process holds it`);
    await delay(pauseMs);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === 5;
}
