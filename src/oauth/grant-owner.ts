import { hash } from "node:crypto";
import type { SecretUri } from "../secrets/index.ts";
import type { EnvId, TeamId, TenantId } from "../types/index.ts";
import { DEFAULT_TEAM } from "../types/index.ts";

/** Whose tokens at which provider: a person's, or a service's of the whole tenant or team. */
export interface GrantOwner {
  readonly env: EnvId;
  readonly tenant: TenantId;
  /** Absent where the grant is the whole tenant's. */
  readonly team?: TeamId;
  readonly provider: string;
  readonly kind: "user" | "service";
  /** `channel:user` of a person, any name of a service. At most 512 characters. */
  readonly id: string;
}

/**
 * Names a grant as the broker's API knows it: `envs/{env}/tenants/{tenant}/[teams/{team}/]providers/{provider}/{kind}-{id}.json`.
 * @see upstream reference §5.4
 */
export function grantAddress({ env, tenant, team, provider, kind, id }: GrantOwner): string {
  const teams = team === undefined || team === DEFAULT_TEAM ? "" : `teams/${team}/`;
  return `envs/${env}/tenants/${tenant}/${teams}providers/${provider}/${kind}-${encodeURIComponent(id)}.json`;
}

/** Where a grant is kept: ids of people hold characters that a secret's name can't, so their hash stands for them. */
export function grantUri({ env, tenant, team, provider, kind, id }: GrantOwner): SecretUri {
  return {
    env,
    tenant,
    team: team === undefined || team === DEFAULT_TEAM ? "_" : team,
    category: `oauth.${provider}`,
    name: `${kind}-${hash("sha256", id).slice(0, 40)}.json`,
  };
}

/** Tells whether two names mean the same grant. */
export function isSameOwner(a: GrantOwner, b: GrantOwner): boolean {
  return grantAddress(a) === grantAddress(b);
}
