import { DEFAULT_TEAM, GreenticError, quote } from "../types/index.ts";
import type { TenantCtx } from "../types/index.ts";

/** Names one secret: `secrets://{env}/{tenant}/{team|_}/{category}/{name}[@version]`. @see upstream reference §5.3 */
export interface SecretUri {
  readonly env: string;
  readonly tenant: string;
  /** `_` where the secret belongs to the whole tenant. */
  readonly team: string;
  /** The pack's name, or configs, messaging, signing. */
  readonly category: string;
  readonly name: string;
  /** A version as the place that keeps it counts; without it, the newest. */
  readonly version?: string;
}

const PART = /^[a-z0-9._-]{1,128}$/;
/** Numbers, and what clouds make. */
const VERSION = /^[a-z0-9-]{1,64}$/;

/** Formats a secret's URI. */
export function formatSecretUri(uri: SecretUri): string {
  return `secrets://${uri.env}/${uri.tenant}/${uri.team}/${uri.category}/${uri.name}${uri.version === undefined ? "" : `@${uri.version}`}`;
}

/** Parses a secret's URI. @throws SECRETS_URI_INVALID naming the part that is wrong */
export function parseSecretUri(text: string): SecretUri {
  const at = text.lastIndexOf("@");
  const version = at < 0 ? undefined : text.slice(at + 1);
  const parts = text.startsWith("secrets://")
    ? text.slice("secrets://".length, at < 0 ? undefined : at).split("/")
    : [];
  const [env, tenant, team, category, name] = parts;
  if (
    parts.length !== 5 ||
    env === undefined ||
    tenant === undefined ||
    team === undefined ||
    category === undefined ||
    name === undefined
  ) {
    throw new GreenticError("SECRETS_URI_INVALID", `Read secret URI: expected 5 parts, got ${quote(text)}`);
  }
  for (const part of parts) {
    if (!PART.test(part) || part === "." || part === "..")
      throw new GreenticError("SECRETS_URI_INVALID", `Read secret URI: part ${quote(part)} holds other characters`);
  }
  if (version !== undefined && !VERSION.test(version))
    throw new GreenticError("SECRETS_URI_INVALID", `Read secret URI: version ${quote(version)} holds other characters`);
  const uri = { env, tenant, team: team === "default" ? "_" : team, category, name };
  return version === undefined ? uri : { ...uri, version };
}

/** Folds a component's spelling of a name to the stored one: lower case, anything else than `[a-z0-9_]` becomes `_`. */
export function canonicalSecretName(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9_]/g, "_");
}

/** Lists where a scoped secret may stand, nearest first: the team's, then the tenant's. */
export function secretCandidates(ctx: TenantCtx, category: string, name: string): readonly SecretUri[] {
  const base = { env: ctx.env, tenant: ctx.tenant, category, name: canonicalSecretName(name) };
  const tenantWide = { ...base, team: "_" };
  return ctx.team === DEFAULT_TEAM ? [tenantWide] : [{ ...base, team: ctx.team }, tenantWide];
}
