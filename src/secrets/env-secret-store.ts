import type { SecretStore } from "./secret-store.ts";
import type { SecretUri } from "./secret-uri.ts";

/** Reads secrets from environment variables `GTSEC_{ENV}_{TENANT}_{TEAM}_{CATEGORY}_{NAME}`, each part upper case, other characters as `_`; they have no versions. */
export class EnvSecretStore implements SecretStore {
  readonly #environment: Readonly<Record<string, string | undefined>>;

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.#environment = environment;
  }

  read(uri: SecretUri): Promise<string | undefined> {
    if (uri.version !== undefined) return Promise.resolve(undefined);
    return Promise.resolve(this.#environment[envSecretName(uri)]);
  }
}

/** The variable that holds a secret. */
export function envSecretName({ env, tenant, team, category, name }: SecretUri): string {
  const fold = (part: string): string => part.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_");
  return `GTSEC_${[env, tenant, team, category, name].map(fold).join("_")}`;
}
