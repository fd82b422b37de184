import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withFileLock } from "./file-lock.ts";

const file = () => join(mkdtempSync(join(tmpdir(), "greentic-lock-")), "lock");

test("withFileLock() lets one task in at a time, and gives the lock back when it throws", async () => {
  const lock = file();
  let inside = 0;
  const task = async (): Promise<void> => {
    expect(++inside).toBe(1);
    await new Promise(setImmediate);
    inside--;
  };
  await Promise.all([1, 2, 3, 4].map(() => withFileLock(lock, task)));
  await expect(withFileLock(lock, () => Promise.reject(new RangeError("no")))).rejects.toThrow("no");
  await withFileLock(lock, task);
});

test("withFileLock() gets the lock of a process that died with it", async () => {
  const lock = file();
  const program = `const { DatabaseSync } = require("node:sqlite"); new DatabaseSync(${JSON.stringify(lock)}).exec("PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE"); console.log("held"); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  await once(holder.stdout, "data");
  let isIn = false;
  const waiting = withFileLock(lock, () => Promise.resolve((isIn = true)));
  await new Promise(setImmediate);
  expect(isIn).toBe(false);
  holder.kill("SIGKILL");
  await waiting;
  expect(isIn).toBe(true);
  expect(readdirSync(join(lock, ".."))).toEqual(["lock"]);
});
