import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { REQUIREMENTS } from "./requirements.ts";

const ROOT = resolve(import.meta.dirname, "..");

function testFiles(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return entry.name === "node_modules" ? [] : testFiles(path);
    return entry.name.endsWith(".test.ts") ? [path] : [];
  });
}

const cited = new Set(
  ["src", "test", "conformance", "sim"]
    .flatMap((dir) => testFiles(join(ROOT, dir)))
    .flatMap((file) => [...readFileSync(file, "utf8").matchAll(/\bverifies\(([^)]*)\)/g)])
    .flatMap((call) => [...(call[1] ?? "").matchAll(/"([^"]+)"/g)].map((id) => id[1])),
);

test("every requirement is tested, or pending with a reason", () => {
  const untested = Object.entries(REQUIREMENTS).filter(([id, requirement]) => !cited.has(id) && !requirement.pending);
  expect(untested.map(([id]) => id)).toEqual([]);
});

test("no pending requirement is tested already, and every cited id exists", () => {
  expect(
    Object.entries(REQUIREMENTS)
      .filter(([id, requirement]) => cited.has(id) && requirement.pending)
      .map(([id]) => id),
  ).toEqual([]);
  expect([...cited].filter((id) => id !== undefined && !(id in REQUIREMENTS))).toEqual([]);
});
