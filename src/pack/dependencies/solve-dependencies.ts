import { satisfies } from "semver";
import { GreenticError, quote } from "../../types/index.ts";
import { cargoRange } from "../cargo-range.ts";
import type { CandidateIndex, OpenedCandidate } from "./candidate-index.ts";
import type { PackLock } from "./pack-lock.ts";

/** Whose dependencies are resolved. */
export interface ResolvedRoot {
  readonly name: string;
  readonly version: string;
  /** Name → Cargo range. */
  readonly dependencies: ReadonlyMap<string, string>;
}

export interface SolveOptions {
  readonly index: Pick<CandidateIndex, "versions" | "open" | "skipped">;
  /** What was chosen before is chosen again where it fits, so that a resolution changes where somebody wants it to. */
  readonly lock?: PackLock | undefined;
  /** Names for which the lock doesn't count. */
  readonly update?: ReadonlySet<string> | undefined;
  /** Takes nothing that isn't in the lock. */
  readonly isLocked?: boolean | undefined;
}

/** Who needs what of a name. */
interface Requirement {
  /** "app 1.0.0", as messages say it. */
  readonly by: string;
  /** The name behind `by`; undefined for the root. */
  readonly byName: string | undefined;
  readonly range: string;
  /** The one pack that the requirer was built with, where it was built with one. */
  readonly built?: { readonly version: string; readonly packHash: string } | undefined;
}

interface State {
  readonly chosen: ReadonlyMap<string, OpenedCandidate>;
  readonly needs: ReadonlyMap<string, readonly Requirement[]>;
}

type Outcome =
  | { readonly kind: "solved"; readonly chosen: State["chosen"] }
  | { readonly kind: "conflict"; readonly names: ReadonlySet<string> };

/**
 * Chooses one pack for every name that the root needs, directly or not: the newest that all ranges admit, names in the order in
 * which they are needed. A pack that was built with an exact pack is only chosen together with it: what its publisher signed is
 * what runs. Where a choice leads nowhere, the choice that it hangs on is taken back, not every one in between.
 * @throws PACK_DEPENDENCY_CONFLICT, PACK_DEPENDENCY_UNRESOLVED naming the chains; PACK_DEPENDENCY_AMBIGUOUS; PACK_LOCK_REPLACED;
 * PACK_LOCK_STALE where `isLocked` and the lock doesn't do
 */
export async function solveDependencies(
  root: ResolvedRoot,
  options: SolveOptions,
): Promise<ReadonlyMap<string, OpenedCandidate>> {
  const needs = new Map<string, readonly Requirement[]>();
  for (const name of [...root.dependencies.keys()].toSorted()) {
    const range = root.dependencies.get(name) ?? "*";
    needs.set(name, [{ by: `${root.name} ${root.version}`, byName: undefined, range }]);
  }
  const solver = new Solver(root, options);
  const outcome = await solver.solve({ chosen: new Map(), needs });
  if (outcome.kind === "solved") return outcome.chosen;
  throw solver.problem ?? new GreenticError("PACK_DEPENDENCY_CONFLICT", `Resolve ${quote(root.name)}: no solution`);
}

/** More steps than any sound graph takes: a graph that is made to take for ever ends here. */
const MAX_STEPS = 100_000;

class Solver {
  /** The first dead end, which is that of the newest versions. */
  problem: GreenticError | undefined;
  readonly #root: ResolvedRoot;
  readonly #options: SolveOptions;
  #steps = 0;

  constructor(root: ResolvedRoot, options: SolveOptions) {
    this.#root = root;
    this.#options = options;
  }

  async solve(state: State): Promise<Outcome> {
    const name = [...state.needs.keys()].find((needed) => !state.chosen.has(needed));
    if (name === undefined) return { kind: "solved", chosen: state.chosen };
    if (name === this.#root.name)
      throw new GreenticError(
        "PACK_DEPENDENCY_CYCLE",
        `Resolve ${quote(name)}: it needs itself: ${this.#chain(state, name)}`,
      );
    const requirements = state.needs.get(name) ?? [];
    const blame = new Set(namesOf(requirements));
    let hasFit = false;
    for (const version of await this.#ordered(name, requirements)) {
      if (++this.#steps > MAX_STEPS)
        throw new GreenticError(
          "PACK_DEPENDENCY_CONFLICT",
          `Resolve ${quote(this.#root.name)}: gave up after ${MAX_STEPS} attempts`,
        );
      const candidate = await this.#open(name, version, requirements);
      if (candidate === undefined) continue;
      hasFit = true;
      const next = this.#choose(state, candidate);
      const outcome = next.kind === "state" ? await this.solve(next.state) : next;
      if (outcome.kind === "solved") return outcome;
      // This name had no part in the dead end: another version of it leads to the same one.
      if (!outcome.names.has(name)) return outcome;
      for (const other of outcome.names) if (other !== name) blame.add(other);
    }
    if (!hasFit) await this.#explain(state, name);
    return { kind: "conflict", names: blame };
  }

  /** The versions that all ranges admit: the locked one first, then from the newest. */
  async #ordered(name: string, requirements: readonly Requirement[]): Promise<readonly string[]> {
    const ranges = requirements.map(({ range }) => cargoRange(range));
    const versions = await this.#options.index.versions(name);
    const fitting = versions.filter((version) => ranges.every((range) => satisfies(version, range)));
    const locked = this.#lockedVersion(name);
    const first = fitting.filter((version) => version === locked);
    return this.#options.isLocked === true ? first : [...first, ...fitting.filter((version) => version !== locked)];
  }

  #lockedVersion(name: string): string | undefined {
    return this.#options.update?.has(name) === true ? undefined : this.#options.lock?.get(name)?.version;
  }

  async #open(
    name: string,
    version: string,
    requirements: readonly Requirement[],
  ): Promise<OpenedCandidate | undefined> {
    // A version that somebody wasn't built with needn't be fetched.
    if (requirements.some(({ built }) => built !== undefined && built.version !== version)) return undefined;
    const candidate = await this.#options.index.open(name, version);
    if (candidate === undefined) return undefined;
    const locked = this.#options.lock?.get(name);
    if (this.#lockedVersion(name) === version && locked !== undefined && locked.packHash !== candidate.packHash)
      throw new GreenticError(
        "PACK_LOCK_REPLACED",
        `Resolve ${quote(name)} ${version}: pack.lock has pack hash ${locked.packHash}, ${quote(candidate.source)} has ${candidate.packHash}`,
      );
    return requirements.every(({ built }) => built === undefined || built.packHash === candidate.packHash)
      ? candidate
      : undefined;
  }

  #choose(
    state: State,
    candidate: OpenedCandidate,
  ): { readonly kind: "state"; readonly state: State } | Extract<Outcome, { kind: "conflict" }> {
    const chosen = new Map(state.chosen).set(candidate.name, candidate);
    const needs = new Map(state.needs);
    for (const [name, { req: range, resolved: built }] of candidate.dependencies) {
      const by = `${candidate.name} ${candidate.version}`;
      needs.set(name, [...(needs.get(name) ?? []), { by, byName: candidate.name, range, built }]);
    }
    for (const name of candidate.dependencies.keys()) {
      const other = chosen.get(name);
      const requirements = needs.get(name) ?? [];
      if (other === undefined || requirements.every((requirement) => fits(other, requirement))) continue;
      this.#conflict({ chosen, needs }, name, [`${other.version} was chosen`]);
      return { kind: "conflict", names: new Set([name, candidate.name, ...namesOf(requirements)]) };
    }
    return { kind: "state", state: { chosen, needs } };
  }

  async #explain(state: State, name: string): Promise<void> {
    if (this.problem !== undefined) return;
    const versions = await this.#options.index.versions(name);
    const { skipped } = this.#options.index;
    const locked = this.#options.lock?.get(name);
    if (this.#options.isLocked === true && (locked === undefined || versions.length > 0))
      this.problem = new GreenticError(
        "PACK_LOCK_STALE",
        `Resolve ${quote(name)}: ${locked === undefined ? "it isn't in pack.lock" : `pack.lock has ${locked.version}`}, and ${this.#chain(state, name)}`,
      );
    else if (versions.every((version) => skipped.some((item) => item.name === name && item.version === version)))
      this.problem = this.#unresolved(state, name, versions);
    else this.#conflict(state, name, [`there ${versions.length === 1 ? "is" : "are"} ${some(versions)}`]);
  }

  #unresolved(state: State, name: string, versions: readonly string[]): GreenticError {
    const refused = this.#options.index.skipped.filter((item) => item.name === name).slice(0, 3);
    const found = versions.length === 0 ? "there is none" : `none of ${some(versions)} can be taken`;
    const why = refused.map(({ place, code }) => `; ${quote(place)}: ${code}`).join("");
    return new GreenticError(
      "PACK_DEPENDENCY_UNRESOLVED",
      `Resolve ${quote(name)}: ${found}${why}; ${this.#chain(state, name)}`,
    );
  }

  #conflict(state: State, name: string, facts: readonly string[]): void {
    this.problem ??= new GreenticError(
      "PACK_DEPENDENCY_CONFLICT",
      `Resolve ${quote(name)}: no version is what all want: ${[this.#chain(state, name), ...facts].join("; ")}`,
    );
  }

  /** Says who needs a name, each with those who need them: "app 1.0.0 needs b ^1, b 1.1.0 needs c ^1". */
  #chain(state: State, name: string): string {
    const needs = (name2: string, seen: ReadonlySet<string>): readonly string[] =>
      (state.needs.get(name2) ?? []).flatMap(({ by, byName, range, built }) => {
        const own = `${by} needs ${name2} ${range}${built === undefined ? "" : ` and was built with ${built.version}`}`;
        const above = byName === undefined || seen.has(byName) ? [] : needs(byName, new Set([...seen, byName]));
        return [...above, own];
      });
    return [...new Set(needs(name, new Set([name])))].join(", ");
  }
}

function fits(candidate: OpenedCandidate, { range, built }: Requirement): boolean {
  return (
    satisfies(candidate.version, cargoRange(range)) && (built === undefined || built.packHash === candidate.packHash)
  );
}

function namesOf(requirements: readonly Requirement[]): readonly string[] {
  return requirements.flatMap(({ byName }) => (byName === undefined ? [] : [byName]));
}

function some(versions: readonly string[]): string {
  return versions.length > 8
    ? `${versions.slice(0, 8).join(", ")} and ${versions.length - 8} more`
    : versions.join(", ");
}
