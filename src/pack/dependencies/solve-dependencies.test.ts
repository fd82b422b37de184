import { expect, test } from "vitest";
import { GreenticError } from "../../types/index.ts";
import { verifies } from "../../../test/verifies.ts";
import { CandidateIndex } from "./candidate-index.ts";
import type { PackPlace } from "./candidate-index.ts";
import type { PackLock } from "./pack-lock.ts";
import { solveDependencies } from "./solve-dependencies.ts";
import type { SolveOptions } from "./solve-dependencies.ts";

/** `name version` → name → range, or "range@version" for a pack that was built with that very version. */
type World = Readonly<Record<string, Readonly<Record<string, string>>>>;

const hashOf = (name: string, version: string): string =>
  Buffer.from(`${name} ${version}`).toString("hex").padEnd(64, "0").slice(0, 64);

function placeOf(world: World, { source = "here", opened = [] as string[], hash = hashOf } = {}): PackPlace {
  return {
    offers: async (name) =>
      Object.entries(world).flatMap(([key, needs]) => {
        const [found = "", version = ""] = key.split(" ");
        if (found !== name) return [];
        const open = async (): ReturnType<Awaited<ReturnType<PackPlace["offers"]>>[number]["open"]> => {
          opened.push(key);
          const dependencies = Object.entries(needs).map(([other, need]) => {
            const [req = "", built] = need.split("@");
            return [
              other,
              { req, ...(built && { resolved: { version: built, packHash: hashOf(other, built) } }) },
            ] as const;
          });
          return {
            name,
            version,
            packHash: hash(name, version),
            source: `${source}/${key}`,
            dependencies: new Map(dependencies),
          };
        };
        return [{ version, place: source, open }];
      }),
  };
}

async function solve(
  needs: Readonly<Record<string, string>>,
  world: World | readonly PackPlace[],
  options: Partial<SolveOptions> = {},
): Promise<Readonly<Record<string, string>>> {
  const places = Array.isArray(world) ? (world as readonly PackPlace[]) : [placeOf(world as World)];
  const root = { name: "app", version: "1.0.0", dependencies: new Map(Object.entries(needs)) };
  const chosen = await solveDependencies(root, { index: new CandidateIndex(places), ...options });
  return Object.fromEntries([...chosen].map(([name, { version }]) => [name, version]));
}

const lockOf = (versions: Readonly<Record<string, string>>, hash = hashOf): PackLock =>
  new Map(
    Object.entries(versions).map(([name, version]) => [
      name,
      { name, version, packHash: hash(name, version), source: "here", dependencies: [] },
    ]),
  );

test("solveDependencies() takes the newest versions that all ranges admit, directly or not", async () => {
  verifies("pack.semver", "pack.dependencies.resolved");
  const world = {
    "a 1.0.0": { c: "^1" },
    "a 1.4.0": { c: "^1.2" },
    "a 2.0.0": {},
    "b 0.3.1": { c: ">=1, <1.4" },
    "c 1.2.0": {},
    "c 1.3.9": { d: "*" },
    "c 1.4.0": {},
    "d 0.1.0": {},
  };
  expect(await solve({ a: "1", b: "0.3" }, world)).toEqual({ a: "1.4.0", b: "0.3.1", c: "1.3.9", d: "0.1.0" });
});

test("solveDependencies() goes back to an older version where the newest leads nowhere", async () => {
  const world = {
    "a 1.1.0": { c: "^2" },
    "a 1.0.0": { c: "^1" },
    "b 1.0.0": { c: "^1" },
    "c 1.0.0": {},
    "c 2.0.0": {},
  };
  expect(await solve({ a: "1", b: "1" }, world)).toEqual({ a: "1.0.0", b: "1.0.0", c: "1.0.0" });
});

test("solveDependencies() goes back to the choice that a dead end hangs on, not through all in between", async () => {
  const opened: string[] = [];
  const middle = Object.fromEntries(
    ["m", "n", "o", "p", "q"].flatMap((name) => Array.from({ length: 9 }, (_, i) => [`${name} 1.${i}.0`, {}])),
  );
  const world = {
    ...middle,
    "a 1.1.0": { z: "^2" },
    "a 1.0.0": { z: "^1" },
    "y 1.0.0": { z: "^1" },
    "z 1.0.0": {},
    "z 2.0.0": {},
  };
  const needs = { a: "1", m: "1", n: "1", o: "1", p: "1", q: "1", y: "1" };
  const chosen = await solve(needs, [placeOf(world, { opened })]);
  expect(chosen).toMatchObject({ a: "1.0.0", q: "1.8.0", z: "1.0.0" });
  expect(opened.length).toBeLessThan(20);
});

test("solveDependencies() names the whole chain of a conflict", async () => {
  verifies("pack.dependencies.chain");
  const world = { "a 1.0.0": { c: "^2" }, "b 1.1.0": { c: "^1" }, "c 1.5.0": {}, "c 2.0.0": {} };
  await expect(solve({ a: "^1", b: "^1" }, world)).rejects.toMatchObject({
    code: "PACK_DEPENDENCY_CONFLICT",
    message: expect.stringContaining(
      "app 1.0.0 needs a ^1, a 1.0.0 needs c ^2, app 1.0.0 needs b ^1, b 1.1.0 needs c ^1; there are 2.0.0, 1.5.0",
    ) as string,
  });
  await expect(solve({ a: "^1" }, { "a 1.0.0": { c: "^2" } })).rejects.toMatchObject({
    code: "PACK_DEPENDENCY_UNRESOLVED",
    message: expect.stringContaining("there is none; app 1.0.0 needs a ^1, a 1.0.0 needs c ^2") as string,
  });
  await expect(solve({ a: "^1" }, { "a 1.0.0": { app: "^1" } })).rejects.toMatchObject({
    code: "PACK_DEPENDENCY_CYCLE",
    message: expect.stringContaining("app 1.0.0 needs a ^1, a 1.0.0 needs app ^1") as string,
  });
});

test("solveDependencies() takes pre-releases where a range names one of the same version, as Cargo does", async () => {
  const world = { "a 1.0.0-rc.2": {}, "a 1.0.0-rc.10": {}, "a 1.1.0-rc.1": {}, "a 0.9.0": {} };
  expect(await solve({ a: "1.0.0-rc.1" }, world)).toEqual({ a: "1.0.0-rc.10" });
  expect(await solve({ a: "*" }, world)).toEqual({ a: "0.9.0" });
  await expect(solve({ a: "^1" }, world)).rejects.toMatchObject({ code: "PACK_DEPENDENCY_CONFLICT" });
});

test("solveDependencies() takes what a pack was built with, and nothing else", async () => {
  verifies("pack.dependencies.exact");
  const world = {
    "b 1.0.0": { c: "^1@1.0.0" },
    "b 1.1.0": { c: "^1@1.2.0" },
    "c 1.0.0": {},
    "c 1.2.0": {},
    "c 1.9.0": {},
  };
  expect(await solve({ b: "1", c: "1" }, world)).toEqual({ b: "1.1.0", c: "1.2.0" });
  expect(await solve({ b: "1", c: "<1.2" }, world)).toEqual({ b: "1.0.0", c: "1.0.0" });
  const forged = placeOf({ "c 1.2.0": {} }, { hash: () => "f".repeat(64) });
  await expect(solve({ b: "=1.1.0" }, [placeOf({ "b 1.1.0": { c: "^1@1.2.0" } }), forged])).rejects.toMatchObject({
    code: "PACK_DEPENDENCY_CONFLICT",
    message: expect.stringContaining("b 1.1.0 needs c ^1 and was built with 1.2.0") as string,
  });
});

test("solveDependencies() stays with the lock where it fits, and tells where a locked pack was replaced", async () => {
  verifies("pack.dependencies.lock");
  const world = { "a 1.0.0": { c: "1" }, "a 1.1.0": { c: "1" }, "c 1.0.0": {}, "c 1.1.0": {} };
  const lock = lockOf({ a: "1.0.0", c: "1.0.0" });
  expect(await solve({ a: "1" }, world, { lock })).toEqual({ a: "1.0.0", c: "1.0.0" });
  expect(await solve({ a: "1" }, world, { lock, update: new Set(["c"]) })).toEqual({ a: "1.0.0", c: "1.1.0" });
  expect(await solve({ a: "1.1" }, world, { lock })).toEqual({ a: "1.1.0", c: "1.0.0" });
  expect(await solve({ a: "1" }, world, { lock, isLocked: true })).toEqual({ a: "1.0.0", c: "1.0.0" });
  await expect(solve({ a: "1.1" }, world, { lock, isLocked: true })).rejects.toMatchObject({ code: "PACK_LOCK_STALE" });
  const other = lockOf({ a: "1.0.0", c: "1.0.0" }, () => "e".repeat(64));
  await expect(solve({ a: "1" }, world, { lock: other })).rejects.toMatchObject({ code: "PACK_LOCK_REPLACED" });
});

test("CandidateIndex refuses one version that is two packs, and takes one that is the same in two places", async () => {
  verifies("pack.dependencies.confusion");
  const world = { "a 1.0.0": {} };
  const other = placeOf(world, { source: "there", hash: () => "a".repeat(64) });
  await expect(solve({ a: "1" }, [placeOf(world), other])).rejects.toMatchObject({
    code: "PACK_DEPENDENCY_AMBIGUOUS",
    message: expect.stringContaining('"here/a 1.0.0" and another in "there/a 1.0.0"') as string,
  });
  expect(await solve({ a: "1" }, [placeOf(world), placeOf(world, { source: "there" })])).toEqual({ a: "1.0.0" });
});

test("CandidateIndex leaves out what is refused and says why, but no place that can't be reached", async () => {
  const failing = (code: "PACK_UNSIGNED" | "OCI_REGISTRY_UNAVAILABLE"): PackPlace => ({
    offers: async () => [
      { version: "2.0.0", place: "there", open: () => Promise.reject(new GreenticError(code, "x")) },
    ],
  });
  expect(await solve({ a: "*" }, [placeOf({ "a 1.0.0": {} }), failing("PACK_UNSIGNED")])).toEqual({ a: "1.0.0" });
  await expect(solve({ a: "2" }, [placeOf({ "a 1.0.0": {} }), failing("PACK_UNSIGNED")])).rejects.toMatchObject({
    code: "PACK_DEPENDENCY_CONFLICT",
  });
  await expect(solve({ a: "2" }, [failing("PACK_UNSIGNED")])).rejects.toMatchObject({
    code: "PACK_DEPENDENCY_UNRESOLVED",
    message: expect.stringContaining('none of 2.0.0 can be taken; "there": PACK_UNSIGNED') as string,
  });
  await expect(
    solve({ a: "*" }, [placeOf({ "a 1.0.0": {} }), failing("OCI_REGISTRY_UNAVAILABLE")]),
  ).rejects.toMatchObject({
    code: "OCI_REGISTRY_UNAVAILABLE",
  });
});
