/**
 * Names for services that allow letters, digits and hyphens alone, and can't tell capitals: `{prefix}--{env}--{tenant}--{team}--{category}--{name}`,
 * where `_` is written `-u`, `.` is `-p` and `-` is `-h`. Two hyphens are never written otherwise, so that every name is one secret's.
 */
import { GreenticError } from "../../types/index.ts";
import type { SecretUri } from "../secret-uri.ts";
import { formatSecretUri, parseSecretUri } from "../secret-uri.ts";

const WRITTEN: Readonly<Record<string, string>> = { _: "-u", ".": "-p", "-": "-h" };
const READ: Readonly<Record<string, string>> = { "-u": "_", "-p": ".", "-h": "-", "--": "/" };

/** Writes a secret's name. @throws SECRETS_URI_INVALID where it is too long */
export function flatName(
  uri: SecretUri,
  { prefix, maxLength }: { readonly prefix: string; readonly maxLength: number },
): string {
  const { env, tenant, team, category, name } = uri;
  const parts = [env, tenant, team, category, name].map((part) =>
    part.replaceAll(/[_.-]/g, (character) => WRITTEN[character] ?? ""),
  );
  const flat = [prefix, ...parts].join("--");
  if (flat.length > maxLength)
    throw new GreenticError(
      "SECRETS_URI_INVALID",
      `Name ${formatSecretUri(uri)} for the cloud: expected at most ${maxLength} characters, got ${flat.length}`,
    );
  return flat;
}

/** Reads whose name it is; undefined where it isn't one of ours. */
export function readFlatName(flat: string, prefix: string): SecretUri | undefined {
  const name = flat.toLowerCase();
  if (!name.startsWith(`${prefix}--`)) return undefined;
  const path = name.slice(prefix.length + 2).replaceAll(/-./g, (pair) => READ[pair] ?? "!");
  try {
    return parseSecretUri(`secrets://${path}`);
  } catch {
    return undefined;
  }
}
