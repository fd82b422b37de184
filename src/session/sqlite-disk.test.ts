import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { ManualWorld } from "../../conformance/session-store/fixtures.ts";
import { verifies } from "../../test/verifies.ts";
import { openSqliteStore } from "./index.ts";

const root = mkdtempSync(join(tmpdir(), "greentic-disk-"));
afterAll(() => rmSync(root, { recursive: true }));
const script = (name: string): string => join(import.meta.dirname, name);

/** Runs a process to its end and reads what it says. */
async function run(command: string, args: readonly string[]): Promise<unknown> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => void (output += chunk));
  await new Promise((resolve) => void child.once("close", resolve));
  return JSON.parse(output);
}

interface Ended {
  readonly accepted: readonly string[];
  readonly codes: readonly string[];
  readonly told: readonly string[];
  readonly later: string;
}

test.for([
  { what: "a commit's flush", fails: "COMMIT@40" },
  { what: "the flush of a checkpoint", fails: "PRAGMA wal_checkpoint(PASSIVE)@1" },
])("$what that fails shuts the store for good, and the next process has all that was accepted", async ({ fails }) => {
  verifies("session.disk-failed");
  const dir = mkdtempSync(join(root, "eio-"));
  const hook = `${pathToFileURL(script("sqlite-disk.hook.ts")).href}?${encodeURIComponent(fails)}`;
  const ended = (await run(process.execPath, ["--import", hook, script("sqlite-disk.child.ts"), dir])) as Ended;
  expect(ended.codes).toEqual(["STORE_DISK_FAILED"]);
  expect(ended.told).toEqual(["STORE_DISK_FAILED"]);
  expect(ended.later).toBe("STORE_DISK_FAILED");
  expect(ended.accepted.length).toBeGreaterThan(100);
  // The log is kept, whatever the closing made of it.
  expect(existsSync(join(dir, "sessions.db-wal.kept"))).toBe(true);
  const damage: unknown[] = [];
  await using store = await openSqliteStore({
    dir,
    world: new ManualWorld(),
    onDamage: (error) => void damage.push(error),
  });
  expect(existsSync(join(dir, "sessions.db-wal.kept"))).toBe(false);
  const there = new Set((await store.list({ limit: 10_000 })).map(({ key }) => key.split(":")[4]));
  expect(ended.accepted.filter((name) => !there.has(name))).toEqual([]);
  expect(damage).toEqual([]);
});

const canMount = spawnSync("unshare", ["-m", "sh", "-c", `mount -t tmpfs -o size=1m none ${root}`]).status === 0;

test.skipIf(!canMount)(
  "a full disk takes nothing in and finishes what it has, and resumes when there is room (skipped where nothing may be mounted)",
  { timeout: 120_000 },
  async () => {
    verifies("session.disk-full");
    const dir = mkdtempSync(join(root, "full-"));
    const inside = `mount -t tmpfs -o size=12m none ${dir} && exec ${process.execPath} ${script("sqlite-full.child.ts")} ${dir}`;
    const found = (await run("unshare", ["-m", "sh", "-c", inside])) as Record<string, unknown>;
    expect(found).toMatchObject({
      refused: "STORE_READ_ONLY",
      failed: "",
      isFullNow: "STORE_READ_ONLY",
      unread: 0,
      resumed: true,
    });
    expect(found["accepted"]).toBeGreaterThan(100);
    expect(found["committed"]).toBe(found["accepted"]);
    expect(found["again"]).toBe(`${String(found["committed"])} of ${String(found["committed"])}`);
  },
);
