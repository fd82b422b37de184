import type { SecretUri } from "../secret-uri.ts";
import { parseSecretUri } from "../secret-uri.ts";

/** `{prefix}/{env}/{tenant}/{team}/{category}/{name}`: AWS allows all that addresses hold. @see upstream reference §5.3 */
export function awsName({ env, tenant, team, category, name }: SecretUri, prefix: string): string {
  return [prefix, env, tenant, team, category, name].join("/");
}

/** Reads whose name it is; undefined where it isn't one of ours. */
export function readAwsName(name: string, prefix: string): SecretUri | undefined {
  if (!name.startsWith(`${prefix}/`)) return undefined;
  try {
    return parseSecretUri(`secrets://${name.slice(prefix.length + 1)}`);
  } catch {
    return undefined;
  }
}
