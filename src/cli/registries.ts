import { join } from "node:path";
import type { Config, Environment } from "../config/index.ts";
import {
  dockerCredentials,
  isOciReference,
  OciCache,
  OciClient,
  OciLibrary,
  parseOciReference,
  pullArtifact,
} from "../oci/index.ts";
import type { CredentialSource, PulledArtifact } from "../oci/index.ts";
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

/** Reads a pack that was named on the command line: a file, the directory of an unpacked one, or an `oci://` reference. */
export async function readPackSource(io: CommandIo, place: string, config: Config): Promise<Uint8Array> {
  if (!isOciReference(place)) return readPackInput(io, place);
  return (await pullPack(openRegistries(config, io), place)).bytes;
}
