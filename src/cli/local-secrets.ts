import { join } from "node:path";
import type { Config } from "../config/index.ts";
import { FileSecretStore, LocalSecretStore, SealedSecretStore } from "../secrets/index.ts";

/** Opens the secrets of the data directory: the sealed file, and the plain one of older versions. */
export function localSecrets(config: Config): LocalSecretStore {
  const { keyFile, sdkDir, keepVersions } = config.secrets;
  const sealed = new SealedSecretStore({ file: join(config.dataDir, "secrets.sealed"), keyFile, sdkDir, keepVersions });
  return new LocalSecretStore({ sealed, plain: new FileSecretStore(join(config.dataDir, "secrets.json")) });
}
