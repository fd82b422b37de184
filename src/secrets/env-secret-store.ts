import type { SecretStore } from "./secret-store.ts";
import type { SecretUri } from "./secret-uri.ts";

/** Reads secrets from environment variables `GTSEC_{ENV}_{TENANT}_{TEAM}_{CATEGORY}_{NAME}`, each part upper case, other characters as `_`. */
export class EnvSecretStore implements SecretStore {
  readonly #environment: Readonly<Record<string, string | undefined>>;

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.#environment = environment;
  }

  read(uri: SecretUri): Promise<string | undefined> {
    const fold = (part: string): string => part.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_");
    const name = `GTSEC_${[uri.env, uri.tenant, uri.team, uri.category, uri.name].map(fold).join("_")}`;
    return Promise.resolve(this.#environment[name]);
  }
}
