import { flatName, readFlatName } from "../cloud/flat-name.ts";
import type { SecretUri } from "../secret-uri.ts";

/** What Key Vault allows: letters, digits and hyphens, without telling capitals. */
const MAX_LENGTH = 127;

/** @throws SECRETS_URI_INVALID where it is too long */
export function azureName(uri: SecretUri, prefix: string): string {
  return flatName(uri, { prefix, maxLength: MAX_LENGTH });
}

/** Reads whose name it is; undefined where it isn't one of ours. */
export function readAzureName(name: string, prefix: string): SecretUri | undefined {
  return readFlatName(name, prefix);
}
