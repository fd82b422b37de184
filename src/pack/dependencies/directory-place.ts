import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { GreenticError, quote } from "../../types/index.ts";
import { readProvenanceBeside } from "../provenance/provenance-file.ts";
import { findingError } from "../finding-error.ts";
import type { Offer, PackPlace, SkippedPack } from "./candidate-index.ts";
import type { CandidateOptions } from "./read-candidate.ts";
import { readCandidate } from "./read-candidate.ts";

/** The packs of a directory: files that end in `.gtpack`, whatever else their names say. */
export class DirectoryPlace implements PackPlace {
  readonly unreadable: SkippedPack[] = [];
  readonly #directory: string;
  readonly #options: Omit<CandidateOptions, "source"> & { readonly lockDirectory: string };
  #listed: Promise<ReadonlyMap<string, readonly Offer[]>> | undefined;

  /** Sources are written relative to `lockDirectory`. */
  constructor(directory: string, options: Omit<CandidateOptions, "source"> & { readonly lockDirectory: string }) {
    this.#directory = directory;
    this.#options = options;
  }

  /** @throws PACK_FILE_UNREADABLE where the directory or a pack in it can't be read */
  async offers(name: string): Promise<readonly Offer[]> {
    this.#listed ??= this.#list();
    return (await this.#listed).get(name) ?? [];
  }

  async #list(): Promise<ReadonlyMap<string, readonly Offer[]>> {
    const offers = new Map<string, readonly Offer[]>();
    const names = await readdir(this.#directory).catch((error: unknown) => {
      throw unreadable(this.#directory, error);
    });
    for (const file of names.filter((entry) => entry.endsWith(".gtpack")).toSorted()) {
      const path = join(this.#directory, file);
      const bytes = await readFile(path).catch((error: unknown) => {
        throw unreadable(path, error);
      });
      const source = sourceOf(this.#options.lockDirectory, path);
      const provenance = await readProvenanceBeside(path);
      const { report, candidate } = await readCandidate(bytes, { ...this.#options, provenance, source });
      if (report.name === null || report.version === null) {
        const { code, message } = findingError(
          report.findings.find(({ severity }) => severity === "error"),
          "Read pack",
        );
        this.unreadable.push({ place: source, code, message });
        continue;
      }
      const offer: Offer = { version: report.version, place: source, open: async () => candidate() };
      offers.set(report.name, [...(offers.get(report.name) ?? []), offer]);
    }
    return offers;
  }
}

/** Writes a file's place as locks have it: the same on every machine that has the same folders. */
function sourceOf(from: string, path: string): string {
  return relative(from, path).split(sep).join("/");
}

function unreadable(path: string, cause: unknown): GreenticError {
  return new GreenticError("PACK_FILE_UNREADABLE", `Read packs in ${quote(path)}: can't be read`, { cause });
}
