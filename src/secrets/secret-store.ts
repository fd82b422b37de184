import type { SecretUri } from "./secret-uri.ts";

/** One place where secrets are kept. Values are text; none of them may reach a log, a trace or an error. */
export interface SecretStore {
  /** Reads a secret as it stands now, so that a rotation needs no restart; undefined where there is none. */
  read(uri: SecretUri): Promise<string | undefined>;
}

/** A place that tells what it has. */
export interface ListableSecretStore extends SecretStore {
  /** Lists names, never values, in order. */
  list(): Promise<readonly SecretUri[]>;
}

/** A place that secrets can be written to. */
export interface WritableSecretStore extends ListableSecretStore {
  write(uri: SecretUri, value: string): Promise<void>;
  /** Removes a secret; false where there was none. */
  remove(uri: SecretUri): Promise<boolean>;
}
