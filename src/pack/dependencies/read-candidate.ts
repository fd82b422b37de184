import { GreenticError, quote } from "../../types/index.ts";
import { findingError } from "../finding-error.ts";
import type { PackReport } from "../report.ts";
import type { TrustPolicy } from "../trust.ts";
import { examinePack } from "../verify-pack.ts";
import type { OpenedCandidate } from "./candidate-index.ts";

export interface CandidateOptions {
  /** As `pack.lock` is going to say it. */
  readonly source: string;
  readonly trust: TrustPolicy;
  /** Envelopes that say how it was built. */
  readonly provenance?: readonly Uint8Array[] | undefined;
  /** Wall clock, for keys that expire. */
  readonly nowMs: number;
  /** Tells whose packs of a name are taken; undefined where any trusted publisher's are. */
  readonly publisherOf?: ((name: string) => string | undefined) | undefined;
}

/** A pack's own words for itself, and the candidate that it makes or the reason why it makes none. */
export interface ReadCandidate {
  readonly report: PackReport;
  /** @throws the code of what refuses it */
  readonly candidate: () => OpenedCandidate;
}

/** Verifies a pack as a host would, and reads what it needs. */
export async function readCandidate(
  bytes: Uint8Array,
  { source, trust, nowMs, provenance, publisherOf }: CandidateOptions,
): Promise<ReadCandidate> {
  const { report, content } = await examinePack(bytes, { trust, nowMs, provenance });
  const refused = report.findings.find(({ severity }) => severity === "error");
  // What is held until it is asked for is small: never the pack's bytes.
  const dependencies = content?.manifest.dependencies;
  const { name, version, packHash } = report;
  return {
    report,
    candidate: () => {
      if (refused !== undefined || dependencies === undefined || name === null || version === null || packHash === null)
        throw findingError(refused, `Read ${quote(source)}`);
      checkPublisher(report, { source, trust, wanted: publisherOf?.(name) });
      return { name, version, packHash, source, dependencies };
    },
  };
}

/** Names are scoped to publishers: another one that is trusted too doesn't speak for them. */
function checkPublisher(
  { name, signature }: PackReport,
  { source, trust, wanted }: Pick<CandidateOptions, "source" | "trust"> & { readonly wanted: string | undefined },
): void {
  // Where unsigned packs are accepted, there is nobody to ask for.
  if (wanted === undefined || signature.status !== "valid") return;
  const isTheirs = trust.publishers.some(
    ({ key, publisher }) => publisher === wanted && signature.keyIds.includes(key.id),
  );
  if (!isTheirs)
    throw new GreenticError(
      "PACK_SIGNER_OUT_OF_SCOPE",
      `Read ${quote(source)}: ${quote(name ?? "")} is scoped to publisher ${quote(wanted)}, who hasn't signed it`,
    );
}
