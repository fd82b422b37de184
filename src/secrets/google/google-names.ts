import { flatName, readFlatName } from "../cloud/flat-name.ts";
import type { SecretUri } from "../secret-uri.ts";

/** What Secret Manager allows. */
const MAX_LENGTH = 255;

/** @throws SECRETS_URI_INVALID where it is too long */
export function googleName(uri: SecretUri, prefix: string): string {
  return flatName(uri, { prefix, maxLength: MAX_LENGTH });
}

/** Reads whose name it is; undefined where it isn't one of ours. */
export function readGoogleName(name: string, prefix: string): SecretUri | undefined {
  return readFlatName(name.slice(name.lastIndexOf("/") + 1), prefix);
}
