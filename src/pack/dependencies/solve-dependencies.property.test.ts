import fc from "fast-check";
import { satisfies } from "semver";
import { expect, test } from "vitest";
import { isGreenticError } from "../../types/index.ts";
import { verifies } from "../../../test/verifies.ts";
import { cargoRange } from "../cargo-range.ts";
import { CandidateIndex } from "./candidate-index.ts";
import type { OpenedCandidate } from "./candidate-index.ts";
import { solveDependencies } from "./solve-dependencies.ts";

const NAMES = ["a", "b", "c", "d"];
const VERSIONS = ["1.0.0", "1.1.0", "2.0.0"];
const range = fc.constantFrom("^1", "=1.0.0", ">=1.1", "^2", "*", "<2");
const needs = fc.dictionary(fc.constantFrom(...NAMES), range, { maxKeys: 3, noNullPrototype: true });
const world = fc.dictionary(
  fc.constantFrom(...NAMES.flatMap((name) => VERSIONS.map((version) => `${name} ${version}`))),
  needs,
  { maxKeys: 10, noNullPrototype: true },
);

type Needs = Readonly<Record<string, string>>;
type Packs = Readonly<Record<string, Needs>>;
type Chosen = Readonly<Record<string, string>>;

/** Whether a choice has everything that it needs, within every range. */
function isSolution(root: Needs, packs: Packs, chosen: Chosen): boolean {
  const holds = (wanted: Needs): boolean =>
    Object.entries(wanted).every(
      ([name, req]) => chosen[name] !== undefined && satisfies(chosen[name], cargoRange(req)),
    );
  return (
    holds(root) && Object.entries(chosen).every(([name, version]) => holds(packs[`${name} ${version}`] ?? { "?": "*" }))
  );
}

/** Tries every choice of a version or none for every name. */
function hasSolution(root: Needs, packs: Packs, chosen: Chosen = {}, at = 0): boolean {
  const name = NAMES[at];
  if (name === undefined) return isSolution(root, packs, chosen);
  return [undefined, ...VERSIONS].some((version) =>
    hasSolution(root, packs, version === undefined ? chosen : { ...chosen, [name]: version }, at + 1),
  );
}

test("solveDependencies() finds a solution exactly where there is one, and holds nothing that isn't needed", async () => {
  verifies("pack.dependencies.resolved");
  await fc.assert(
    fc.asyncProperty(needs, world, async (root, packs) => {
      const index = new CandidateIndex([
        {
          offers: async (name) =>
            Object.entries(packs).flatMap(([key, wanted]) => {
              const [found = "", version = ""] = key.split(" ");
              const dependencies = new Map(Object.entries(wanted).map(([other, req]) => [other, { req }]));
              const open = async (): Promise<OpenedCandidate> => ({
                name,
                version,
                packHash: key,
                source: key,
                dependencies,
              });
              return found === name ? [{ version, place: "here", open }] : [];
            }),
        },
      ]);
      const subject = { name: "root", version: "1.0.0", dependencies: new Map(Object.entries(root)) };
      try {
        const solved = await solveDependencies(subject, { index });
        const chosen = Object.fromEntries([...solved].map(([name, { version }]) => [name, version]));
        expect(isSolution(root, packs, chosen)).toBe(true);
        const needed = new Set(
          [root, ...[...solved.keys()].map((name) => packs[`${name} ${chosen[name]}`] ?? {})].flatMap((wanted) =>
            Object.keys(wanted),
          ),
        );
        expect(Object.keys(chosen).filter((name) => !needed.has(name))).toEqual([]);
      } catch (error) {
        if (!isGreenticError(error)) throw error;
        expect(["PACK_DEPENDENCY_CONFLICT", "PACK_DEPENDENCY_UNRESOLVED"]).toContain(error.code);
        expect(hasSolution(root, packs)).toBe(false);
      }
    }),
    { numRuns: 2_000 },
  );
});
