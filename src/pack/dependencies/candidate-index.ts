import { compareBuild } from "semver";
import { GreenticError, isGreenticError, quote } from "../../types/index.ts";
import type { ErrorCode } from "../../types/index.ts";
import type { DependencyEntry } from "../manifest.ts";

/** A pack that a dependency can resolve to, verified. */
export interface OpenedCandidate {
  readonly name: string;
  readonly version: string;
  /** Lower-case hex. */
  readonly packHash: string;
  /** Where it is, as the lock is going to say it. */
  readonly source: string;
  readonly dependencies: ReadonlyMap<string, DependencyEntry>;
}

/** A version that a place offers; what it holds is known once it is opened. */
export interface Offer {
  readonly version: string;
  /** For people. */
  readonly place: string;
  /** Fetches and verifies it. @throws what makes it no candidate */
  open(): Promise<OpenedCandidate>;
}

/** A directory, or the part of a registry that a name is scoped to. */
export interface PackPlace {
  /** Lists what it has of a name; another name is never asked for. */
  offers(name: string): Promise<readonly Offer[]>;
  /** What was met and is no pack of any name. */
  readonly unreadable?: readonly SkippedPack[];
}

/** A pack that was found and can't be taken. */
export interface SkippedPack {
  /** Absent where the file doesn't even tell. */
  readonly name?: string;
  readonly version?: string;
  readonly place: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/**
 * Everything that a resolution can choose from, each place asked once a name. The same version from two places must be the same
 * pack: which of two would run is nobody's guess.
 */
export class CandidateIndex {
  readonly #refused: SkippedPack[] = [];
  readonly #places: readonly PackPlace[];
  readonly #versions = new Map<string, Promise<ReadonlyMap<string, readonly Offer[]>>>();
  readonly #opened = new Map<string, Promise<OpenedCandidate | undefined>>();

  constructor(places: readonly PackPlace[]) {
    this.#places = places;
  }

  /** What was left out, in the order in which it was met. */
  get skipped(): readonly SkippedPack[] {
    return [...this.#places.flatMap(({ unreadable = [] }) => unreadable), ...this.#refused];
  }

  /** Lists a name's versions, newest first. */
  async versions(name: string): Promise<readonly string[]> {
    return [...(await this.#offers(name)).keys()].toSorted((a, b) => compareBuild(b, a));
  }

  /**
   * Opens a version; undefined where every place's was refused.
   * @throws PACK_DEPENDENCY_AMBIGUOUS where two places have different packs of it
   */
  open(name: string, version: string): Promise<OpenedCandidate | undefined> {
    const key = `${name}@${version}`;
    const known = this.#opened.get(key) ?? this.#open(name, version);
    this.#opened.set(key, known);
    return known;
  }

  async #open(name: string, version: string): Promise<OpenedCandidate | undefined> {
    let found: OpenedCandidate | undefined;
    for (const offer of (await this.#offers(name)).get(version) ?? []) {
      const candidate = await this.#tryOpen(offer, name);
      if (candidate === undefined) continue;
      if (found !== undefined && found.packHash !== candidate.packHash)
        throw new GreenticError(
          "PACK_DEPENDENCY_AMBIGUOUS",
          `Resolve ${quote(name)}: version ${version} is one pack in ${quote(found.source)} and another in ${quote(candidate.source)}`,
        );
      found ??= candidate;
    }
    return found;
  }

  async #tryOpen(offer: Offer, name: string): Promise<OpenedCandidate | undefined> {
    const { version } = offer;
    try {
      const candidate = await offer.open();
      if (candidate.name === name && candidate.version === version) return candidate;
      const message = `Resolve ${quote(name)} ${version}: the pack there is ${quote(candidate.name)} ${candidate.version}`;
      this.#refused.push({ name, version, place: offer.place, code: "PACK_DEPENDENCY_MISMATCH", message });
    } catch (error) {
      // A place that can't be reached or entered is no verdict on what it has: an older version must not win by a broken line.
      if (!isGreenticError(error) || !(error.code.startsWith("PACK_") || error.kind === "invalid_input")) throw error;
      this.#refused.push({ name, version, place: offer.place, code: error.code, message: error.message });
    }
    return undefined;
  }

  #offers(name: string): Promise<ReadonlyMap<string, readonly Offer[]>> {
    const known = this.#versions.get(name) ?? this.#list(name);
    this.#versions.set(name, known);
    return known;
  }

  async #list(name: string): Promise<ReadonlyMap<string, readonly Offer[]>> {
    const versions = new Map<string, Offer[]>();
    for (const place of this.#places) {
      for (const offer of await place.offers(name)) {
        const same = versions.get(offer.version) ?? [];
        versions.set(offer.version, [...same, offer]);
      }
    }
    return versions;
  }
}
