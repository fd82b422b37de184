import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TreeWatcher } from "./watch-tree.ts";

let root = "";
let watcher: TreeWatcher;
let told: string[] = [];
let next = Promise.withResolvers<void>();

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "greentic-watch-"));
  await mkdir(join(root, "a"));
  await writeFile(join(root, "a/one.txt"), "1");
  told = [];
  next = Promise.withResolvers();
});
afterEach(async () => {
  await watcher[Symbol.asyncDispose]();
  await rm(root, { recursive: true });
});

async function open(pollMs: number): Promise<void> {
  watcher = await TreeWatcher.open(root, {
    isIgnored: (name) => name.endsWith("~"),
    quietMs: 20,
    pollMs,
    onChange: async (paths) => {
      told.push(...paths.map((path) => relative(root, path)));
      next.resolve();
    },
  });
}

async function change(make: () => Promise<unknown>): Promise<readonly string[]> {
  told = [];
  next = Promise.withResolvers();
  await make();
  await next.promise;
  return told;
}

test("TreeWatcher tells of saves, saves by renaming, new folders and what is gone", async () => {
  await open(600_000);
  expect(await change(() => writeFile(join(root, "a/one.txt"), "2"))).toEqual(["a/one.txt"]);
  expect(
    await change(async () => {
      await writeFile(join(root, "a/one.txt~"), "3");
      await rename(join(root, "a/one.txt~"), join(root, "a/one.txt"));
    }),
  ).toEqual(["a/one.txt"]);
  // And again: the file that events came for is another one by now.
  expect(await change(() => writeFile(join(root, "a/one.txt"), "4"))).toEqual(["a/one.txt"]);
  expect(
    await change(async () => {
      await mkdir(join(root, "b/c"), { recursive: true });
      await writeFile(join(root, "b/c/two.txt"), "1");
    }),
  ).toEqual(["b/c/two.txt"]);
  expect(await change(() => writeFile(join(root, "b/c/two.txt"), "2"))).toEqual(["b/c/two.txt"]);
  expect(await change(() => rm(join(root, "b"), { recursive: true }))).toEqual(["b/c/two.txt"]);
});

test("TreeWatcher finds by polling what no event tells of", async () => {
  await open(30);
  // The folder itself is replaced: watchers of the old one hear nothing of the new one's files.
  expect(
    await change(async () => {
      await rename(join(root, "a"), join(root, "old~"));
      await mkdir(join(root, "a"));
      await writeFile(join(root, "a/one.txt"), "2");
    }),
  ).toContain("a/one.txt");
  expect(await change(() => writeFile(join(root, "a/one.txt"), "3"))).toEqual(["a/one.txt"]);
});

test("TreeWatcher tells of nothing after it is closed", async () => {
  await open(10);
  await watcher[Symbol.asyncDispose]();
  await writeFile(join(root, "a/one.txt"), "2");
  await new Promise((done) => setTimeout(done, 60));
  expect(told).toEqual([]);
});
