import { join, resolve } from "node:path";
import type { Config, Environment } from "../config/index.ts";
import {
  dockerCredentials,
  isOciReference,
  OciCache,
  OciClient,
  OciLibrary,
  parseOciReference,
  pullArtifact,
  pullProvenance,
} from "../oci/index.ts";
import type { CredentialSource, PulledArtifact } from "../oci/index.ts";
import { readProvenanceBeside } from "../pack/index.ts";
import type { TrustPolicy } from "../pack/index.ts";
import type { CommandIo } from "./command.ts";
import { readPackInput } from "./pack-input.ts";

/** Registries as the configuration has them, over the data directory's cache. */
export interface Registries {
  readonly client: OciClient;
  readonly cache: OciCache;
  readonly library: OciLibrary;
}

/** Opens the way to registries; nobody is asked yet. */
export function openRegistries(
  config: Config,
  { environment, signal }: { readonly environment: Environment; readonly signal?: AbortSignal },
): Registries {
  const { plainHttp, offline } = config.registry;
  const client = new OciClient({
    plainHttp,
    privateAddresses: config.network.privateAddresses,
    credentials: credentialsOf(config, environment),
    ...(signal && { signal }),
  });
  const cache = new OciCache(join(config.dataDir, "oci"));
  return { client, cache, library: new OciLibrary({ client, cache, isOffline: offline }) };
}

function credentialsOf({ registry: { user, dockerFile } }: Config, environment: Environment): CredentialSource {
  const docker = dockerFile === undefined ? undefined : dockerCredentials({ file: dockerFile, environment });
  return async (registry) => {
    if (user?.registry === registry) return { kind: "password", user: user.name, password: user.password };
    return docker?.(registry);
  };
}

/**
 * Pulls a pack's file; whoever opens it verifies it as any other file.
 * @throws OCI_REFERENCE_INVALID, OCI_ARTIFACT_UNSUPPORTED, OCI_OFFLINE, OCI_…
 */
export function pullPack(
  { library }: Registries,
  reference: string,
  { update = false }: { readonly update?: boolean } = {},
): Promise<PulledArtifact> {
  return pullArtifact(library, parseOciReference(reference), { kind: "pack", update });
}

/** Fetches what is said of how a pulled pack was built, where that is asked for. @throws OCI_… */
export async function provenanceOf(
  { library }: Registries,
  { reference, trust }: { readonly reference: PulledArtifact["reference"]; readonly trust: TrustPolicy },
): Promise<readonly Uint8Array[]> {
  return trust.requireProvenance === true ? pullProvenance(library, reference) : [];
}

/** A pack's bytes, and what is said of how it was built. */
export interface PackWithProvenance {
  readonly bytes: Uint8Array;
  readonly provenance: readonly Uint8Array[];
  /** Where it was pulled from. */
  readonly reference?: PulledArtifact["reference"];
}

/** Reads a pack that was named with what is said of how it was built: the file beside it, or what its registry has, where trust asks. */
export async function readPackAndProvenance(
  io: CommandIo,
  place: string,
  { config, trust }: { readonly config: Config; readonly trust: TrustPolicy },
): Promise<PackWithProvenance> {
  if (!isOciReference(place))
    return { bytes: await readPackInput(io, place), provenance: await readProvenanceBeside(resolve(io.cwd, place)) };
  const registries = openRegistries(config, io);
  const { bytes, reference } = await pullPack(registries, place);
  return { bytes, reference, provenance: await provenanceOf(registries, { reference, trust }) };
}
