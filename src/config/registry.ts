import { join } from "node:path";
import { GreenticError } from "../types/index.ts";
import type { JsonObject } from "../types/index.ts";

/** Registries of packs and components. */
export interface RegistryConfig {
  /** `host` or `host:port` of registries beside loopback that are asked over plain http. */
  readonly plainHttp: readonly string[];
  /** Only what the data directory has; no registry is asked. */
  readonly offline: boolean;
  /** Where packs come from that others need; no other registry is asked for a name. */
  readonly scopes: readonly RegistryScope[];
  /** The user of one registry, from the environment; its password never goes to another. */
  readonly user?: { readonly registry: string; readonly name: string; readonly password: string };
  /** Docker's configuration, which has the credentials of the others; it need not be there. */
  readonly dockerFile?: string;
}

/** Whose packs have which names, and where they are. */
export interface RegistryScope {
  /** As `trusted_publishers` calls who must have signed them. */
  readonly publisher: string;
  /** Pack names, `*` matching any run of characters. */
  readonly names: readonly string[];
  /** `oci://host/prefix`: a pack is at `prefix/<name>`. */
  readonly registries: readonly string[];
}

/** Reads `[registry.scopes]`, whose shape was checked. */
export function readScopes(table: JsonObject): readonly RegistryScope[] {
  return Object.entries(table).map(([publisher, scope]) => {
    const { names, registries } = scope as unknown as Pick<RegistryScope, "names" | "registries">;
    return { publisher, names, registries };
  });
}

/**
 * Reads who we are to registries. A user without the registry's name would be shown to whoever a reference names.
 * @throws CONFIG_ENV_INVALID
 */
export function readRegistryUser(
  environment: Readonly<Record<string, string | undefined>>,
): Pick<RegistryConfig, "user" | "dockerFile"> {
  const [registry, name, password] = ["", "_USER", "_PASSWORD"].map((end) => environment[`GREENTIC_REGISTRY${end}`]);
  const given = [registry, name, password].filter((value) => value !== undefined && value !== "").length;
  if (given !== 0 && given !== 3)
    throw new GreenticError(
      "CONFIG_ENV_INVALID",
      "Read GREENTIC_REGISTRY: expected GREENTIC_REGISTRY, GREENTIC_REGISTRY_USER and GREENTIC_REGISTRY_PASSWORD together",
    );
  const home = environment["HOME"];
  const docker = environment["DOCKER_CONFIG"] ?? (home === undefined ? undefined : join(home, ".docker"));
  return {
    ...(registry && name && password && { user: { registry, name, password } }),
    ...(docker !== undefined && { dockerFile: join(docker, "config.json") }),
  };
}
