import { valid as validVersion } from "semver";
import { formatOciReference, parseOciReference, pullArtifact } from "../../oci/index.ts";
import type { OciReference } from "../../oci/index.ts";
import { readCandidate } from "../../pack/index.ts";
import type { CandidateOptions, Offer, OpenedCandidate, PackPlace } from "../../pack/index.ts";
import { isGreenticError } from "../../types/index.ts";
import { provenanceOf } from "../registries.ts";
import type { Registries } from "../registries.ts";
import type { NameScope } from "./scopes.ts";

export interface RegistryPlaceOptions extends Omit<CandidateOptions, "source"> {
  readonly registries: Registries;
  readonly scopeOf: (name: string) => NameScope;
  /** Whether only the cache is asked. */
  readonly isOffline: boolean;
  /** Names whose tags are asked about again. */
  readonly update: (name: string) => boolean;
}

/** What registries have of a name, each name asked for where it is scoped to and nowhere else. Tags that are versions count. */
export class RegistryPlace implements PackPlace {
  readonly #options: RegistryPlaceOptions;

  constructor(options: RegistryPlaceOptions) {
    this.#options = options;
  }

  /** @throws PACK_SCOPE_AMBIGUOUS, OCI_… */
  async offers(name: string): Promise<readonly Offer[]> {
    const lists = await Promise.all(
      this.#options.scopeOf(name).prefixes.map(async (prefix) => {
        const repository = parseOciReference(`${prefix.replace(/\/$/, "")}/${name}`);
        const tags = await this.#tags(repository);
        return tags.flatMap((tag) => this.#offer({ ...repository, tag }, name));
      }),
    );
    return lists.flat();
  }

  async #tags(repository: OciReference): Promise<readonly string[]> {
    const { registries, isOffline } = this.#options;
    if (isOffline) return registries.cache.lockedTags(formatOciReference(repository));
    try {
      return await registries.client.listTags(repository);
    } catch (error) {
      if (isGreenticError(error, "OCI_NOT_FOUND")) return [];
      throw error;
    }
  }

  #offer(reference: OciReference & { readonly tag: string }, name: string): readonly Offer[] {
    // Versions may hold a plus, tags may not.
    const version = reference.tag.replaceAll("_", "+");
    if (validVersion(version) !== version.replace(/\+.*$/, "")) return [];
    return [{ version, place: formatOciReference(reference), open: () => this.#open(reference, name) }];
  }

  async #open(reference: OciReference, name: string): Promise<OpenedCandidate> {
    const { registries, update, trust, nowMs, publisherOf } = this.#options;
    const pulled = await pullArtifact(registries.library, reference, { kind: "pack", update: update(name) });
    const source = formatOciReference(pulled.reference);
    const provenance = await provenanceOf(registries, { reference: pulled.reference, trust });
    const { candidate } = await readCandidate(pulled.bytes, { source, trust, nowMs, provenance, publisherOf });
    return candidate();
  }
}
