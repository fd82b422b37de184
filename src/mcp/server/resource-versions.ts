import type { OfferedFlow, Offering } from "./offering.ts";

/** Which resources change when packs do: those whose pack has another content than at the last look. Templates have no URI to tell of. */
export class ResourceVersions {
  readonly #offering: Pick<Offering, "list">;
  #known: ReadonlyMap<string, string>;

  constructor(offering: Pick<Offering, "list">) {
    this.#offering = offering;
    this.#known = versionsOf(offering.list());
  }

  /** Tells the URIs that changed, came or went since the last look. */
  takeChanged(): readonly string[] {
    const before = this.#known;
    this.#known = versionsOf(this.#offering.list());
    const uris = new Set([...before.keys(), ...this.#known.keys()]);
    return [...uris].filter((uri) => before.get(uri) !== this.#known.get(uri));
  }
}

function versionsOf(flows: readonly OfferedFlow[]): ReadonlyMap<string, string> {
  return new Map(
    flows.flatMap(({ offer, packHash }) =>
      offer.kind === "resource" && !offer.uri.includes("{") ? [[offer.uri, packHash] as const] : [],
    ),
  );
}
